"""What every chat platform promises, over each implementation."""

import io
from contextlib import asynccontextmanager

import pytest

from bot.cli.chat import SilentTransport
from bot.clock import SystemClock
from bot.domain import Attachment, AttachmentKind, MessageRef
from bot.errors import AttachmentError
from bot.transports.console import ConsoleTransport
from bot.transports.telegram.config import TelegramConfig
from bot.transports.telegram.transport import open_telegram
from tests.fakes.botapi import TOKEN, BotApi, serve
from tests.fakes.transport import RecordingTransport, incoming

TRANSPORTS = {
    "console": lambda: ConsoleTransport("main", None, "hello", io.StringIO()),
    "silent": SilentTransport,
    "recording": RecordingTransport,
}


@asynccontextmanager
async def telegram():
    """Over a stand-in of the Bot API; the one who asks has written before."""
    api = BotApi()
    api.private("ann")
    with serve(api) as url:
        config = TelegramConfig(base_url=f"{url}/bot", base_file_url=f"{url}/file/bot")
        async with open_telegram(config, TOKEN, SystemClock()) as transport:
            yield transport
    assert api.violations == []


@pytest.fixture(params=[*TRANSPORTS, "telegram"])
async def transport(request):
    if request.param == "telegram":
        async with telegram() as transport:
            yield transport
    else:
        yield TRANSPORTS[request.param]()


@pytest.fixture
def asked(transport):
    """A question on that platform."""
    return incoming("hello", platform=transport.name, chat="1000")


async def test_a_reply_grows_and_ends(transport, asked):
    """Status, drafts and the final text are taken in this order; the end gives a reference."""
    async with transport.open_reply(asked) as sink:
        await sink.status("thinking")
        await sink.show("Hel")
        await sink.show("Hello")
        assert isinstance(await sink.finish(["Hello.", "More."]), MessageRef)


async def test_a_reply_may_be_left_unfinished(transport, asked):
    """Leaving without the last word is allowed, before the first word and after it, and the next reply works."""
    async with transport.open_reply(asked) as sink:
        await sink.status("thinking")
    async with transport.open_reply(asked) as sink:
        await sink.show("Hel")
    async with transport.open_reply(asked) as sink:
        assert isinstance(await sink.finish(["The next one ends."]), MessageRef)


async def test_limits_are_told(transport, asked):
    """Length has a measure, and edits a pace."""
    async with transport.open_reply(asked) as sink:
        assert sink.limits.max_length > 0
        assert sink.limits.measure("hello") == 5
        assert sink.limits.min_edit_seconds >= 0


async def test_a_message_of_its_own(transport, asked):
    """Jobs and the outbox send without a question; the reference is in that chat."""
    chat = asked.chat
    assert (await transport.send(chat, "late", silent=True)).chat == chat


async def test_what_cannot_be_fetched_is_an_attachment_error(transport, tmp_path):
    """A file that is not there is the message's error, not the program's."""
    gone = Attachment(kind=AttachmentKind.IMAGE, handle=str(tmp_path / "none.jpg"), file_name="none.jpg")
    with pytest.raises(AttachmentError):
        await transport.fetch(gone)


async def test_a_transport_is_well_until_it_is_not(transport):
    """A reachable platform answers its ping."""
    assert await transport.ping() is None
