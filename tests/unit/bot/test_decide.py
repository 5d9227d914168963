"""What is done with an event, as a table."""

from dataclasses import replace

import pytest

from bot.access import GroupState, Limits, Role, Visitor
from bot.decide import Situation, decide
from bot.domain import (
    AskAdmins,
    Attachment,
    AttachmentKind,
    ButtonPressed,
    ChatKey,
    ChatMoved,
    ChatSettings,
    CloseChat,
    Converse,
    Identity,
    Ignore,
    Joined,
    LeaveGroup,
    Left,
    MessageEdited,
    MessageRemoved,
    MoveChat,
    OfferCode,
    OpenGroup,
    Person,
    Redeem,
    Refuse,
    Rewind,
    RunCommand,
    Withdraw,
)
from tests.fakes.transport import incoming

BOT = Identity(user_id="bot", name="inglenook")
ADA = Person("console", "owner", "Ada")
CHAT = ChatKey("console", "main")
PHOTO = Attachment(kind=AttachmentKind.IMAGE, handle="p", file_name="p.jpg")
OTHER_HANDLE = replace(PHOTO, handle="q")


def visitor(role=Role.USER, **other):
    return Visitor(person_id="console/owner", role=role, name="Ada", **other)


def at(role=Role.USER, **other):
    """The situation of somebody with this role."""
    return Situation(identity=BOT, visitor=visitor(role), **other)


def limited(**counts):
    """Somebody who may write twice a minute and five times a day."""
    counted = visitor(limits=Limits(per_minute=2, per_day=5), free_in_seconds=9, day_ends_in_seconds=7200, **counts)
    return Situation(identity=BOT, visitor=counted)


def grouped(text="", **other):
    return incoming(text, is_direct=False, **other)


def pressed(data):
    return ButtonPressed(ref=incoming().ref, sender=ADA, press_id="p", data=data)


def joined():
    return Joined(chat=CHAT, event_id="1", by=ADA, title="Family")


HOME = at()
GROUP = at(group=GroupState.APPROVED)
GUEST = at(Role.UNKNOWN, group=GroupState.APPROVED)
STRANGER = at(Role.UNKNOWN)
BANNED = at(Role.BANNED)
ALWAYS = at(group=GroupState.APPROVED, settings=ChatSettings(activation="always"))
FULL = limited(last_minute=2)


