"""The thread policy on made-up step times."""

import pytest

from engines.llm.batch import BatchPlan, Draw, Row
from engines.llm.threads import AdaptiveThreads, StepThreads, ThreadLimits, thread_counts


def quiet(threads):
    """Step seconds on a machine that is ours alone."""
    return 0.1 / threads


def busy(threads):
    """With another program on every core: each further thread is one more to wait for."""
    return 0.2 * threads**2


def saturated(threads):
    """Memory gives no more: further threads neither help nor harm."""
    return 0.05


def run(threads, seconds, steps, rows=4):
    """The counts that were used."""
    used = []
    for _ in range(steps):
        used.append(threads.count)
        threads.took(rows, seconds(threads.count))
    return used


@pytest.mark.parametrize(
    ("machine", "expected"), [(quiet, 8), (busy, 1), (saturated, 8)], ids=["quiet", "busy", "saturated"]
)
def test_the_count_follows_the_machine(machine, expected):
    """All cores of a quiet machine, one where each further one slows it down, and all where it makes no difference."""
    used = run(AdaptiveThreads(thread_counts(8)), machine, 2000)

    assert used[-8:] == [expected] * 8


def test_it_comes_back_when_the_others_leave():
    """Threads are given back within a second of steps and taken again within a few."""
    threads = AdaptiveThreads(thread_counts(4))
    run(threads, quiet, 200)
    assert threads.count == 4
    run(threads, busy, 60)
    assert threads.count == 1
    run(threads, quiet, 60)

    assert threads.count == 4


def test_a_busy_machine_costs_little_after_a_while():
    """Trials become rare: of ten minutes, less than a twentieth goes to them."""
    threads = AdaptiveThreads(thread_counts(2))
    run(threads, busy, 300)
    tried = [count for count in run(threads, busy, 3000) if count == 2]

    assert len(tried) * busy(2) < 0.05 * 3000 * busy(1)


def test_a_hopeless_trial_ends_early():
    """Not all its steps are made when the first ones say enough."""
    threads = AdaptiveThreads(thread_counts(2))
    used = run(threads, lambda count: 0.2 if count == 2 else 20.0, 20)

    assert 0 < used.count(1) <= 3


def test_steps_of_another_size_are_no_reason_to_move():
    """More chats make a step longer, whatever the threads."""
    threads = AdaptiveThreads((1, 2))
    for rows in (1, 4, 1, 8) * 50:
        run(threads, lambda count, rows=rows: 0.01 * rows, 5, rows)

    assert run(threads, saturated, 1) == [2]


def test_a_small_gain_is_no_reason_to_give_a_thread_back():
    """Between no loss and a tenth of gain nothing moves: no swinging to and fro."""
    threads = AdaptiveThreads((1, 2))

    assert set(run(threads, lambda count: 0.1 if count == 2 else 0.095, 400)[-5:]) == {2}


def test_prompts_of_any_length_are_compared_by_the_row():
    """A step of 512 tokens takes longer than one of 300, and that says nothing about threads."""
    threads = AdaptiveThreads((1, 2), window_steps=2)
    for rows in (512, 300, 512, 100) * 40:
        threads.took(rows, rows * 0.001 / threads.count)

    assert threads.count == 2


def test_a_fixed_count_stays():
    """Whatever happens."""
    steps = StepThreads(ThreadLimits(decode=2, prefill=3), adaptive=False)
    speaking = BatchPlan((Row(1, 5, 0, wants_logits=True),), (Draw(0, 1),))
    reading = BatchPlan((Row(1, 5, 0, wants_logits=False), *speaking.rows), (Draw(1, 1),))

    assert set(run(steps.of(speaking), busy, 100)) == {2}
    assert set(run(steps.of(reading), busy, 100)) == {3}


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1, (1,)), (2, (1, 2)), (5, (1, 2, 3, 4, 5)), (16, (1, 2, 3, 4, 6, 8, 12, 16))],
)
def test_counts_worth_telling_apart(most, expected):
    """Close together while they are few."""
    assert thread_counts(most) == expected
