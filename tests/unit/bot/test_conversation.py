"""How a conversation that outgrows its memory is shortened."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import trimmed
from bot.domain import ChatKey, Conversation, Turn
from bot.prompt import messages

AT = datetime(2026, 3, 14, tzinfo=UTC)


def conversation(lengths):
    turns = tuple(
        Turn(role="user" if index % 2 == 0 else "assistant", sent="x" * length, shown="", at=AT)
        for index, length in enumerate(lengths)
    )
    return Conversation(conversation_id="c", chat=ChatKey("p", "a"), started_at=AT, turns=turns)


def tokens(prompt):
    return sum(len(message.text) for message in prompt) // 4 + 1


def test_what_fits_is_not_touched():
    """A conversation that fits stays as it is."""
    before = conversation([40] * 6)
    prompt = messages("system", before, "question")
    assert before is trimmed(before, prompt, tokens(prompt), 1000)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=40), st.integers(50, 500))
def test_a_trim_makes_room_and_keeps_questions_with_answers(lengths, room):
    """Whole oldest exchanges go, at least one, and the rest is the untouched end of the conversation."""
    before = conversation(lengths)
    prompt = messages("system", before, "question")
    after = trimmed(before, prompt, tokens(prompt), room)
    dropped = len(before.turns) - len(after.turns)
    assert after.turns == before.turns[dropped:]
    assert after.trimmed_turns == dropped
    assert not after.turns or after.turns[0].role == "user"
    assert (dropped > 0) == (tokens(prompt) > room)


def test_one_trim_is_enough_for_several_turns():
    """A quarter of the room is free afterwards, so that the next turns do not move the prefix again."""
    before = conversation([100] * 60)
    prompt = messages("system", before, "question")
    after = trimmed(before, prompt, tokens(prompt), 1000)
    left = tokens(messages("system", after, "question"))
    assert 600 <= left <= 800
