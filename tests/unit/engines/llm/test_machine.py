"""What the machine has to give, read from stand-ins for the system."""

import pytest

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
