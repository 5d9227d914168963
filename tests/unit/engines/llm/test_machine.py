"""What the machine has to give, read from stand-ins for the system."""

import pytest

from engines.errors import ModelLoadError
from engines.llm import machine


@pytest.mark.parametrize(
    ("usable", "physical", "cpu_max", "threads"),
    [
        (8, 4, "", 3),
        (8, 4, "max 100000", 3),
        (2, 4, "", 1),
        (1, 1, "", 1),
        (16, 8, "250000 100000", 1),
        (16, None, "", 15),
        (16, 8, "50000 100000", 1),
    ],
)
def test_threads_are_the_cores_that_may_be_used_less_one(monkeypatch, tmp_path, usable, physical, cpu_max, threads):
    """Affinity, hyper-threads and a container's quota are respected."""
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(usable)))
    monkeypatch.setattr(machine.psutil, "cpu_count", lambda logical: physical)
    (tmp_path / "cpu.max").write_text(cpu_max)

    assert machine.automatic_threads() == threads


def test_a_containers_limit_is_the_limit(monkeypatch, tmp_path):
    """What the host has free does not help inside."""
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    free = machine.available_memory_bytes()
    (tmp_path / "memory.max").write_text("max")
    (tmp_path / "memory.current").write_text("1000")
    assert machine.available_memory_bytes() == pytest.approx(free, rel=0.2)
    (tmp_path / "memory.max").write_text("5000")

    assert machine.available_memory_bytes() == 4000


def test_an_outer_groups_limit_counts_too(monkeypatch, tmp_path):
    """A service's own group may be free while the slice around it is not; the narrowest limit holds."""
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_OWN_GROUP", tmp_path / "own")
    (tmp_path / "own").write_text("0::/home.slice/assistant.service\n")
    inner = tmp_path / "home.slice" / "assistant.service"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000")
    (inner.parent / "cpu.max").write_text("150000 100000")

    assert machine.read_machine().quota_cores == 1.5


def test_limits_of_version_1_are_read(monkeypatch, tmp_path):
    """Older systems keep them in other files."""
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    files = {
        "cpu/cpu.cfs_quota_us": "300000",
        "cpu/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": "9000",
        "memory/memory.usage_in_bytes": "2000",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    read = machine.read_machine()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("9223372036854771712")

    assert (read.quota_cores, read.available_memory_bytes) == (3.0, 7000)
    assert machine.available_memory_bytes() > 7000


def test_a_processor_that_is_not_there_is_named():
    """The setting is wrong, not the model."""
    with pytest.raises(ModelLoadError, match=r"processors 100000"):
        machine.stay_on((100_000,))
