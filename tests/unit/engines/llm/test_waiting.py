"""WaitingLine: who comes next."""

from engines.llm.sequence import Sequence
from engines.llm.waiting import WaitingLine


def sequence(sequence_id, session_id):
    return Sequence(sequence_id=sequence_id, session_id=session_id, tokens=[1], prompt_tokens=1, max_tokens=1)


def line_of(*names):
    """A line of sequences named like a1, a2, b1: session and number."""
    line = WaitingLine()
    for name in names:
        line.append(sequence(name, name[0]))
    return line


def order(line):
    return [each.sequence_id for each in line]


def test_sessions_take_turns_and_each_keeps_its_own_order():
    """One chat that asks three things does not hold the others up."""
    assert order(line_of("a1", "a2", "a3", "b1", "c1", "b2")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_the_order_shown_is_the_order_served():
    """Taking the first again and again follows the shown order."""
    line = line_of("a1", "a2", "b1", "a3", "c1", "c2")
    expected = order(line)
    served = []
    while first := line.first(busy=()):
        line.remove(first)
        served.append(first.sequence_id)

    assert served == expected
    assert len(line) == 0


def test_a_busy_session_is_passed_over():
    """One answer of a session at a time."""
    line = line_of("a1", "b1")

    assert line.first(busy={"a"}).sequence_id == "b1"
    assert line.first(busy={"a", "b"}) is None


def test_who_lost_its_slot_is_first_again():
    """A preempted sequence comes before all that wait."""
    line = line_of("a1", "b1", "b2")
    line.put_back(sequence("b0", "b"))

    assert order(line) == ["b0", "a1", "b1", "b2"]
