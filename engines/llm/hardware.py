"""What is taken of the machine where the configuration leaves it open, and why."""

import re
from dataclasses import dataclass

from engines.llm.config import LlmConfig
from engines.llm.machine import Machine
from engines.llm.threads import ThreadLimits

_INSTRUCTION_SETS = (
    ("avx512_vnni", "AVX-512 with VNNI: weights in Q8_0 and Q4_0 are read several times faster than others"),
    ("avx_vnni", "AVX2 with VNNI: weights in Q8_0 and Q4_0 are read faster than others"),
    ("avx512f", "AVX-512 without VNNI"),
    ("avx2", "AVX2: weights in Q8_0 and Q4_0 are read somewhat faster than others"),
    ("asimddp", "NEON with dot products: weights in Q8_0 and Q4_0 are read several times faster than others"),
    ("avx", "AVX only: prompts are read slowly, choose a small model"),
)
"""By the flag of /proc/cpuinfo, the best first."""

_BUILD_FLAGS = {
    "SSE3": "pni",
    "SSSE3": "ssse3",
    "AVX": "avx",
    "AVX2": "avx2",
    "AVX_VNNI": "avx_vnni",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
}
"""What a build of llama.cpp says of itself, by its name in /proc/cpuinfo."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Thread counts, and a sentence for every decision."""

    threads: ThreadLimits
    reasons: tuple[str, ...]


def choose_hardware(config: LlmConfig, machine: Machine) -> Choice:
    """What the engine takes of this machine with these settings."""
    decode = config.threads or automatic_limit(config, machine)
    prefill = config.prefill_threads or decode
    return Choice(
        ThreadLimits(decode=decode, prefill=prefill),
        (
            f"{_count(decode, 'thread')} to speak and {prefill} to read: {_thread_reason(config, machine)}",
            _adapting(config, max(decode, prefill)),
            _instructions(machine),
        ),
    )


def lacking_instructions(system_info: str, instructions: frozenset[str]) -> list[str]:
    """What this build of llama.cpp would use and the processor does not have: the process would end at the first use.

    Empty where the processor does not tell what it has.
    """
    built_in = re.findall(r"(\w+) = 1", system_info)
    return [name for name in built_in if instructions and _BUILD_FLAGS.get(name, "") not in instructions | {""}]


def automatic_limit(config: LlmConfig, machine: Machine) -> int:
    """All cores when threads are given back to others in need; else all but one."""
    on = min(machine.cores, len(set(config.cpu_affinity)) or machine.cores)
    return on if config.adaptive_threads else max(1, on - 1)


def _thread_reason(config: LlmConfig, machine: Machine) -> str:
    if config.threads:
        return "so it is set"
    bounds = [
        (machine.physical_cores, f"the machine has {_count(machine.physical_cores, 'core')}"),
        (machine.processors, f"this process may use {_count(machine.processors, 'processor')}"),
        (machine.quota_cores, f"the container may use {machine.quota_cores} cores"),
        (len(set(config.cpu_affinity)) or None, f"cpu_affinity names {_count(len(config.cpu_affinity), 'processor')}"),
    ]
    reason = min((bound for bound in bounds if bound[0] is not None), key=lambda bound: bound[0] or 0)[1]
    return reason if config.adaptive_threads else f"{reason}, and one is left to everything else"


def _adapting(config: LlmConfig, most: int) -> str:
    if most == 1:
        return "with one thread there is nothing to adapt"
    if config.adaptive_threads:
        return "fewer while other programs keep the cores busy"
    return "the number stays, also while other programs keep the cores busy: adaptive_threads is off"


def _instructions(machine: Machine) -> str:
    known = (sentence for flag, sentence in _INSTRUCTION_SETS if flag in machine.instructions)
    return f"the processor has {next(known, 'no instructions that would help')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
