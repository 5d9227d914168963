"""The Matrix transport against a real homeserver, with people whose encrypting client is of another make."""

import asyncio
import itertools
import json
from contextlib import asynccontextmanager, suppress

import pytest
from pydantic import SecretStr

from bot.domain import ButtonPressed, IncomingMessage, Joined, Left, MessageEdited, MessageRemoved
from bot.errors import TransportError
from bot.transports.matrix.config import MatrixConfig
from bot.transports.matrix.transport import MatrixSentences, open_matrix
from tests.e2e.conftest import DATA
from tests.fakes.matrix import Person
from tests.fakes.synapse import Synapse

pytestmark = pytest.mark.e2e

_NUMBERS = itertools.count(1)
SENTENCES = MatrixSentences(
    unencrypted="only encrypted", unsigned="unsigned", changed="changed", withheld="withheld", keyless="keyless"
)


class Echo:
    """An assistant that says what it hears; what arrived is kept, and the last cursor."""

    def __init__(self, synapse, folder, **settings):
        self.config = MatrixConfig(homeserver=synapse.address, **settings)
        self.folder = folder
        self.cursor = ""
        self.events = []
        self.keys = set()
        self.sent = {}
        self.transport = None
        self.answer = self._echo
        self.running_answers = []

    @property
    def user_id(self):
        return self.config.user_id

    @asynccontextmanager
    async def running(self):
        async with open_matrix(self.config, self.folder, SENTENCES) as self.transport:
            task = asyncio.create_task(self.transport.run(self.handle, self.cursor))
            try:
                while not self.transport._pulse.synced.is_set():
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.05)
                yield self
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await asyncio.gather(*self.running_answers)

    async def handle(self, *events, cursor=""):
        fresh = [event for event in events if event.key not in self.keys]
        self.keys |= {event.key for event in fresh}
        self.events += fresh
        self.cursor = cursor or self.cursor
        answers = [asyncio.create_task(self.answer(event)) for event in fresh]
        self.running_answers += answers
        return asyncio.gather(*answers)

    async def _echo(self, event):
        message = event.message if isinstance(event, MessageEdited) else event
        if not isinstance(message, IncomingMessage):
            return

        async def keep(refs):
            self.sent[str(message.ref)] = list(refs)

        sent = self.sent.get(str(message.ref), ())
        async with self.transport.open_reply(message, sent=sent, keep_sent=keep) as sink:
            heard = [f"{a.kind}:{len(await self.transport.fetch(a))}" for a in message.attachments]
            await sink.finish([" ".join(filter(None, ["you said", message.text, *heard]))])

    async def until(self, true, seconds=120):
        for _ in range(seconds * 20):
            if true():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("in vain")

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def echo(synapse, tmp_path):
    """Each test has accounts of its own."""
    name = f"bot{next(_NUMBERS)}"
    return Echo(synapse, tmp_path / "matrix", user_id=synapse.register(name), password=SecretStr("secret"))


@pytest.fixture
async def ada(synapse, echo):
    person = Person(synapse, f"ada-{echo.user_id[1:].partition(':')[0]}")
    await person.login()
    yield person
    await person.close()


async def test_words_in_an_encrypted_room(echo, ada):
    """A question is answered over end-to-end encryption, to a client that gives no keys to unsigned devices."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        asked = await ada.say(room, "hello")
        (answer,) = await ada.answers(room, 1, "you said hello")
        assert answer["encrypted"]
        assert answer["sender"] == echo.user_id
        await ada.until(lambda: _has_read(echo, ada, room, asked), "no receipt")
        (message,) = echo.of(IncomingMessage)
        assert (message.sender.user_id, message.is_direct) == (ada.user_id, True)
    assert (echo.folder.stat().st_mode & 0o777) == 0o700


async def test_what_was_said_while_down_is_answered_once(echo, ada):
    """After a restart the device is the same, and the messages of the meantime are answered in order."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await ada.say(room, "one")
        await ada.answers(room, 1, "you said one")
    device = json.loads((echo.folder / "credentials.json").read_text())["device_id"]
    for number in range(60):
        await ada.say(room, f"late {number}")
    async with echo.running():
        answers = await ada.answers(room, 61)
    assert [f"late {number}" for number in range(60)] == [event.text for event in echo.of(IncomingMessage)[1:]]
    assert {f"you said late {number}" for number in range(60)} <= {answer["content"]["body"] for answer in answers}
    assert device == json.loads((echo.folder / "credentials.json").read_text())["device_id"]


