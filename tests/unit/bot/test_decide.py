"""What is done with an event, as a table."""

from dataclasses import replace

import pytest

from bot.decide import decide
from bot.domain import (
    Attachment,
    AttachmentKind,
    Converse,
    Identity,
    Ignore,
    MessageEdited,
    MessageRemoved,
    Person,
    Refuse,
    Rewind,
    RunCommand,
)
from tests.fakes.transport import incoming

BOT = Identity(user_id="bot", name="inglenook")
PHOTO = Attachment(kind=AttachmentKind.IMAGE, handle="p", file_name="p.jpg")


@pytest.mark.parametrize(
    ("event", "action"),
    [
        pytest.param(incoming("hello"), Converse(), id="a text"),
        pytest.param(incoming("", attachments=(PHOTO,)), Converse(), id="a picture alone"),
        pytest.param(incoming(""), Refuse("message.unreadable"), id="nothing readable"),
        pytest.param(incoming("/new"), RunCommand("new", ""), id="a command"),
        pytest.param(incoming("/LANG  zh "), RunCommand("lang", "zh"), id="a command with arguments"),
        pytest.param(incoming("/new@inglenook"), RunCommand("new", ""), id="a command for us by name"),
        pytest.param(incoming("/new@other"), Ignore("a command for another bot"), id="a command for another bot"),
        pytest.param(
            incoming("/new", attachments=(PHOTO,)), Converse(), id="a picture whose caption looks like a command"
        ),
        pytest.param(incoming("hi all", is_direct=False), Ignore("not addressed"), id="a group not talking to us"),
        pytest.param(incoming("hi", is_direct=False, mentions_bot=True), Converse(), id="a mention in a group"),
        pytest.param(MessageEdited(message=incoming("hello", "7")), Rewind("7"), id="an edit"),
        pytest.param(
            MessageRemoved(ref=incoming("", "7").ref, sender=Person("console", "owner", "Ada")),
            Rewind("7", answer=False),
            id="a removal",
        ),
    ],
)
def test_decide(event, action):
    """Each kind of event has one action."""
    assert action == decide(event, BOT)


def test_own_messages_are_ignored():
    """The assistant never answers itself."""
    own = replace(incoming("hello"), sender=Person("console", "bot", "me"))
    assert Ignore("own message") == decide(own, BOT)
