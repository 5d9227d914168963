"""The terminal as a chat platform."""

import asyncio
import io

import pytest

from bot.domain import AttachmentKind, ChatKey
from bot.errors import AttachmentError
from bot.transports import files
from bot.transports.console import ConsoleTransport, read_line

CHAT = ChatKey("console", "main")


@pytest.fixture
def letter(tmp_path):
    path = tmp_path / "my letter.jpg"
    path.write_bytes(b"jpeg")
    return path


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ("/photo {path}", AttachmentKind.IMAGE, ""),
        ("/photo '{path}' what is this?", AttachmentKind.IMAGE, "what is this?"),
        ("/photo {escaped} what is this?", AttachmentKind.IMAGE, "what is this?"),
        ("/file {path}", AttachmentKind.DOCUMENT, ""),
        ("/voice {path}", AttachmentKind.VOICE, ""),
        ("{path}", AttachmentKind.IMAGE, ""),
        ("'{path}'", AttachmentKind.IMAGE, ""),
        ("{escaped}", AttachmentKind.IMAGE, ""),
    ],
)
def test_files_in_a_line(letter, line, kind, text):
    """A file is named by a command, or dragged into the terminal as a bare path."""
    escaped = str(letter).replace(" ", "\\ ")
    message = read_line(CHAT, line.format(path=letter, escaped=escaped))
    (attachment,) = message.attachments
    assert kind == attachment.kind
    assert str(letter) == attachment.handle
    assert text == message.text


@pytest.mark.parametrize("line", ["hello", "/photo", "/new", "what is /etc?", "letter.jpg"])
def test_other_lines_are_text(line):
    """Everything else is what the person says."""
    message = read_line(CHAT, f" {line} ")
    assert line == message.text
    assert message.attachments == ()


def test_an_empty_line_is_nothing():
    """Return alone sends nothing."""
    assert read_line(CHAT, "  \n") is None


async def test_a_missing_file_is_an_error_of_its_message(tmp_path):
    """A wrong path is told when the file is fetched."""
    message = await asyncio.to_thread(read_line, CHAT, f"/photo {tmp_path}/none.jpg")
    with pytest.raises(AttachmentError) as refused:
        await files.fetch(message.attachments[0])
    assert refused.value.code == "attachment.missing"


async def test_text_grows_in_place():
    """A streamed answer is printed piece by piece, once, and status lines do not reach a pipe."""
    output = io.StringIO()
    transport = ConsoleTransport("main", None, "hi", output)
    async with transport.open_reply(read_line(CHAT, "hello")) as sink:
        await sink.status("thinking")
        await sink.show("Hel")
        await sink.show("Hello")
        await sink.finish(["Hello.", "More."])
    assert output.getvalue() == "Hello.\nMore.\n\n"


async def test_an_unfinished_answer_is_marked():
    """An answer that breaks off ends visibly."""
    output = io.StringIO()
    async with ConsoleTransport("main", None, "hi", output).open_reply(read_line(CHAT, "hello")) as sink:
        await sink.show("Hel")
    assert output.getvalue() == "Hel …\n"


async def test_piped_lines_wait_for_their_answers(monkeypatch):
    """Lines from a pipe are handed over one after the other; /quit ends."""
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n\ntwo\n/quit\nthree\n"))
    running, seen = [], []

    async def handler(event):
        assert not running
        running.append(event)

        async def answer():
            await asyncio.sleep(0)
            running.remove(event)
            seen.append(event.text)

        return asyncio.ensure_future(answer())

    await ConsoleTransport("main", None, "hi", io.StringIO()).run(handler)
    assert seen == ["one", "two"]