@pytest.mark.parametrize(
    ("path", "mime_type", "content", "heard"),
    [
        ("audio/en_ask_not.ogg", "audio/ogg", {"msgtype": "m.audio", "body": "v.ogg", "m.voice": {}}, "voice"),
        ("images/scan_en.tif", "image/tiff", {"msgtype": "m.image", "body": "look", "filename": "a.tif"}, "image"),
        ("documents/boiler.md", "text/markdown", {"msgtype": "m.file", "body": "boiler.md"}, "document"),
    ],
)
async def test_files_arrive_decrypted(echo, ada, path, mime_type, content, heard):
    """Voice, pictures with a caption and documents come through the encryption whole."""
    file = DATA / path
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await ada.do("send_file", room=room, path=str(file), content=content, mime_type=mime_type)
        caption = f"{content['body']} " if "filename" in content else ""
        await ada.answers(room, 1, f"you said {caption}{heard}:{file.stat().st_size}")


async def test_an_edited_question_changes_its_answer(echo, ada):
    """An edit is told as one, and the answer to it is the first answer, edited."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        asked = await ada.say(room, "helo")
        (first,) = await ada.answers(room, 1, "you said helo")
        await ada.edit(room, asked, "hello")
        (second,) = await ada.answers(room, 1, "you said hello")
        assert first["id"] == second["id"]
        assert [event.message.ref.message_id for event in echo.of(MessageEdited)] == [asked]


async def test_a_message_taken_back_is_told(echo, ada):
    """A redaction names the message."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        asked = await ada.say(room, "secret")
        await ada.answers(room, 1)
        await ada.do("redact", room=room, event_id=asked)
        await ada.until(lambda: _found(echo.of(MessageRemoved)), "not told")
        assert asked == echo.of(MessageRemoved)[0].ref.message_id


async def test_replies_threads_and_reactions(echo, ada):
    """A reply quotes, a thread is a chat of its own and answered in it, a stop sign on an answer is a command."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        asked = await ada.say(room, "one")
        (answer,) = await ada.answers(room, 1, "you said one")
        await ada.say(room, "two", **{"m.relates_to": {"m.in_reply_to": {"event_id": answer["id"]}}})
        await ada.answers(room, 2, "you said two")
        assert echo.of(IncomingMessage)[-1].quoted == "you said one"
        thread = {
            "rel_type": "m.thread",
            "event_id": asked,
            "m.in_reply_to": {"event_id": asked},
            "is_falling_back": True,
        }
        await ada.say(room, "three", **{"m.relates_to": thread})
        threaded = (await ada.answers(room, 3, "you said three"))[-1]
        assert asked == threaded["relation"]["event_id"]
        assert asked == echo.of(IncomingMessage)[-1].chat.thread_id
        await ada.do("react", room=room, event_id=answer["id"], key="🛑")
        await ada.until(lambda: _found(echo.of(ButtonPressed)), "not pressed")
        assert echo.of(ButtonPressed)[0].data == "stop"


async def test_an_answer_grows(echo, ada):
    """A long answer is one message with a few edits, its last form included; meanwhile the assistant types."""
    text = "word " * 400

    async def slowly(event):
        if isinstance(event, IncomingMessage):
            async with echo.transport.open_reply(event) as sink:
                for end in range(100, 2001, 100):
                    await sink.show(text[:end])
                    await asyncio.sleep(0.3)
                await sink.finish([text, "and more"])

    echo.answer = slowly
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await ada.say(room, "tell me")
        first, _more = await ada.answers(room, 2, "and more")
        assert text == first["content"]["body"]
        assert 2 <= first["edits"] <= 6
        seen = await ada.do("seen", room=room)
        assert any(echo.user_id in event["content"].get("user_ids", []) for event in seen)


async def test_the_servers_own_rate_limits(tmp_path):
    """Where the homeserver lets few messages through, drafts are left out and the last word waits, once."""
    synapse = Synapse(tmp_path / "synapse", limited=True)
    await asyncio.to_thread(synapse.start)
    echo = Echo(synapse, tmp_path / "matrix", user_id=synapse.register("bot"), password=SecretStr("secret"))
    ada = await Person(synapse, "ada").login()

    async def at_length(event):
        if isinstance(event, IncomingMessage):
            async with echo.transport.open_reply(event) as sink:
                for number in range(10):
                    await echo.transport.send(event.chat, f"note {number}")
                await sink.show("draft")
                await sink.finish(["done"])

    echo.answer = at_length
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await ada.say(room, "hello")
        answers = await ada.answers(room, 11, "done")
    assert [f"note {number}" for number in range(10)] == [answer["content"]["body"] for answer in answers[:-1]]
    await ada.close()
    await asyncio.to_thread(synapse.stop)


async def test_a_send_can_be_repeated(echo, ada):
    """An answer that was sent and not written down is the same message when it is sent again by another run."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await ada.say(room, "hello")
        await ada.answers(room, 1, "you said hello")
    echo.keys.clear()
    echo.sent.clear()
    async with echo.running():
        message = echo.of(IncomingMessage)[0]
        async with echo.transport.open_reply(message) as sink:
            await sink.finish(["another answer"])
        assert len(await ada.answers(room, 1, "another answer")) == 1


