"""The Telegram transport over real HTTP, against a stand-in of the Bot API that fails on demand."""

import asyncio
import json
import logging
import socket
import urllib.error
import urllib.request
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest

from bot.domain import (
    Attachment,
    AttachmentKind,
    Button,
    ButtonPressed,
    ChatKey,
    IncomingMessage,
    Left,
    MessageEdited,
    MessageRef,
)
from bot.errors import AttachmentError, BotError, ConfigError, StoreError, TransportError
from bot.observe.logs import LogConfig, open_log
from bot.transports.telegram.config import TelegramConfig
from bot.transports.telegram.menus import Menus
from bot.transports.telegram.transport import open_telegram
from bot.transports.telegram.webhook import MAX_BYTES, SECRET_HEADER, secret_of
from tests.fakes.botapi import BOT, TOKEN, BotApi, serve
from tests.fakes.clock import FastClock
from tests.fakes.transport import incoming

pytestmark = pytest.mark.integration

STOP = Button("Stop", "stop")


class Stored:
    """What a handler was given: events and cursors, in order. `failing` says how often it cannot store."""

    def __init__(self):
        self.events, self.cursors, self.failing = [], [], 0

    async def __call__(self, *events, cursor=""):
        if self.failing:
            self.failing -= 1
            raise StoreError("store.disk_full", path="/data")
        self.events += events
        self.cursors.append(cursor)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    @property
    def texts(self):
        return [event.text for event in self.events if isinstance(event, IncomingMessage)]


@pytest.fixture
def api():
    return BotApi(flood=False)


@asynccontextmanager
async def opened(api, *, menus=None, token=TOKEN, **settings):
    with serve(api) as url:
        config = TelegramConfig(base_url=f"{url}/bot", base_file_url=f"{url}/file/bot", poll_seconds=2, **settings)
        async with open_telegram(config, token, FastClock(), menus) as transport:
            yield transport


@asynccontextmanager
async def running(transport, handler, cursor=""):
    task = asyncio.create_task(transport.run(handler, cursor))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def asked(text="hello", message_id="1", **other):
    return incoming(text, message_id, platform="telegram", chat="1000", **other)


class Kept:
    """The messages of a reply as they were written down."""

    def __init__(self):
        self.lists = []

    async def __call__(self, sent):
        self.lists.append([ref.message_id for ref in sent])


# Intake


async def test_updates_are_acknowledged_after_they_were_stored(api):
    """A batch that cannot be stored comes again; the next poll, and no earlier one, acknowledges it."""
    stored = Stored()
    stored.failing = 2
    async with opened(api) as transport, running(transport, stored):
        for text in ("one", "two", "three"):
            api.write(text)
        await api.until(lambda: len(stored.texts) == 3)
        await api.until(lambda: not api.pending)
    assert stored.texts == ["one", "two", "three"]
    assert int(stored.cursors[-1]) == 7003
    assert api.violations == []


async def test_a_restart_goes_on_where_it_was(api):
    """What was stored does not come again, what was written meanwhile does."""
    stored = Stored()
    async with opened(api) as transport:
        async with running(transport, stored):
            api.write("before")
            await api.until(lambda: stored.texts)
        api.write("meanwhile")
        async with running(transport, stored, stored.cursors[-1]):
            await api.until(lambda: len(stored.texts) > 1)
    assert stored.texts == ["before", "meanwhile"]


async def test_edits_presses_and_blocks_arrive(api):
    """The kinds of updates that are asked for."""
    stored = Stored()
    async with opened(api) as transport, running(transport, stored):
        message = api.write("helo")
        api.edit(message, "hello")
        async with transport.open_reply(asked()) as sink:
            await sink.finish(["answer"], [Button("Again", "retry 1")])
        press_id = api.press("Again")
        api.block()
        await api.until(lambda: len(stored.events) == 4)
        pressed = stored.events[2]
        await transport.acknowledge(pressed, "right away")
        await transport.acknowledge(ButtonPressed(ref=pressed.ref, sender=pressed.sender, press_id="old", data="x"))
    assert [type(event) for event in stored.events] == [IncomingMessage, MessageEdited, ButtonPressed, Left]
    assert (pressed.data, api.pressed[press_id]) == ("retry 1", "right away")


