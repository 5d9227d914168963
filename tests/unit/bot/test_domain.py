"""The words of the conversation."""

from datetime import UTC, datetime

import pytest

from bot.domain import ChatKey, Conversation, Turn

AT = datetime(2026, 3, 14, tzinfo=UTC)


def turn(role, message_id=None):
    return Turn(role=role, sent="words", shown="words", at=AT, message_id=message_id)


@pytest.mark.parametrize(
    "key",
    [
        ChatKey("console", "main"),
        ChatKey("telegram", "-100123", "7"),
        ChatKey("matrix", "!a/b:example.org", "$thread/1"),
        ChatKey("console", "家 庭"),
    ],
)
def test_canonical_form_is_reversible(key):
    """The canonical form of a chat names exactly that chat."""
    assert key == ChatKey.parse(str(key))


def test_canonical_forms_do_not_collide():
    """A chat id with a slash is not a thread."""
    assert str(ChatKey("p", "a/b")) != str(ChatKey("p", "a", "b"))


def test_before_drops_the_message_and_what_followed():
    """A rewind keeps what was said before the message."""
    turns = (turn("user", "1"), turn("assistant"), turn("user", "2"), turn("assistant"))
    conversation = Conversation(conversation_id="c", chat=ChatKey("p", "a"), started_at=AT, turns=turns)
    assert turns[:2] == conversation.before("2").turns
    assert conversation.before("1").turns == ()


def test_before_an_unknown_message_changes_nothing():
    """A message that is no longer in the conversation rewinds nothing."""
    conversation = Conversation(conversation_id="c", chat=ChatKey("p", "a"), started_at=AT, turns=(turn("user", "1"),))
    assert conversation == conversation.before("9")
