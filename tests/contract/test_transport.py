"""What every chat platform promises, over each implementation."""

import asyncio
import io
import itertools
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from bot.cli.chat import SilentTransport
from bot.clock import SystemClock
from bot.domain import Attachment, AttachmentKind, MessageRef
from bot.errors import AttachmentError
from bot.transports.console import ConsoleTransport
from bot.transports.matrix.config import MatrixConfig
from bot.transports.matrix.transport import MatrixSentences, open_matrix
from bot.transports.telegram.config import TelegramConfig
from bot.transports.telegram.transport import open_telegram
from tests.fakes.botapi import TOKEN, BotApi, serve
from tests.fakes.matrix import Person
from tests.fakes.transport import RecordingTransport, incoming

TRANSPORTS = {
    "console": lambda: ConsoleTransport("main", None, "hello", io.StringIO()),
    "silent": SilentTransport,
    "recording": RecordingTransport,
}

_NUMBERS = itertools.count(1)


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


@asynccontextmanager
async def matrix(synapse, folder):
    """On a real homeserver; the one who asks has made an encrypted room and invited the assistant."""
    number = next(_NUMBERS)
    ada = Person(synapse, f"asks{number}")
    bot = synapse.register(f"answers{number}")
    config = MatrixConfig(homeserver=synapse.address, user_id=bot, password=SecretStr("secret"))
    sentences = MatrixSentences(unencrypted="", unsigned="", changed="", withheld="", keyless="")
    asked = asyncio.get_running_loop().create_future()

    async def handler(*events, cursor=""):
        for event in events:
            asked.set_result(event)

    async with open_matrix(config, folder / "keys", sentences) as transport:
        running = asyncio.create_task(transport.run(handler))
        await ada.login()
        room = await ada.room_with(bot)
        await ada.say(room, "hello")
        yield transport, await asyncio.wait_for(asked, 30)
        running.cancel()
        await ada.close()


@pytest.fixture(params=[*TRANSPORTS, "telegram", pytest.param("matrix", marks=pytest.mark.e2e)])
async def platform(request, tmp_path):
    """A transport with a question on it."""
    if request.param == "telegram":
        async with telegram() as transport:
            yield transport, incoming("hello", platform=transport.name, chat="1000")
    elif request.param == "matrix":
        async with matrix(request.getfixturevalue("synapse"), tmp_path) as both:
            yield both
    else:
        transport = TRANSPORTS[request.param]()
        yield transport, incoming("hello", platform=transport.name, chat="1000")


@pytest.fixture
def transport(platform):
    return platform[0]


@pytest.fixture
def asked(platform):
    """A question on that platform."""
    return platform[1]


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