async def test_a_long_outage_heals_by_itself(api):
    """Polling goes on after the server was away, health fails meanwhile, and nothing is lost."""
    stored = Stored()
    async with opened(api) as transport, running(transport, stored):
        api.write("before")
        await api.until(lambda: stored.texts)
        api.fail("getUpdates", 502, text="Bad Gateway", times=4)
        api.write("during")
        await unwell(transport, "transport.unreachable")
        await api.until(lambda: len(stored.texts) == 2)
        await well(transport)


async def test_a_server_that_is_away_at_the_start_is_waited_for(api):
    """The first contact is tried until it works."""
    api.down = True
    stored = Stored()
    async with opened(api) as transport, running(transport, stored):
        await unwell(transport, "transport.unreachable")
        api.down = False
        api.write("hello")
        await api.until(lambda: stored.texts)
        assert transport.identity.name == BOT["username"]


async def test_a_wrong_token_is_said_and_not_repeated(api):
    """Health names it, and the server is left in peace; the transport does not end."""
    token = "987654321:AnotherTokenThatNobodyKnows-0123456789"
    async with opened(api, token=token) as transport, running(transport, Stored()):
        await unwell(transport, "transport.unauthorized")
        with pytest.raises(TransportError) as raised:
            await transport.send(ChatKey("telegram", "1000"), "hello")
    assert raised.value.code == "transport.unauthorized"
    assert api.calls == []


@pytest.mark.parametrize(
    ("token", "settings", "key"),
    [
        ("no token at all", {}, "telegram.token"),
        (TOKEN, {"mode": "webhook"}, "telegram.webhook_url"),
        (
            TOKEN,
            {"mode": "webhook", "webhook_url": "https://a.example/b", "webhook_listen": "x"},
            "telegram.webhook_listen",
        ),
    ],
)
async def test_settings_that_cannot_work_are_said_at_the_start(token, settings, key):
    """With their key, and without the token."""
    with pytest.raises(ConfigError) as raised:
        await open_telegram(TelegramConfig(**settings), token, FastClock()).__aenter__()
    assert raised.value.arguments["key"] == key
    assert token not in str(raised.value)


async def test_a_second_poller_is_said(api):
    """Two programs with one token take each other's messages: health fails, and heals when the other one is gone."""
    first, second = Stored(), Stored()
    async with opened(api) as transport, running(transport, first):
        await api.until(lambda: api.called("getUpdates"))
        async with opened_beside(api) as other, running(other, second):
            await unwell(transport, "transport.conflict")
        api.write("hello")
        await api.until(lambda: first.texts or second.texts)
        await well(transport)


@asynccontextmanager
async def opened_beside(api):
    with serve_again(api) as url:
        config = TelegramConfig(base_url=f"{url}/bot", base_file_url=f"{url}/file/bot", poll_seconds=50)
        async with open_telegram(config, TOKEN, FastClock()) as transport:
            yield transport


def serve_again(api):
    return serve(api, last=False)


async def unwell(transport, code):
    """Waits until the health check fails, with this code."""
    while True:
        with suppress(TransportError):
            await transport.ping()
            await asyncio.sleep(0.01)
            continue
        break
    with pytest.raises(TransportError) as raised:
        await transport.ping()
    assert raised.value.code == code


async def well(transport):
    """Waits until the health check succeeds."""
    while True:
        with suppress(TransportError):
            await transport.ping()
            return
        await asyncio.sleep(0.01)


# Answers


