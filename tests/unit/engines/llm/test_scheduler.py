"""Scheduler: which tokens are decoded next."""

import itertools

import pytest

from engines.llm.batch import DecodeOutcome
from engines.llm.request import FinishReason
from engines.llm.scheduler import Scheduler, fair_shares
from engines.llm.sequence import Sequence, Status

END = 0
ids = itertools.count(1)


def scheduler(**changes):
    fields = {
        "slots": 4,
        "capacity": 1000,
        "context_tokens": 1000,
        "batch_tokens": 100,
        "ends": lambda token: not token,
    }
    return Scheduler(**(fields | changes))


def add(subject, session_id, prompt_tokens, *, max_tokens=10):
    sequence = Sequence(
        sequence_id=next(ids),
        session_id=session_id,
        tokens=list(range(1, prompt_tokens + 1)),
        prompt_tokens=prompt_tokens,
        max_tokens=max_tokens,
    )
    subject.add(sequence)
    return sequence


def step(subject, outcome=DecodeOutcome.OK, token=7):
    """One step in which every draw gives the same token; returns how many rows each slot had."""
    subject.admit()
    plan = subject.schedule()
    drawn = {draw.sequence_id: [token] for draw in plan.draws} if outcome is DecodeOutcome.OK else {}
    subject.update(outcome, drawn)
    rows = [row.slot for row in plan.rows]
    return {slot: rows.count(slot) for slot in sorted(set(rows))}


def test_a_long_prompt_is_read_in_pieces():
    """250 tokens take three steps of at most 96, so that a newcomer never waits for a long step."""
    subject = scheduler(batch_tokens=512)
    add(subject, "a", 250)

    assert [step(subject) for _ in range(4)] == [{0: 96}, {0: 96}, {0: 58}, {0: 1}]


def test_only_the_last_token_of_a_prompt_wants_logits():
    """Nothing is drawn before the prompt was read to its end."""
    subject = scheduler()
    add(subject, "a", 3)
    subject.admit()

    assert [row.wants_logits for row in subject.schedule().rows] == [False, False, True]


def test_running_words_go_on_while_a_prompt_is_read():
    """The chat that speaks gets its token in every step, and the reader a piece of its prompt."""
    subject = scheduler()
    add(subject, "speaker", 5)
    step(subject)
    add(subject, "reader", 200)

    assert [step(subject) for _ in range(3)] == [{0: 1, 1: 64}, {0: 1, 1: 64}, {0: 1, 1: 64}]


def test_a_short_newcomer_is_read_at_once_beside_a_long_prompt():
    """Equal shares: what is short fits into one step."""
    subject = scheduler()
    add(subject, "long", 500)
    step(subject)
    newcomer = add(subject, "short", 20)
    step(subject)

    assert newcomer.status is Status.DECODING


def test_one_answer_of_a_session_at_a_time():
    """The second message of a chat waits for the first answer, the other chat does not."""
    subject = scheduler()
    first, second, other = add(subject, "a", 5), add(subject, "a", 9), add(subject, "b", 5)
    step(subject)

    assert [each.status for each in (first, second, other)] == [Status.DECODING, Status.WAITING, Status.DECODING]
    subject.finish(first, FinishReason.ABORTED)
    step(subject)
    assert second.status is Status.DECODING
    assert second.reused == 5


def test_the_token_that_ends_is_not_part_of_the_answer():
    """Reason STOP, and nothing drawn."""
    subject = scheduler()
    sequence = add(subject, "a", 5)
    step(subject, token=END)

    assert (sequence.finish_reason, sequence.completion_tokens) == (FinishReason.STOP, 0)


@pytest.mark.parametrize(("max_tokens", "context_tokens", "completion"), [(3, 100, 3), (50, 12, 7)])
def test_an_answer_ends_at_its_limit_or_at_the_contexts(max_tokens, context_tokens, completion):
    """Reason LENGTH, whichever limit comes first."""
    subject = scheduler(context_tokens=context_tokens)
    sequence = add(subject, "a", 5, max_tokens=max_tokens)
    while subject.has_work:
        step(subject)

    assert (sequence.finish_reason, sequence.completion_tokens) == (FinishReason.LENGTH, completion)


def test_nobody_starts_without_room_for_the_prompt():
    """Two prompts that do not fit together run one after the other."""
    subject = scheduler(capacity=300, context_tokens=300)
    first, second = add(subject, "a", 200), add(subject, "b", 200)
    step(subject)
    assert (first.status, second.status) == (Status.PREFILLING, Status.WAITING)

    while first.status is not Status.FINISHED:
        step(subject)
    step(subject)

    assert second.status is Status.PREFILLING


def test_without_room_the_newest_waits_again_and_nothing_is_lost():
    """Preemption keeps the words drawn so far; they are read again later."""
    subject = scheduler(capacity=80, context_tokens=80)
    old, new = add(subject, "a", 5), add(subject, "b", 5)
    step(subject)
    step(subject, DecodeOutcome.NO_ROOM)

    assert (old.status, new.status, new.tokens[5:]) == (Status.DECODING, Status.WAITING, [7])
    assert subject.table.cuts() == [(1, 0)]
    assert subject.preemptions == 1
    subject.table.cut(1)
    step(subject)
    assert (new.status, new.completion_tokens) == (Status.DECODING, 2)


