"""SessionKeeper, inside a loop that is turned by hand."""

import pytest

from engines.llm.session_file import Snapshot
from engines.llm.transcript import Transcript
from tests.fakes.runner import FakeRunner
from tests.unit.engines.llm.test_schedules import SYSTEM, Bench


def finished(bench, session, question=(1, 2, 3, 4, 5, 6)):
    """Asks, turns until the answer is there, and says what it cost."""
    bench.ask(session, question, 4, None)
    while bench.loop._scheduler.has_work or not bench.loop._inbox.empty():
        bench.step()
    bench.read(-1)
    return bench.heard[-1][-1].usage


def quiet(bench, steps):
    for _ in range(steps):
        bench.step()


def test_sessions_with_the_same_system_text_read_it_once():
    """The second chat begins with the cells of the first, and they outlive it."""
    bench = Bench(FakeRunner(3, 90, beginnings=1))
    first = finished(bench, "A")
    bench.loop.forget("A")
    second = finished(bench, "B")

    assert (first.tier, first.evaluated_tokens) == ("none", len(SYSTEM) + 6)
    assert (second.tier, second.reused_tokens, second.evaluated_tokens) == ("shared", len(SYSTEM), 6)


def test_an_idle_session_is_saved_after_a_quiet_time():
    """Once, and not before; and again after its next answer."""
    bench = Bench(FakeRunner(3, 90))
    finished(bench, "A")
    assert bench.disk.sessions == {}
    quiet(bench, 3)
    saved = bench.disk.sessions.pop("A")
    quiet(bench, 5)
    assert bench.disk.sessions == {}
    finished(bench, "A", [7])
    quiet(bench, 3)

    assert bench.disk.sessions["A"].tokens[: len(saved.tokens)] != ()
    assert bench.loop._keeper.seconds_to_save(0) is None


def test_while_others_are_answered_saving_waits_for_a_minute():
    """A machine that never rests saves all the same."""
    bench = Bench(FakeRunner(3, 5000, model=lambda tokens: ord("x")))
    bench.loop._scheduler._context_tokens = 5000
    finished(bench, "A")
    bench.ask("B", [1], 3000, None)
    quiet(bench, 50)
    assert bench.disk.sessions == {}
    quiet(bench, 20)

    assert set(bench.disk.sessions) == {"A"}


def test_a_session_from_the_disk_goes_on_where_it_was():
    """Only what is new is read, and what the slot holds is what was saved."""
    bench = Bench(FakeRunner(1, 90))
    finished(bench, "A")
    finished(bench, "B")
    quiet(bench, 5)
    usage = finished(bench, "A", [7, 8])

    assert (usage.tier, usage.evaluated_tokens) == ("cold", 2)


@pytest.mark.parametrize("state", [b"nonsense", b"1,2,3", b""])
def test_a_restore_that_lies_is_nothing_reused(caplog, state):
    """The cache is asked what it holds, whatever was said of it."""
    bench = Bench(FakeRunner(1, 90))
    tokens = (*SYSTEM, *(ord("A") + 4 * digit for digit in (1, 2, 3, 4, 5, 6)))
    bench.disk.sessions["A"] = Snapshot(tokens=tokens, transcript=Transcript(), state=state)
    usage = finished(bench, "A")

    assert (usage.tier, usage.reused_tokens, usage.evaluated_tokens) == ("none", 0, len(tokens))
    assert "read again" in caplog.text


def test_a_model_that_cannot_be_cut_goes_on_from_a_whole_session_or_not_at_all():
    """The same question again would need one token less than there is."""
    bench = Bench(FakeRunner(1, 90, cuttable=False), warm_bytes=5000)
    finished(bench, "A")
    bench.prompts["A"] = list(bench.answers[-1].sequence.tokens)
    finished(bench, "B")
    grown = finished(bench, "A", [7])
    bench.prompts["A"] = bench.asked[-1][0][:-3]
    finished(bench, "B")
    shorter = finished(bench, "A", [8])

    assert (grown.tier, grown.evaluated_tokens) == ("warm", 2)
    assert (shorter.tier, shorter.reused_tokens) == ("none", 0)


def test_room_is_made_from_idle_sessions_first_and_then_from_what_is_shared():
    """And when nothing is left, that is said."""
    runner = FakeRunner(3, 90, beginnings=1)
    bench = Bench(runner)
    finished(bench, "A")
    finished(bench, "B")
    held = []
    while bench.loop._keeper.make_room():
        held.append([runner.held(slot) for slot in range(4)])

    assert held == [[0, 27, 0, 18], [0, 0, 0, 18], [0, 0, 0, 0]]
    bench.loop.check_books()


def test_at_the_end_what_is_not_on_the_disk_is_saved():
    """Sessions in slots and in memory alike."""
    bench = Bench(FakeRunner(1, 90), warm_bytes=5000)
    bench.disk.wait_idle = lambda seconds: setattr(bench.disk, "idle", True) or True
    finished(bench, "A")
    finished(bench, "B")
    bench.loop.close()
    bench.loop.run()

    assert set(bench.disk.sessions) == {"A", "B"}