async def test_one_time_keys_used_up_while_down(echo, ada, synapse):
    """Somebody takes all keys while the assistant is down: it is reached all the same, and publishes new ones."""
    async with echo.running():
        pass
    device = json.loads((echo.folder / "credentials.json").read_text())["device_id"]
    claim = {"one_time_keys": {echo.user_id: {device: "signed_curve25519"}}}
    token = await asyncio.to_thread(synapse.login, ada.user_id)
    for _ in range(60):
        await asyncio.to_thread(synapse.call, "POST", "/_matrix/client/v3/keys/claim", claim, token)
    room = await ada.do("create_room", invite=[echo.user_id])
    async with echo.running():
        await ada.until(lambda: ada._all_in(room, [echo.user_id]), "not joined")
        await ada.say(room, "hello")
        await ada.answers(room, 1, "you said hello")
        claimed = await asyncio.to_thread(synapse.call, "POST", "/_matrix/client/v3/keys/claim", claim, token)
        assert "fallback" not in next(iter(claimed["one_time_keys"][echo.user_id][device].values()))


async def test_a_lost_key_store(echo, ada):
    """Without its keys the assistant logs in anew, signed by the same identity, and is understood as before."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await ada.say(room, "one")
        await ada.answers(room, 1, "you said one")
    for store in echo.folder.glob("*.db"):
        store.unlink()
    async with echo.running():
        await ada.say(room, "two")
        await ada.answers(room, 2, "you said two")


async def test_people_without_a_signed_device_are_told_and_not_heard(echo, ada, synapse):
    """A device that nobody vouches for gets a notice, no answer."""
    ben = Person(synapse, f"ben-{echo.user_id[1:].partition(':')[0]}")
    await ben.login(signed=False)
    async with echo.running():
        room = await ben.room_with(echo.user_id)
        await ben.say(room, "hello")
        (notice,) = await ben.answers(room, 1, "unsigned")
        assert notice["content"]["msgtype"] == "m.notice"
    assert echo.of(IncomingMessage) == []
    await ben.close()


async def test_a_changed_identity_is_not_heard(echo, ada):
    """Whoever resets the account's identity is told so, and not answered."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await ada.say(room, "one")
        await ada.answers(room, 1, "you said one")
        await ada.do("sign")
        await ada.say(room, "two")
        await ada.answers(room, 2, "changed")
    assert [event.text for event in echo.of(IncomingMessage)] == ["one"]


