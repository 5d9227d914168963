"""From an update of the Bot API to what happened."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain import AttachmentKind, ChatKey, ChatMoved, IncomingMessage, Joined, Left, MessageRef, Person
from bot.transports.telegram.inbound import Account, events
from bot.transports.telegram.polling import read_all

UPDATES = json.loads((Path(__file__).parents[3] / "data/telegram/updates.json").read_text(encoding="utf-8"))
ME = Account(7, "inglenook_bot")
PRIVATE = ChatKey("telegram", "42")
GROUP = ChatKey("telegram", "-1001")


def read(name):
    return events(UPDATES[name], ME)


def one(name):
    (event,) = read(name)
    return event


def test_a_text():
    """Who wrote what, where, when, and in which language their client is."""
    assert one("text") == IncomingMessage(
        ref=MessageRef(PRIVATE, "5"),
        sender=Person("telegram", "42", "Ann Lee", "ann"),
        sent_at=datetime.fromtimestamp(1_700_000_000, UTC),
        text="hello",
        language="zh",
    )


@pytest.mark.parametrize(
    ("name", "kind", "handle", "mime_type", "file_name", "seconds", "text"),
    [
        ("voice", AttachmentKind.VOICE, "v", "audio/ogg", "", 3.0, ""),
        ("audio", AttachmentKind.VOICE, "a", "audio/mp4", "talk.m4a", 61.0, "what is it about?"),
        ("video_note", AttachmentKind.VOICE, "n", "video/mp4", "", 8.0, ""),
        ("video", AttachmentKind.VOICE, "w", "video/mp4", "clip.mp4", 9.0, ""),
        ("photo", AttachmentKind.IMAGE, "l", "image/jpeg", "", None, "read this"),
        ("image_file", AttachmentKind.IMAGE, "d", "image/png", "scan.png", None, ""),
        ("document", AttachmentKind.DOCUMENT, "d", "application/pdf", "contract.pdf", None, ""),
        ("unnamed_document", AttachmentKind.DOCUMENT, "d", "", "", None, ""),
    ],
)
def test_files(name, kind, handle, mime_type, file_name, seconds, text):
    """Every file has its kind, name and length as the message tells them; of a photo the largest size counts."""
    message = one(name)
    (file,) = message.attachments
    assert (file.kind, file.handle, file.mime_type, file.file_name) == (kind, handle, mime_type, file_name)
    assert (file.duration_seconds, message.text) == (seconds, text)
    assert file.size_bytes


def test_an_album_has_a_name():
    """Its parts can be put together."""
    assert one("photo").album == "13"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sticker", "sticker"),
        ("animation", "animation"),
        ("venue", "location"),
        ("contact", "contact"),
        ("poll", "poll"),
    ],
)
def test_what_cannot_be_read(name, kind):
    """It is named, and no file comes with it."""
    assert (one(name).unreadable, one(name).attachments) == (kind, ())


def test_a_reply_with_a_chosen_part():
    """The part that was chosen is quoted, not the whole message; the bot is meant."""
    reply = one("reply")
    assert (reply.quoted, reply.reply_to, reply.mentions_bot) == ("whole", MessageRef(PRIVATE, "3"), True)


def test_a_reply_to_a_voice_message():
    """The voice message comes along."""
    reply = one("reply_to_voice")
    assert ([file.handle for file in reply.quoted_attachments], reply.quoted) == (["v"], "memo")


@pytest.mark.parametrize(
    ("name", "author"),
    [
        ("forward_user", "Bo"),
        ("forward_hidden", "Somebody"),
        ("forward_channel", "News"),
        ("forward_group", "Club"),
        ("text", ""),
    ],
)
def test_forwards_name_their_author(name, author):
    """As far as Telegram tells."""
    assert one(name).forwarded_from == author


def test_an_edit_is_the_whole_message_at_its_new_time():
    """Two edits of one message are two events."""
    edit = one("edit")
    assert (edit.message.text, edit.message.sent_at.timestamp()) == ("hello again", 1_700_000_060)


def test_presses():
    """The command, the message with the button, the topic."""
    press, in_topic = one("press"), one("press_in_topic")
    assert (press.data, press.press_id, press.ref) == ("stop", "77", MessageRef(PRIVATE, "9"))
    assert (in_topic.chat, in_topic.is_direct) == (ChatKey("telegram", "-1001", "3"), False)


@pytest.mark.parametrize(("name", "sees_everything"), [("joined", False), ("joined_as_admin", True)])
def test_being_put_into_a_group(name, sees_everything):
    """Admins see everything, other bots only what is addressed to them, unless group privacy is off."""
    joined = one(name)
    assert isinstance(joined, Joined)
    assert (joined.chat, joined.title, joined.sees_everything) == (GROUP, "Family", sees_everything)
    (open_minded,) = events(UPDATES[name], Account(7, "inglenook_bot", sees_everything=True))
    assert open_minded.sees_everything


@pytest.mark.parametrize(("name", "chat"), [("removed", GROUP), ("blocked", PRIVATE), ("muted_out", GROUP)])
def test_being_put_out_or_blocked(name, chat):
    """There is nobody to write to any more."""
    assert isinstance(one(name), Left)
    assert one(name).chat == chat


def test_a_group_that_moves_tells_it_twice():
    """Both messages are the same event, so it happens once."""
    moved = ChatMoved(chat=ChatKey("telegram", "-55"), to=GROUP)
    assert one("migrated_from_here") == moved == one("migrated_to_here")


@pytest.mark.parametrize(
    ("name", "mentioned", "text"),
    [
        ("group_talk", False, "dinner at eight"),
        ("mention", True, "what is 😀?"),
        ("mention_inside", True, "😀 ask @inglenook_bot"),
        ("mention_of_another", False, "@inglenook_bot2 hi"),
        ("text_mention", True, "hi"),
        ("command_for_bot", True, "/help@inglenook_bot"),
        ("caption_mention", True, "read"),
        ("only_mention", True, ""),
        ("reply_to_bot", True, "why?"),
    ],
)
def test_who_is_meant_in_a_group(name, mentioned, text):
    """By name, by mark, by reply, by a command with the name; the name in front is no part of the text."""
    message = one(name)
    assert (message.mentions_bot, message.text, message.is_direct) == (mentioned, text, False)
    assert message.chat_title == "Family"


def test_topics():
    """A topic is a chat of its own, and its first message is not being replied to; other threads are none."""
    topic = one("topic")
    assert (topic.chat.thread_id, topic.reply_to, topic.mentions_bot) == ("3", None, False)
    assert one("thread_that_is_no_topic").chat.thread_id is None


@pytest.mark.parametrize(
    "name",
    [
        "live_location",
        "game",
        "promoted",
        "unblocked",
        "channel",
        "new_member",
        "topic_created",
        "another_bot",
        "linked_channel",
        "unknown_kind",
    ],
)
def test_what_does_not_concern_the_assistant(name):
    """Service messages, bots, channels and kinds of updates that nobody knows are nothing."""
    assert read(name) == ()


def test_an_update_that_cannot_be_read_spoils_no_batch():
    """The others of the batch are read; it would come again for ever otherwise."""
    broken = {"update_id": 1, "message": {"chat": None}}
    assert [event.text for event in read_all([broken, UPDATES["text"]], ME)] == ["hello"]