@pytest.mark.parametrize(
    ("event", "situation", "action"),
    [
        # In a chat with one person
        pytest.param(incoming("hello"), HOME, Converse(), id="a text"),
        pytest.param(incoming("", attachments=(PHOTO,)), HOME, Converse(), id="a picture alone"),
        pytest.param(incoming(""), HOME, Refuse("message.unreadable"), id="nothing"),
        pytest.param(incoming(unreadable="sticker"), HOME, Refuse("unreadable.sticker"), id="a sticker"),
        pytest.param(incoming(unreadable="poll"), HOME, Refuse("unreadable.poll"), id="a poll"),
        pytest.param(incoming(unreadable="dice"), HOME, Refuse("message.unreadable"), id="a rare kind"),
        pytest.param(incoming("look", unreadable="sticker"), HOME, Converse(), id="words beside what is unreadable"),
        # Commands
        pytest.param(incoming("/new"), HOME, RunCommand("new", ""), id="a command"),
        pytest.param(incoming("/LANG  zh "), HOME, RunCommand("lang", "zh"), id="arguments"),
        pytest.param(incoming("/remind 9:00\ncall"), HOME, RunCommand("remind", "9:00\ncall"), id="several lines"),
        pytest.param(incoming("/new@Inglenook"), HOME, RunCommand("new", ""), id="a command for us by name"),
        pytest.param(incoming("@inglenook /new"), HOME, RunCommand("new", ""), id="our name first"),
        pytest.param(incoming("/new@other"), HOME, Ignore("a command for another bot"), id="for another bot"),
        pytest.param(incoming("/add it", attachments=(PHOTO,)), HOME, RunCommand("add", "it"), id="in a caption"),
        pytest.param(incoming("/etc/hosts is what?"), HOME, Converse(), id="a path is no command"),
        pytest.param(incoming("/"), HOME, Converse(), id="a slash is no command"),
        # Groups
        pytest.param(grouped("hi all"), GROUP, Ignore("not addressed"), id="a group talks to itself"),
        pytest.param(grouped("hi", mentions_bot=True), GROUP, Converse(), id="a mention"),
        pytest.param(grouped("hi all"), ALWAYS, Converse(), id="a group where everything is answered"),
        pytest.param(grouped("/help"), GROUP, RunCommand("help", ""), id="a command in a group"),
        pytest.param(grouped("hi", mentions_bot=True), GUEST, Converse(), id="everybody in an approved group"),
        pytest.param(grouped(unreadable="sticker"), GROUP, Ignore("not addressed"), id="a group's stickers"),
        pytest.param(
            grouped(unreadable="sticker", mentions_bot=True), GROUP, Refuse("unreadable.sticker"), id="one for us"
        ),
        pytest.param(grouped("hi", mentions_bot=True), HOME, AskAdmins(), id="a group never heard of"),
        pytest.param(grouped("hi"), HOME, Ignore("a closed group"), id="a group never heard of, not to us"),
        pytest.param(
            grouped("hi", mentions_bot=True), at(group=GroupState.ASKED), Ignore("a closed group"), id="not open yet"
        ),
        pytest.param(
            grouped("hi", mentions_bot=True), at(group=GroupState.REFUSED), Ignore("a closed group"), id="refused"
        ),
        pytest.param(
            grouped("hi", mentions_bot=True), at(Role.ADMIN, group=GroupState.ASKED), Converse(), id="admin anywhere"
        ),
        # Strangers
        pytest.param(incoming("hello"), STRANGER, OfferCode(), id="a stranger"),
        pytest.param(incoming("/help"), STRANGER, OfferCode(), id="a stranger's command"),
        pytest.param(incoming("/start"), STRANGER, OfferCode(), id="a stranger's start"),
        pytest.param(incoming("/start ABC"), STRANGER, Redeem("ABC"), id="an invitation"),
        pytest.param(incoming("/start ABC"), HOME, RunCommand("start", "ABC"), id="an invitation for somebody known"),
        pytest.param(incoming("hello"), BANNED, Ignore("banned"), id="banned"),
        pytest.param(
            grouped("hi", mentions_bot=True),
            at(Role.BANNED, group=GroupState.APPROVED),
            Ignore("banned"),
            id="banned in an approved group",
        ),
        # Limits
        pytest.param(incoming("hi"), limited(last_minute=1), Converse(), id="below the limit"),
        pytest.param(incoming("hi"), FULL, Refuse("limit.minute", 9), id="too much in a minute"),
        pytest.param(incoming("hi"), limited(today=5), Refuse("limit.day", 7200), id="too much in a day"),
        pytest.param(incoming("hi"), limited(last_minute=2, told=True), Ignore("limit.minute"), id="said already"),
        pytest.param(incoming(unreadable="sticker"), FULL, Refuse("limit.minute", 9), id="stickers count"),
        pytest.param(incoming("/retry"), FULL, Refuse("limit.minute", 9), id="commands count"),
        pytest.param(incoming("/stop"), FULL, RunCommand("stop", ""), id="stop is free"),
        # After a long absence
        pytest.param(incoming("hi"), at(is_stale=True), Refuse("notice.backlog"), id="old"),
        pytest.param(incoming("hi"), at(is_stale=True, stale_was_told=True), Ignore("old"), id="old, and told"),
        # Edits and removals
        pytest.param(
            MessageEdited(message=incoming("hello", "7")),
            at(last_question_id="7", was_asked=True),
            Rewind("7"),
            id="the last question is edited",
        ),
        pytest.param(
            MessageEdited(message=incoming("hello", "7")),
            at(last_question_id="9", was_asked=True),
            Refuse("edit.older"),
            id="an older question is edited",
        ),
        pytest.param(
            MessageEdited(message=incoming("hello", "7")),
            at(last_question_id="9"),
            Rewind("7"),
            id="what was refused is edited",
        ),
        pytest.param(
            MessageEdited(message=incoming("hello", attachments=(PHOTO,))),
            at(before_edit=incoming("hello", attachments=(OTHER_HANDLE,))),
            Ignore("nothing has changed"),
            id="an edit without a change",
        ),
        pytest.param(
            MessageEdited(message=incoming("/help")),
            at(before_edit=incoming("/hlp")),
            RunCommand("help", ""),
            id="an edited command",
        ),
        pytest.param(
            MessageEdited(message=grouped("hi", mentions_bot=True)),
            at(group=GroupState.APPROVED, before_edit=grouped("hi")),
            Rewind("1"),
            id="an edit that addresses us",
        ),
        pytest.param(MessageRemoved(ref=incoming("", "7").ref, sender=ADA), HOME, Withdraw("7"), id="a removal"),
        # Buttons
        pytest.param(pressed("stop"), at(asker="console/owner"), RunCommand("stop", ""), id="the asker presses"),
        pytest.param(pressed("stop"), at(asker="console/eve"), Refuse("press.not_yours"), id="somebody else presses"),
        pytest.param(pressed("stop"), at(Role.ADMIN, asker="console/eve"), RunCommand("stop", ""), id="an admin"),
        pytest.param(pressed("resume 3"), HOME, RunCommand("resume", "3"), id="a button for all"),
        pytest.param(pressed("stop"), BANNED, Ignore("a stranger"), id="somebody banned presses"),
        pytest.param(pressed("retry 7"), at(last_question_id="7"), RunCommand("retry", "7"), id="again"),
        pytest.param(pressed("retry 7"), at(last_question_id="9"), Refuse("press.older"), id="again, an older one"),
        pytest.param(
            pressed("retry 7"), at(last_question_id="7", is_busy=True), Refuse("press.busy"), id="again, while busy"
        ),
        pytest.param(
            pressed("retry 7"), replace(FULL, last_question_id="7"), Refuse("limit.minute", 9), id="too often"
        ),
        # Places
        pytest.param(joined(), at(Role.ADMIN), OpenGroup(), id="an admin adds us"),
        pytest.param(joined(), HOME, AskAdmins(), id="a user adds us"),
        pytest.param(joined(), STRANGER, AskAdmins(), id="a stranger adds us"),
        pytest.param(joined(), BANNED, LeaveGroup(), id="somebody banned adds us"),
        pytest.param(joined(), GROUP, OpenGroup(), id="back in an approved group"),
        pytest.param(joined(), at(group=GroupState.REFUSED), LeaveGroup(), id="back in a refused group"),
        pytest.param(joined(), at(Role.ADMIN, group=GroupState.REFUSED), OpenGroup(), id="an admin thinks again"),
        pytest.param(Left(chat=CHAT, event_id="1"), STRANGER, CloseChat(), id="put out"),
        pytest.param(ChatMoved(chat=CHAT, to=ChatKey("c", "2")), STRANGER, MoveChat(ChatKey("c", "2")), id="moved"),
    ],
)
def test_decide(event, situation, action):
    """Each event in each situation has one action."""
    assert action == decide(event, situation)


def test_own_messages_are_ignored():
    """The assistant never answers itself."""
    own = replace(incoming("hello"), sender=Person("console", "bot", "me"))
    assert Ignore("own message") == decide(own, HOME)