async def test_unencrypted_words_are_not_heard(echo, ada):
    """Neither in a room without encryption, where that is said, nor slipped into an encrypted room."""
    async with echo.running():
        plain = await ada.room_with(echo.user_id, encrypted=False)
        await ada.do("send_plain", room=plain, content={"msgtype": "m.text", "body": "hello"})
        await ada.answers(plain, 1, "only encrypted")
        room = await ada.room_with(echo.user_id)
        await ada.do("send_plain", room=room, content={"msgtype": "m.text", "body": "slipped in"})
        await ada.say(room, "hello")
        await ada.answers(room, 1, "you said hello")
    assert [event.text for event in echo.of(IncomingMessage)] == ["hello"]


async def test_invitations_from_elsewhere_are_not_accepted(echo, ada, synapse):
    """Only those who are named may invite."""
    echo.config = MatrixConfig(
        homeserver=synapse.address,
        user_id=echo.user_id,
        password=echo.config.password,
        invites_from=("@somebody:else.test",),
        refused_invites="reject",
    )
    async with echo.running():
        room = await ada.do("create_room", invite=[echo.user_id])

        async def refused():
            members = await ada.do("request", method="GET", path=f"rooms/{room}/members")
            states = {event["state_key"]: event["content"]["membership"] for event in members["chunk"]}
            return states.get(echo.user_id) == "leave"

        await ada.until(refused, "not refused")


async def test_groups(echo, ada, synapse):
    """Being put into a group is told, a mention is recognised, and so is being put out."""
    ben = Person(synapse, f"ben-{echo.user_id[1:].partition(':')[0]}")
    await ben.login()
    async with echo.running():
        room = await ada.do("create_room", invite=[echo.user_id, ben.user_id], direct=False, name="Family")
        await ben.do("join", room=room)
        await ada.until(lambda: ada._all_in(room, [echo.user_id, ben.user_id]), "not joined")
        await ada.say(room, f"{echo.user_id}: hello")
        (answer,) = await ada.answers(room, 1, "you said hello")
        assert [ada.user_id] == answer["content"]["m.mentions"]["user_ids"]
        (message,) = echo.of(IncomingMessage)
        assert (message.mentions_bot, message.is_direct, message.chat_title) == (True, False, "Family")
        assert echo.of(Joined)[0].title == "Family"
        await ada.do("request", method="POST", path=f"rooms/{room}/kick", body={"user_id": echo.user_id})
        await ada.until(lambda: _found(echo.of(Left)), "not told")
    await ben.close()


async def test_the_homeserver_goes_and_comes_back(echo, ada, synapse):
    """An outage is waited out, and told by the ping's error only while it lasts."""
    async with echo.running():
        room = await ada.room_with(echo.user_id)
        await asyncio.to_thread(synapse.stop)
        await asyncio.sleep(3)
        await asyncio.to_thread(synapse.start)
        await ada.say(room, "still there?")
        await ada.answers(room, 1, "you said still there?")
        await echo.transport.ping()


async def test_a_revoked_login_ends_the_transport(echo, synapse):
    """A login that the homeserver no longer knows is not tried again and again; the ping has a clear word."""
    async with echo.running():
        pass
    token = json.loads((echo.folder / "credentials.json").read_text())["access_token"]
    await asyncio.to_thread(synapse.call, "POST", "/_matrix/client/v3/logout", {}, token)
    async with open_matrix(echo.config, echo.folder, SENTENCES) as transport:
        task = asyncio.create_task(transport.run(echo.handle, echo.cursor))
        await echo.until(lambda: transport._pulse.ended_by)
        with pytest.raises(TransportError, match="does not accept"):
            await transport.ping()
        task.cancel()


async def _has_read(echo, person, room, event_id):
    events = await person.do("seen", room=room)
    return any(echo.user_id in event["content"].get(event_id, ()) for event in events)


async def _found(events):
    return list(events)
