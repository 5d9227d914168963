"""Matrix events as ours: tables over events as a homeserver delivers them, decrypted."""

import dataclasses
import json
from pathlib import Path

import pytest

from bot.domain import AttachmentKind, ButtonPressed, ChatKey, IncomingMessage, MessageEdited, MessageRemoved
from bot.transports.matrix.inbound import Room, Target, read, target_id

EVENTS = json.loads((Path(__file__).parents[3] / "data" / "matrix" / "events.json").read_text("utf-8"))
ROOM = Room(
    room_id="!room-without-server",
    own_id="@bot:home.test",
    own_name="Inglenook",
    is_direct=True,
    title="Kitchen",
    names={"@ada:home.test": "Ada"},
)
GROUP = dataclasses.replace(ROOM, is_direct=False)
ANSWER = Target("@bot:home.test", None, "it rains")
QUESTION = Target("@ada:home.test", None, "hello")


def message(name, room=ROOM, threads="inbound", target=None):
    found = read(EVENTS[name], room, threads, target)
    assert isinstance(found, IncomingMessage)
    return found


@pytest.mark.parametrize("name", ["notice", "own", "member", "thumb"])
def test_what_is_nobodys_question(name):
    """Notices, own words, membership and reactions without meaning are left alone."""
    assert read(EVENTS[name], ROOM, "inbound", ANSWER) is None


def test_a_text():
    """Who wrote what, where and when; a room id is taken as it is."""
    found = message("text")
    assert (found.text, found.sender.name, found.sender.username) == ("hello", "Ada", "ada:home.test")
    assert ChatKey("matrix", "!room-without-server") == found.chat
    assert (found.is_direct, found.mentions_bot, found.sent_at.timestamp()) == (True, False, 1793000000)


@pytest.mark.parametrize(("name", "text"), [("command", "/help"), ("shout", "!! what"), ("pill", "/new")])
def test_commands(name, text):
    """An exclamation mark before a word is a slash, behind the assistant's name too."""
    assert text == message(name).text


@pytest.mark.parametrize(("name", "expected"), [("pill", True), ("named", True), ("similar", False), ("text", False)])
def test_mentions(name, expected):
    """A mention is a listed id, a link, or the display name as a word of its own."""
    found = message(name, GROUP)
    assert (expected, "Kitchen") == (found.mentions_bot, found.chat_title)


def test_a_reply():
    """What it replies to is quoted, the older clients' repetition is cut off, and the assistant feels addressed."""
    found = message("reply", GROUP, target=ANSWER)
    assert (found.text, found.quoted, found.mentions_bot) == ("where?", "it rains", True)
    assert found.reply_to.message_id == "$answer"


@pytest.mark.parametrize(
    ("name", "threads", "thread_id"),
    [
        ("thread", "inbound", "$root"),
        ("thread", "always", "$root"),
        ("thread", "off", None),
        ("text", "inbound", None),
        ("text", "always", "$text"),
        ("text", "off", None),
    ],
)
def test_threads(name, threads, thread_id):
    """Which conversation a message belongs to is a setting; the root of a thread is no quotation."""
    found = message(name, threads=threads)
    assert (thread_id, None) == (found.chat.thread_id, found.reply_to)


def test_an_edit():
    """The whole message as it is now, under its old id, in its old thread."""
    edited = read(EVENTS["edit"], ROOM, "inbound", dataclasses.replace(QUESTION, thread_id="$root"))
    assert isinstance(edited, MessageEdited)
    assert (
        edited.message.text,
        edited.message.ref.message_id,
        edited.message.chat.thread_id,
    ) == ("hullo", "$text", "$root")


def test_an_edit_of_somebody_elses_message():
    """Only the sender changes a message."""
    assert read(EVENTS["edit"], ROOM, "inbound", Target("@ben:home.test", None, "hello")) is None


@pytest.mark.parametrize("name", ["redaction", "old_redaction"])
def test_a_redaction(name):
    """The removed message is named, in both forms that room versions have."""
    removed = read(EVENTS[name], ROOM, "inbound", QUESTION)
    assert isinstance(removed, MessageRemoved)
    assert "$text" == removed.ref.message_id == target_id(EVENTS[name])


def test_reactions_that_control():
    """A stop sign on an answer is the command; on anything else it is nothing."""
    pressed = read(EVENTS["stop"], ROOM, "inbound", ANSWER)
    assert isinstance(pressed, ButtonPressed)
    assert (pressed.data, pressed.ref.message_id, pressed.press_id) == ("stop", "$answer", "$stop")
    assert read(EVENTS["stop"], ROOM, "inbound", QUESTION) is None
    assert read(EVENTS["stop"], ROOM, "inbound", None) is None


@pytest.mark.parametrize(
    ("name", "kind", "text", "file_name", "size_bytes"),
    [
        ("voice", AttachmentKind.VOICE, "", "Voice message", 8000),
        ("photo", AttachmentKind.IMAGE, "the receipt", "img.jpg", 90000),
        ("document", AttachmentKind.DOCUMENT, "", "lease.pdf", None),
    ],
)
def test_files(name, kind, text, file_name, size_bytes):
    """A file is told by kind, name and size; a body beside a file name is a caption."""
    found = message(name)
    (attachment,) = found.attachments
    assert (kind, file_name, size_bytes, text) == (
        attachment.kind,
        attachment.file_name,
        attachment.size_bytes,
        found.text,
    )


def test_the_key_of_an_encrypted_file():
    """The handle has all that is needed to fetch and decrypt; a plain file has its address only."""
    assert (json.loads(message("voice").attachments[0].handle)) == {
        "url": "mxc://home.test/abc",
        "key": "c2VjcmV0",
        "iv": "AAAAAAAAAAA",
        "hashes": {"sha256": "aGFzaA"},
    }
    assert json.loads(message("photo").attachments[0].handle) == {"url": "mxc://home.test/def"}
    assert message("voice").attachments[0].duration_seconds == 2.5


@pytest.mark.parametrize(("name", "what"), [("sticker", "sticker"), ("malformed", "m.room.message")])
def test_what_cannot_be_read(name, what):
    """Stickers and malformed messages are named, never an error."""
    found = message(name)
    assert (what, "", ()) == (found.unreadable, found.text, found.attachments)
