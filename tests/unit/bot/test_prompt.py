"""What the model is sent."""

from datetime import UTC, datetime, timedelta

from bot.domain import ChatKey, Conversation, Turn
from bot.prompt import Piece, citations, messages, user_text
from knowledge.types import Passage

AT = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
EMPTY = Conversation(conversation_id="c", chat=ChatKey("p", "a"), started_at=AT)
PASSAGE = Passage(chunk_id="1", path="/docs/heating.md", heading="Boiler", page=None, text="Bleed it.", score=0.9)


def said(sent, at=AT):
    return Turn(role="user", sent=sent, shown=sent, at=at, message_id="1")


def test_time_is_told_at_the_start_only():
    """The time stands in the first turn, and again only after a pause."""
    first = user_text(EMPTY, "hello", (), (), now=AT, language="en")
    going_on = EMPTY.with_turns(said(first))
    soon = user_text(going_on, "and now?", (), (), now=AT + timedelta(minutes=5), language="en")
    later = user_text(going_on, "and now?", (), (), now=AT + timedelta(hours=5), language="en")
    assert "Saturday 2026-03-14 09:26" in first
    assert soon == "and now?"
    assert "14:26" in later


def test_passages_stand_in_the_newest_user_turn():
    """Passages are numbered like their citations and never touch the system text."""
    newest = user_text(EMPTY, "How do I bleed it?", (), (PASSAGE,), now=AT, language="en")
    prompt = messages("orders", EMPTY, newest)
    assert "[1] heating.md: Boiler\nBleed it." in prompt[-1].text
    assert prompt[0].text == "orders"
    assert [citation.number for citation in citations((PASSAGE,))] == [1]


def test_a_picture_without_a_question_gets_one():
    """The text of a picture alone comes with a question of ours."""
    newest = user_text(EMPTY, "", (Piece("read", "bill.jpg", "TOTAL 12"),), (), now=AT, language="en")
    assert "TOTAL 12" in newest
    assert newest.endswith("what matters in it.")


def test_speech_is_the_question_itself():
    """What was said in a voice memo is not wrapped in anything."""
    going_on = EMPTY.with_turns(said("x"))
    assert (
        user_text(going_on, "", (Piece("heard", "memo.ogg", "turn it on"),), (), now=AT, language="en") == "turn it on"
    )


def test_the_prompt_only_grows():
    """The messages of a turn start with all messages of the turn before."""
    conversation = EMPTY
    before = ()
    for number in range(5):
        now = AT + timedelta(minutes=20 * number)
        newest = user_text(conversation, f"question {number}", (), (PASSAGE,) * (number % 2), now=now, language="en")
        prompt = messages("orders", conversation, newest)
        assert before == prompt[: len(before)]
        answer = Turn(role="assistant", sent=f"answer {number}", shown="other", at=now)
        conversation = conversation.with_turns(said(newest, now), answer)
        before = prompt
