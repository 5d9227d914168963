"""What this machine has to give."""

import os
import platform
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from engines.errors import ModelLoadError

_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_CPUINFO = Path("/proc/cpuinfo")

_NO_LIMIT = 1 << 60
"""Version 1 of the control groups writes a number beyond this where there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this process may use."""

    processors: int
    """Those that the system schedules this process on; a hyper-thread counts as one."""
    physical_cores: int
    quota_cores: float | None
    """What a control group, such as a container's, allows on average."""
    instructions: frozenset[str]
    """The processor's flags in /proc/cpuinfo; empty where that does not tell."""
    available_memory_bytes: int

    @property
    def cores(self) -> int:
        """Threads that can compute at the same time without waiting for each other."""
        quota = self.processors if self.quota_cores is None else int(self.quota_cores)
        return max(1, min(self.processors, self.physical_cores, quota))


def read_machine() -> Machine:
    """This machine, now."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        processors=processors,
        physical_cores=psutil.cpu_count(logical=False) or processors,
        quota_cores=_cpu_quota(),
        instructions=_instructions(),
        available_memory_bytes=available_memory_bytes(),
    )


def automatic_threads() -> int:
    """The cores that this process may use, less one for everything else, and at least one.

    A thread more than the cores makes a step several times slower, because ggml's threads spin while they wait for each
    other; hyper-threads share the units that do the work.
    """
    return max(1, read_machine().cores - 1)


def available_memory_bytes() -> int:
    """Memory that can be taken without swapping, within the container's limit if there is one."""
    return min([int(psutil.virtual_memory().available), *_memory_left()])


def processor_name() -> str:
    """The model of the processor, with a short sum of its instructions: virtual machines hide some."""
    names = (line.partition(":")[2].strip() for line in _read(_CPUINFO).splitlines() if line.startswith("model name"))
    flags = zlib.crc32(" ".join(sorted(_instructions())).encode())
    return f"{next(names, platform.processor() or platform.machine())} ({flags:08x})"


def stay_on(processors: Collection[int]) -> None:
    """Keeps the calling thread, and those it starts, on these processors. Raises ModelLoadError."""
    try:
        os.sched_setaffinity(0, processors)
    except (AttributeError, OSError, ValueError) as error:
        listed = ", ".join(map(str, processors))
        raise ModelLoadError("model.affinity", processors=listed, detail=str(error)) from error


def _groups() -> Iterator[Path]:
    """The control groups of version 2 that this process is in, from the innermost outwards."""
    own = next((line[3:] for line in _read(_OWN_GROUP).splitlines() if line.startswith("0::")), "/")
    inner = _CGROUP / own.strip("/")
    yield from (group for group in (inner, *inner.parents) if group.is_relative_to(_CGROUP))


def _cpu_quota() -> float | None:
    limits = [_read(group / "cpu.max").partition(" ")[::2] for group in _groups()]
    first = _CGROUP / "cpu"
    limits.append((_read(first / "cpu.cfs_quota_us"), _read(first / "cpu.cfs_period_us")))
    return min(
        (int(quota) / int(period) for quota, period in limits if quota.isdigit() and period.isdigit()), default=None
    )


def _memory_left() -> Iterator[int]:
    first = _CGROUP / "memory"
    pairs = [(_read(group / "memory.max"), _read(group / "memory.current")) for group in _groups()]
    pairs.append((_read(first / "memory.limit_in_bytes"), _read(first / "memory.usage_in_bytes")))
    for limit, used in pairs:
        if limit.isdigit() and used.isdigit() and int(limit) < _NO_LIMIT:
            yield int(limit) - int(used)


def _instructions() -> frozenset[str]:
    lines = (line.partition(":") for line in _read(_CPUINFO).splitlines())
    return next(
        (frozenset(flags.split()) for name, _, flags in lines if name.strip() in ("flags", "Features")), frozenset()
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