async def test_an_answer_grows_in_a_message_that_was_written_down(api):
    """Status, words and last word are the same message; no send carries the last word, buttons come and go."""
    kept = Kept()
    api.write("hello")
    async with opened(api) as transport, transport.open_reply(asked(), keep_sent=kept, buttons=[STOP]) as sink:
        await sink.status("thinking")
        await api.until(lambda: api.answers() == ["thinking"])
        assert api.transcript()[-1]["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "stop"
        await sink.show("The *whole")
        await api.until(lambda: api.answers() == ["The *whole"])
        ref = await sink.finish(["The *whole* answer.", "And more."], [Button("Again", "retry")])
        assert await sink.finish(["The *whole* answer.", "And more."], [Button("Again", "retry")]) == ref
    assert api.answers() == ["The whole answer.", "And more."]
    assert kept.lists == [["2"], ["2", "3"]]
    assert [call["text"] for call in api.called("sendMessage")] == ["thinking", "…"]
    assert "reply_markup" not in api.transcript()[1]
    assert api.actions == [(1000, "typing")] * len(api.actions) != []


async def test_an_answer_that_was_cut_off_goes_on_in_its_messages(api):
    """After a restart the same messages are edited; the one that is too many is removed."""
    kept = Kept()
    api.write("hello")
    async with opened(api) as transport:
        async with transport.open_reply(asked(), keep_sent=kept) as sink:
            await sink.show("half an ans")
            await api.until(api.answers)
            await sink.finish(["half an ans", "second part"])
        sent = [MessageRef(asked().chat, message_id) for message_id in kept.lists[-1]]
        async with transport.open_reply(asked(), sent=sent, keep_sent=kept) as sink:
            await sink.finish(["another answer"])
    assert api.answers() == ["another answer"]
    assert kept.lists[-1] == ["2"]
    assert len(api.called("sendMessage")) == 2


async def test_what_was_left_is_marked(api):
    """An answer that nobody finishes has no cursor that waits for ever, and no stop button."""
    api.write("hello")
    async with opened(api) as transport, transport.open_reply(asked(), buttons=[STOP]) as sink:
        await sink.show("half an ans")
        await api.until(api.answers)
    assert api.answers() == ["half an ans …"]
    assert "reply_markup" not in api.transcript()[-1]


async def test_a_message_that_somebody_deleted_is_replaced(api):
    """The answer arrives in another one."""
    kept = Kept()
    api.write("hello")
    async with opened(api) as transport, transport.open_reply(asked(), keep_sent=kept) as sink:
        await sink.status("thinking")
        await api.until(api.answers)
        api.remove(api.transcript()[-1])
        await sink.finish(["the answer"])
    assert api.answers() == ["the answer"]
    assert kept.lists == [["2"], ["3"]]


async def test_equal_text_is_not_sent_twice(api):
    """A draft that looks like the one before costs no call."""
    api.write("hello")
    async with opened(api) as transport, transport.open_reply(asked()) as sink:
        await sink.show("same")
        await api.until(api.answers)
        for _ in range(5):
            await sink.show("same")
            await asyncio.sleep(0.05)
        await sink.finish(["same"])
    assert api.called("editMessageText") == []


async def test_only_the_newest_draft_is_shown_at_the_pace(api):
    """A fast model makes few edits, each with the newest words."""
    api.write("hello")
    text = ""
    async with opened(api) as transport, transport.open_reply(asked()) as sink:
        for number in range(100):
            text += f"{number} "
            await sink.show(text)
            await asyncio.sleep(0.005)
        await sink.finish([text])
    shown = [call["text"] for call in (*api.called("sendMessage"), *api.called("editMessageText"))]
    assert len(shown) < 25
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))
    assert api.answers() == [text.strip()]


