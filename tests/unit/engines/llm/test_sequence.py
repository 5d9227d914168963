"""Sequence: progress as integers, state as one enum."""

import itertools

import pytest

from engines.llm.request import FinishReason
from engines.llm.sequence import TRANSITIONS, Sequence, Status


def sequence(**changes):
    fields = {"sequence_id": 1, "session_id": "a", "tokens": [1, 2, 3, 4], "prompt_tokens": 4, "max_tokens": 8}
    return Sequence(**(fields | changes))


@pytest.mark.parametrize(("old", "new"), list(itertools.product(Status, Status)))
def test_only_the_transitions_in_the_table_are_allowed(old, new):
    """Every pair of statuses is either in the table or refused."""
    subject = sequence(status=old)
    if new in TRANSITIONS[old]:
        subject.enter(new)
        assert subject.status is new
    else:
        with pytest.raises(AssertionError):
            subject.enter(new)


def test_only_prompt_tokens_that_were_decoded_count_as_evaluated():
    """Reused tokens and drawn tokens are not evaluated prompt."""
    subject = sequence()
    subject.start(slot=0, reused=1)
    subject.scheduled = 3
    subject.digest()
    subject.tokens.append(9)
    subject.scheduled = 1
    subject.digest()

    assert (subject.evaluated, subject.computed, subject.completion_tokens) == (3, 5, 1)


def test_preemption_reads_everything_again():
    """What was evaluated twice is counted twice."""
    subject = sequence()
    for _ in range(2):
        subject.start(slot=0, reused=0)
        subject.scheduled = 4
        subject.digest()
        subject.preempt()

    assert (subject.evaluated, subject.remaining, subject.status) == (8, 4, Status.WAITING)


def test_a_sequence_ends_once():
    """Finishing twice is a mistake."""
    subject = sequence()
    subject.finish(FinishReason.ABORTED)

    with pytest.raises(AssertionError):
        subject.finish(FinishReason.STOP)
