"""What is taken of a machine, and what is said about it."""

import pytest

from engines.llm.config import LlmConfig
from engines.llm.hardware import choose_hardware, lacking_instructions
from engines.llm.machine import Machine
from engines.llm.threads import ThreadLimits

BIG = {"processors": 16, "physical_cores": 8, "quota_cores": None}


def choice(machine=None, **config):
    values = BIG | {"instructions": frozenset({"avx", "avx2"}), "available_memory_bytes": 1 << 33} | (machine or {})
    return choose_hardware(LlmConfig(model_path=None, **config), Machine(**values))


@pytest.mark.parametrize(
    ("machine", "config", "threads", "reason"),
    [
        ({}, {}, (8, 8), "the machine has 8 cores"),
        ({}, {"adaptive_threads": False}, (7, 7), "one is left to everything else"),
        ({"processors": 2}, {}, (2, 2), "this process may use 2 processors"),
        ({"quota_cores": 2.5}, {}, (2, 2), "the container may use 2.5 cores"),
        ({"quota_cores": 0.5}, {}, (1, 1), "the container may use 0.5 cores"),
        ({}, {"cpu_affinity": (0, 2, 4)}, (3, 3), "cpu_affinity names 3 processors"),
        ({}, {"threads": 4}, (4, 4), "so it is set"),
        ({}, {"threads": 2, "prefill_threads": 6}, (2, 6), "so it is set"),
    ],
)
def test_threads_and_their_reason(machine, config, threads, reason):
    """The narrowest limit decides, and is named."""
    chosen = choice(machine, **config)

    assert chosen.threads == ThreadLimits(*threads)
    assert reason in chosen.reasons[0]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"avx", "avx2", "avx512f", "avx512_vnni"}, "AVX-512 with VNNI"),
        ({"avx", "avx2"}, "AVX2"),
        ({"avx"}, "AVX only"),
        (set(), "no instructions that would help"),
    ],
)
def test_the_instructions_are_named(flags, said):
    """The best set that the processor has."""
    assert said in choice({"instructions": frozenset(flags)}).reasons[-1]


def test_adapting_is_told():
    """Whether the number will change."""
    assert "fewer while other programs" in choice().reasons[1]
    assert "adaptive_threads is off" in choice(adaptive_threads=False).reasons[1]
    assert "nothing to adapt" in choice(threads=1).reasons[1]


@pytest.mark.parametrize(
    ("flags", "lacking"),
    [
        ({"pni", "avx", "avx2", "avx512f"}, []),
        ({"pni", "avx", "avx2"}, ["AVX512"]),
        ({"pni"}, ["AVX", "AVX2", "AVX512"]),
        (set(), []),
    ],
)
def test_a_build_for_another_processor_is_noticed(flags, lacking):
    """Before its first instruction ends the process; a processor that tells nothing is trusted."""
    info = "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | AVX512 = 1 | AVX512_VNNI = 0 | OPENMP = 1 | REPACK = 1 | "

    assert lacking_instructions(info, frozenset(flags)) == lacking