async def test_flood_waits_in_the_middle_of_an_answer(api):
    """Drafts pause, the last word waits, and everything arrives once."""
    api.write("hello")
    api.fail("sendMessage", 429, text="Too Many Requests: retry after 3", retry_after=3, contains="first")
    api.fail("editMessageText", 429, text="Too Many Requests: retry after 3", retry_after=3, contains="second")
    api.fail("editMessageText", 429, text="Too Many Requests: retry after 5", retry_after=5, contains="third", times=2)
    async with opened(api) as transport, transport.open_reply(asked()) as sink:
        await sink.show("first")
        await api.until(api.answers)
        await sink.show("first second")
        await api.until(lambda: api.answers() == ["first second"])
        await sink.finish(["first second third"])
    assert api.answers() == ["first second third"]


async def test_a_long_flood_wait_is_left_to_the_outbox(api):
    """The error says how long; a later reply with the same messages brings the answer, once."""
    kept = Kept()
    api.write("hello")
    api.fail("editMessageText", 429, text="Too Many Requests: retry after 120", retry_after=120)
    async with opened(api) as transport:
        with pytest.raises(TransportError) as raised:
            async with transport.open_reply(asked(), keep_sent=kept) as sink:
                await sink.finish(["the answer"])
        assert (raised.value.code, raised.value.arguments["seconds"]) == ("transport.flood", 120.0)
        sent = [MessageRef(asked().chat, message_id) for message_id in kept.lists[-1]]
        async with transport.open_reply(asked(), sent=sent, keep_sent=kept) as sink:
            await sink.finish(["the answer"])
    assert api.answers() == ["the answer"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_broken_connection_in_the_last_edit(api, moment):
    """An edit is repeated, whether it had happened or not: the answer stands there once."""
    api.write("hello")
    async with opened(api) as transport, transport.open_reply(asked()) as sink:
        await sink.status("thinking")
        await api.until(api.answers)
        api.fail("editMessageText", drop=moment)
        await sink.finish(["the answer"])
    assert api.answers() == ["the answer"]


async def test_a_send_is_not_repeated_when_nobody_knows(api):
    """A message of its own that may have arrived is an error to its sender, not a second message."""
    api.private()
    api.fail("sendMessage", drop="after")
    async with opened(api) as transport:
        with pytest.raises(TransportError):
            await transport.send(ChatKey("telegram", "1000"), "reminder")
    assert api.answers() == ["reminder"]


async def test_formatting_that_telegram_does_not_like_arrives_plain(api):
    """Better without bold than not at all."""
    api.write("hello")
    api.fail("editMessageText", 400, text="Bad Request: can't parse entities: who knows", contains="bold")
    async with opened(api) as transport, transport.open_reply(asked()) as sink:
        await sink.finish(["**bold** words"])
    assert api.answers() == ["bold words"]


async def test_an_answer_to_somebody_who_blocked_the_bot(api):
    """The error says that there is nobody to write to; drafts give up quietly."""
    api.write("hello")
    api.block()
    async with opened(api) as transport, transport.open_reply(asked()) as sink:
        await sink.status("thinking")
        await sink.show("half")
        with pytest.raises(TransportError) as raised:
            await sink.finish(["whole"])
    assert raised.value.code == "transport.blocked"


async def test_groups_and_topics(api):
    """The answer replies to the question, in its topic, and is edited more slowly."""
    group = api.group(forum=True)
    question = api.write("@inglenook_bot hello", chat=group, thread=3)
    stored = Stored()
    async with opened(api) as transport, running(transport, stored):
        await api.until(lambda: stored.events)
        async with transport.open_reply(stored.events[0]) as sink:
            assert sink.limits.min_edit_seconds >= 3
            await sink.finish(["hi"])
        await transport.leave(ChatKey("telegram", str(group["id"])))
    answer = api.transcript(group)[-1]
    assert (answer["text"], answer["message_thread_id"]) == ("hi", 3)
    assert answer["reply_to_message"]["message_id"] == question["message_id"]
    assert api.left == [group["id"]]


async def test_a_group_that_has_moved_is_found(api):
    """A message to the old id reaches the new one."""
    old, new = api.group("old"), api.group("new")
    old["moved_to"] = new["id"]
    async with opened(api) as transport:
        await transport.send(ChatKey("telegram", str(old["id"])), "hello")
    assert api.answers(new) == ["hello"]


async def test_drafts_in_private_chats(api):
    """Growing text is Telegram's draft, pauses on a flood wait, and the answer is a message."""
    kept = Kept()
    api.write("hello")
    api.fail("sendMessageDraft", 429, text="Too Many Requests: retry after 1", retry_after=1)
    async with (
        opened(api, streaming="drafts") as transport,
        transport.open_reply(asked(), keep_sent=kept, buttons=[STOP]) as sink,
    ):
        await sink.show("half an ans")
        await api.until(lambda: api.drafts == ["half an ans"])
        await sink.finish(["the answer"])
    assert api.answers() == ["the answer"]
    assert kept.lists == [["2"]]


async def test_files_go_out(api):
    """With their name and a caption; one that Telegram does not take is an error before the upload."""
    api.private()
    chat = ChatKey("telegram", "1000")
    async with opened(api) as transport:
        await transport.send_file(chat, "export.zip", b"PK\x03\x04 bytes", "all of it")
        with pytest.raises(TransportError, match="50 MB"):
            await transport.send_file(chat, "huge.zip", bytes(50 * 1024 * 1024 + 1))
    (message,) = api.transcript()
    assert (message["document"]["file_name"], message["caption"]) == ("export.zip", "all of it")
    assert api.files[message["document"]["file_id"]] == b"PK\x03\x04 bytes"


# Files that come


async def received(api, transport, **content):
    stored = Stored()
    api.write(**content)
    async with running(transport, stored):
        await api.until(lambda: stored.events)
    return stored.events[0].attachments[0]


async def test_files_are_fetched(api):
    """Byte for byte, also when the first connection breaks half-way."""
    content = bytes(range(256)) * 1000
    async with opened(api) as transport:
        voice = await received(api, transport, voice=api.upload(content, duration=3))
        api.fail("download")
        assert await transport.fetch(voice) == content


async def test_a_file_that_telegram_does_not_give_to_bots(api):
    """The limit is said in words, whether the size is known before or not; nothing is downloaded."""
    async with opened(api) as transport:
        big = api.upload(b"", file_name="film.mp4") | {"file_size": 21 << 20}
        known = await received(api, transport, document=big)
        api.files["silent"] = bytes((20 << 20) + 1)
        unknown = known.__class__(kind=known.kind, handle="silent", file_name="film.mp4")
        for attachment in (known, unknown):
            with pytest.raises(AttachmentError) as raised:
                await transport.fetch(attachment)
            assert raised.value.code == "attachment.platform_limit"
            assert (raised.value.arguments["name"], raised.value.arguments["limit_mb"]) == ("film.mp4", 20.0)


async def test_a_server_of_ones_own_puts_files_on_the_disk(api, tmp_path):
    """In local mode a file of any size is read from where the server says it is."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"a film")
    async with opened(api, local_mode=True) as transport:
        film = await received(api, transport, document=api.upload(b"", file_name="film.mp4") | {"file_size": 99 << 20})
        api.paths[film.handle] = str(path)
        assert await transport.fetch(film) == b"a film"


# Webhook


@asynccontextmanager
async def listening(api, handler):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    url = f"http://{address}/telegram"
    settings = {"mode": "webhook", "webhook_url": url, "webhook_listen": address}
    async with opened(api, **settings) as transport, running(transport, handler):
        await api.until(lambda: api.webhook)
        await transport.ping()
        yield url


def post(url, content, secret):
    """The status that somebody gets who calls the webhook."""
    request = urllib.request.Request(url, content, {SECRET_HEADER: secret} if secret else {})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


async def test_a_webhook_stores_before_it_says_yes(api):
    """What could not be stored is brought again."""
    stored = Stored()
    stored.failing = 2
    async with listening(api, stored):
        api.write("one")
        api.write("two")
        await api.until(lambda: not api.pending)
    assert stored.texts == ["one", "two"]


async def test_a_webhook_wants_its_secret(api):
    """Nobody else's updates are taken; what is no update, or far too long, is refused."""
    stored = Stored()
    update = json.dumps({"update_id": 1, "message": {}}).encode()
    async with listening(api, stored) as url:
        secret = secret_of(TOKEN)
        tries = [
            (update, ""),
            (update, "guess"),
            (b"no json", secret),
            (bytes(MAX_BYTES + 1), secret),
            (update, secret),
        ]
        statuses = [await asyncio.to_thread(post, url, *attempt) for attempt in tries]
    assert statuses == [403, 403, 400, 413, 200]
    assert (stored.events, stored.cursors) == ([], ["2"])


# Menus


async def test_menus_are_set_where_they_differ(api):
    """Each audience gets its own, rows that Telegram would refuse are left out, and a second start changes nothing."""
    rows = [("help", "What I can do"), ("Bad-Name", "x"), ("new", "Start over")]

    async def menus():
        private = {"": rows, "zh": [("help", "帮助")]}
        return Menus(
            private=private, groups={"": rows[:1]}, admins={"": [*rows, ("pair", "Codes")]}, admin_chats=["1000"]
        )

    api.private()
    async with opened(api, menus=menus) as transport:
        for _ in range(2):
            async with running(transport, Stored()):
                polls = len(api.called("getUpdates"))
                await api.until(lambda polls=polls: len(api.called("getUpdates")) > polls)
    assert len(api.called("setMyCommands")) == 6
    shown = {
        (json.loads(scope)["type"], language): [row["command"] for row in menu]
        for (scope, language), menu in api.menus.items()
    }
    assert shown == {
        ("default", ""): ["help", "new"],
        ("default", "zh"): ["help"],
        ("all_private_chats", ""): ["help", "new"],
        ("all_private_chats", "zh"): ["help"],
        ("all_group_chats", ""): ["help"],
        ("chat", ""): ["help", "new", "pair"],
    }


# Secrets


@pytest.fixture
def log_file(tmp_path):
    """The log at its most talkative, written to the end when the file is read."""
    with open_log(LogConfig(level="debug"), tmp_path):
        yield tmp_path / "inglenook.log"


async def test_the_token_is_nowhere(api, log_file):
    """Not in the log at its most talkative, not in errors and their causes, not in any repr."""
    errors = []
    chat = ChatKey("telegram", str(api.private()["id"]))
    async with opened(api) as transport, running(transport, Stored()):
        errors += [repr(transport), repr(transport._client)]
        for code in (401, 403, 404, 400, 429, 502):
            api.fail("sendMessage", code, retry_after=99 if code == 429 else 0)
            errors += await failing(transport.send(chat, "hello"))
        api.fail("sendMessage", drop="before")
        errors += await failing(transport.send(chat, "hello"))
        errors += await failing(transport.fetch(Attachment(kind=AttachmentKind.VOICE, handle="none")))
        api.fail("getUpdates", 401, text="Unauthorized")
        api.write("hello")
        await unwell(transport, "transport.unauthorized")
    async with open_telegram(TelegramConfig(base_url="http://127.0.0.1:9/bot"), TOKEN, FastClock()) as nowhere:
        errors += await failing(nowhere.send(chat, "hello"))
    logging.getLogger("httpx").error("HTTP Request: POST https://api.telegram.org/bot%s/getMe", TOKEN)
    secret = TOKEN.partition(":")[2]
    assert [text for text in errors if secret in text] == []
    await api.until(lambda: "[secret]" in read(log_file))
    assert secret not in read(log_file)


def read(path):
    """The text of a file, read by the test itself."""
    return path.read_text(encoding="utf-8")


async def failing(call):
    try:
        await call
    except BotError as error:
        return described(error)
    raise AssertionError("it did not fail")


def described(error):
    """Everything that a report of the error could show, its causes included."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), str(getattr(error, "arguments", ""))]
        error = error.__cause__ or error.__context__
    return texts
