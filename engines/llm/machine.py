"""What this machine has to give."""

import os
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def automatic_threads() -> int:
    """Physical cores that this process may use, less one for everything else, and at least one.

    A thread more than the cores makes a step several times slower, because ggml's threads spin while they wait for each
    other; hyper-threads share the units that do the work.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or usable
    quota = _cpu_quota()
    return max(1, min(usable, physical, usable if quota is None else int(quota)) - 1)


def available_memory_bytes() -> int:
    """Memory that can be taken without swapping, within the container's limit if there is one."""
    free = int(psutil.virtual_memory().available)
    limit, used = _read(_CGROUP / "memory.max"), _read(_CGROUP / "memory.current")
    return min(free, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else free


def _cpu_quota() -> float | None:
    """Cores that the container may use on average (cgroup version 2)."""
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