def test_alone_without_room_is_the_end_of_the_context():
    """There is nobody to give way."""
    subject = scheduler()
    sequence = add(subject, "a", 5)
    step(subject)
    step(subject, DecodeOutcome.NO_ROOM)

    assert sequence.finish_reason is FinishReason.LENGTH


def test_an_interrupted_step_is_planned_again():
    """What may have reached the cache is cut first, then the same rows come again."""
    subject = scheduler()
    add(subject, "a", 30)
    subject.admit()
    plan = subject.schedule()
    subject.update(DecodeOutcome.ABORTED, {})

    assert subject.table.cuts() == [(0, 0)]
    subject.table.cut(0)
    assert subject.schedule() == plan


def test_a_failed_step_ends_what_runs_and_keeps_what_waits():
    """The cache is forgotten; those who wait are read into the new one."""
    subject = scheduler(slots=1)
    running, waiting = add(subject, "a", 5), add(subject, "b", 5)
    step(subject, DecodeOutcome.FAILED)

    assert (running.finish_reason, waiting.status) == (FinishReason.FAILED, Status.WAITING)
    assert subject.table.sessions == {}
    step(subject)
    assert waiting.status is Status.DECODING


def test_a_slot_that_could_not_be_cut_is_read_from_the_start():
    """Models that cannot forget a part lose the whole, and say so in their count."""
    subject = scheduler()
    subject.finish(add(subject, "a", 5), FinishReason.ABORTED)
    first = add(subject, "a", 8)
    step(subject)
    subject.finish(first, FinishReason.ABORTED)
    again = add(subject, "a", 6)
    subject.admit()
    assert again.reused == 5
    subject.lose(again.slot)

    assert (again.reused, len(subject.schedule().rows)) == (0, 6)


def test_forgetting_a_session_ends_its_answers():
    """Running and waiting answers of the session end, its tokens go, and others stay."""
    subject = scheduler()
    running, waiting, other = add(subject, "a", 5), add(subject, "a", 6), add(subject, "b", 5)
    step(subject)

    assert subject.forget("a") == [running, waiting]
    assert {running.finish_reason, waiting.finish_reason} == {FinishReason.ABORTED}
    assert set(subject.table.sessions) == {"b"}
    assert other.status is Status.DECODING


@pytest.mark.parametrize(
    ("wanted", "budget", "shares"),
    [
        ([], 10, []),
        ([4], 10, [4]),
        ([50, 50], 10, [5, 5]),
        ([2, 50], 10, [2, 8]),
        ([50, 2, 50], 11, [4, 2, 5]),
        ([5, 5], 1, [0, 1]),
    ],
)
def test_fair_shares(wanted, budget, shares):
    """Nobody gets more than wanted, nobody less than an equal share of what is left."""
    assert fair_shares(wanted, budget) == shares


def quoting(subject, session_id, drawn, max_tokens=10):
    """A sequence that has drawn its first token after a prompt that ends as it began, and its next plan."""
    sequence = add(subject, session_id, 3, max_tokens=max_tokens)
    sequence.tokens = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4]
    sequence.prompt_tokens = 12
    step(subject, token=drawn)
    return sequence, subject.schedule()


def test_a_repeated_text_is_guessed_and_checked_in_one_step():
    """Three rows behind the newest token, all with logits, of one draw."""
    subject = scheduler(guesses=True)
    sequence, plan = quoting(subject, "a", 5)

    assert [(row.token, row.position, row.wants_logits) for row in plan.rows] == [
        (5, 12, True),
        (6, 13, True),
        (7, 14, True),
        (8, 15, True),
    ]
    assert [(draw.row, draw.guess) for draw in plan.draws] == [(0, (6, 7, 8))]
    assert sequence.remaining == 1


def test_wrong_guesses_are_to_be_cut():
    """One of three held: it and the token drawn after it count, the rest leaves the slot."""
    subject = scheduler(guesses=True)
    sequence, _ = quoting(subject, "a", 5)
    (advance,) = subject.update(DecodeOutcome.OK, {sequence.sequence_id: [6, 9]})

    assert advance.tokens == (6, 9)
    assert sequence.tokens[12:] == [5, 6, 9]
    assert (sequence.computed, sequence.remaining) == (14, 1)
    assert subject.table.cuts() == [(sequence.slot, 14)]


def test_an_answer_that_ends_in_a_guess_keeps_what_held():
    """The end is drawn after two right guesses."""
    subject = scheduler(guesses=True)
    sequence, _ = quoting(subject, "a", 5)
    (advance,) = subject.update(DecodeOutcome.OK, {sequence.sequence_id: [6, 7, END]})

    assert (advance.tokens, sequence.finish_reason) == ((6, 7), FinishReason.STOP)
    assert subject.table.sessions["a"] == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("changes", "max_tokens"), [({"guesses": False}, 10), ({"guesses": True}, 2)])
def test_no_guess_where_it_is_off_or_of_no_use(changes, max_tokens):
    """The last token that an answer may have needs no guess behind it."""
    _, plan = quoting(scheduler(**changes), "a", 5, max_tokens=max_tokens)

    assert [draw.guess for draw in plan.draws] == [()]


def test_guesses_take_only_rows_that_are_free():
    """With four speaking chats, or beside a prompt that is read, nothing is guessed."""
    subject = scheduler(guesses=True)
    for session_id in "abcd":
        _, plan = quoting(subject, session_id, 5)

    assert [draw.guess for draw in plan.draws] == [()] * 4
