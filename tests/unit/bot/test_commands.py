"""Every command, on a real store and scripted engines."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bot.access import Limits, Role, Visitor
from bot.attachments import AttachmentConfig, AttachmentReader
from bot.commands import AskAgain, CommandContext, GoOn, Say, SendFile
from bot.commands.table import COMMANDS
from bot.desk import ChatDesk
from bot.domain import AnswerCost, Attachment, AttachmentKind, ChatKey, Citation, Conversation, Turn
from bot.prompt import system_text
from bot.store import open_store
from bot.texts import LANGUAGES
from bot.uploads import Uploads, folder_name, safe_name
from engines.errors import ModelLoadError
from knowledge.types import EVERYONE, Passage
from tests.fakes.clock import HandClock
from tests.fakes.engines import (
    FakeExtractor,
    FakeGenerator,
    FakeLibrary,
    FakeModels,
    FakeRecognizer,
    FakeRetriever,
    FakeTranscriber,
)
from tests.fakes.transport import RecordingTransport, incoming

CHAT = ChatKey("console", "main")
AT = datetime(2026, 3, 14, tzinfo=UTC)
COST = AnswerCost(
    prompt_tokens=90, reused_tokens=30, evaluated_tokens=60, completion_tokens=5, first_token_seconds=0.5, seconds=1.0
)
PASSAGE = Passage(chunk_id="1", path="/boiler.md", heading="Pressure", page=None, text="1.5 bar", score=1.0)
USER = Visitor(person_id="console/owner", role=Role.USER, name="Ada")


class Room:
    """A chat in which commands are run as the pipeline runs them."""

    def __init__(self, store, folder, *, visitor=USER, generator=None, language="en"):
        self.store = store
        self.visitor = visitor
        self.language = language
        self.transport = RecordingTransport()
        self.library = FakeLibrary()
        self.folder = folder / "uploads"
        self.services = SimpleNamespace(
            store=store,
            generator=generator or FakeGenerator(),
            models=FakeModels("small", "large"),
            retriever=FakeRetriever(PASSAGE),
            uploads=Uploads(self.folder, store.uploads, self.library, HandClock()),
            attachments=AttachmentReader(AttachmentConfig(), FakeTranscriber(), FakeRecognizer(), FakeExtractor()),
            desk=ChatDesk(2),
            clock=HandClock(),
            pings={},
            hosts=("api.telegram.org",),
            typed=(folder / "history",),
        )

    async def run(self, line, **message):
        name, _, arguments = line.removeprefix("/").partition(" ")
        given = incoming(line, **{"message_id": "9", **message})
        conversation, settings = await self.store.chats.load(given.chat)
        context = CommandContext(
            message=given,
            visitor=self.visitor,
            conversation=conversation,
            settings=settings,
            system=system_text(conversation.persona or "orders", "en"),
            language=self.language,
            services=self.services,
            transport=self.transport,
        )
        outcome = await COMMANDS[name].function(context, arguments)
        if isinstance(outcome, GoOn):
            await self.store.conclude(given, [outcome.text], outcome.conversation, outcome.turns)
        return outcome

    async def said(self, *texts, chat=CHAT, author_id="console/owner"):
        """A conversation with a question and an answer for each text."""
        for number, text in enumerate(texts):
            conversation, _ = await self.store.chats.load(chat)
            question = Turn(
                role="user", sent=text, shown=text, at=AT, message_id=f"m{number}", author="Ada", author_id=author_id
            )
            answer = Turn(role="assistant", sent=f"re {text}", shown=f"re {text}", at=AT, cost=COST)
            await self.store.conclude(incoming(text, chat=chat.chat_id), ["x"], conversation, (question, answer))

    async def conversation(self) -> Conversation:
        return (await self.store.chats.load(CHAT))[0]

    async def words(self):
        return [turn.sent for turn in (await self.conversation()).turns]


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "inglenook.db") as opened:
        yield opened


@pytest.fixture
def room(store, tmp_path):
    return Room(store, tmp_path)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS.values()), ids=lambda command: command.name)
def test_every_command_explains_itself_in_a_menu(command, language):
    """Names and help lines keep to what menus of chat platforms take."""
    assert command.name.replace("_", "").isalnum()
    assert command.name == command.name.lower()
    assert len(command.name) <= 32
    assert 3 <= len(LANGUAGES[language][f"help.{command.name}"]) <= 256


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/start", "Hello Ada!"),
        ("/help", "/sessions - the conversations of this chat"),
        ("/help settings", "/temp"),
        ("/help reset", "Also: /reset"),
        ("/help sesions", "Did you mean /sessions?"),
        ("/whoami", "Ada, console/owner: a user."),
        ("/id", "No limits."),
        ("/privacy", "api.telegram.org"),
        ("/undo", "nothing to take back"),
        ("/fork", "Nothing has been said"),
        ("/compact", "Nothing has been said"),
        ("/file", "Nothing has been said"),
        ("/sessions", "1. → nothing said yet"),
        ("/resume", "Use /resume with a number"),
        ("/resume 7", "Use /resume with a number"),
        ("/title", "Use /title"),
        ("/model", "small answers."),
        ("/model large", "Only an admin"),
        ("/system", "orders"),
        ("/system " + "x" * 4001, "4000 characters"),
        ("/voice always", "cannot speak"),
        ("/activation always", "is for groups"),
        ("/lang fr", "/lang en"),
        ("/temp 3", "/temp with a number"),
        ("/search", "Use /search"),
        ("/add", "/add as its caption"),
        ("/sources", "uses no documents"),
        ("/usage", "Today: 0 messages"),
    ],
)
async def test_what_a_command_says(room, line, expected):
    """Each command answers in a fresh chat, also when it is used wrongly."""
    outcome = await room.run(line)
    assert expected in (outcome if isinstance(outcome, str) else outcome.text)


async def test_whoami_counts_down(store, tmp_path):
    """The limits and what is left of them are told."""
    limits = Limits(per_minute=5, per_day=20)
    said = await Room(store, tmp_path, visitor=replace(USER, limits=limits, today=17)).run("/whoami")
    assert "3 of 20" in said
    assert "5 messages a minute" in said


async def test_help_of_a_topic_shows_nothing_else(room):
    """One topic of the help has its own commands only."""
    said = await room.run("/help documents")
    assert "/search" in said
    assert "/new" not in said


async def test_undo_takes_back_one_exchange(room):
    """The last question and its answer go, the earlier ones stay."""
    await room.said("one", "two")
    assert "two" in (await room.run("/undo")).text
    assert await room.words() == ["one", "re one"]


async def test_fork_leaves_the_original(room):
    """The copy has the same words under another id; the original is in the list, and can be resumed."""
    await room.said("one")
    original = await room.conversation()
    await room.run("/fork")
    assert (await room.conversation()).conversation_id != original.conversation_id
    assert await room.words() == ["one", "re one"]
    await room.said("two")
    await room.run("/resume 2")
    assert await room.conversation() == original


async def test_sessions_are_of_this_chat_only(room):
    """The list has titles or first words and marks the current one; another chat's is not in it."""
    await room.said("about boilers")
    await room.run("/title Heating")
    await room.run("/new")
    await room.said("holiday plans")
    await room.said("secret", chat=ChatKey("console", "other"))
    said = await room.run("/sessions")
    assert "1. → holiday plans" in said
    assert "2. Heating" in said
    assert "secret" not in said


async def test_new_conversations_leave_no_empty_ones(room):
    """Conversations in which nothing was said are not listed, but for the current one."""
    await room.run("/new")
    await room.run("/new")
    assert len(await room.store.chats.conversations(CHAT, 9)) == 1


async def test_compact_asks_within_the_old_and_goes_on_in_a_fresh_one(room):
    """The model is asked after all that was said; question and answer begin a conversation with the same orders."""
    await room.said("one")
    asked = await room.run("/compact")
    assert isinstance(asked, AskAgain)
    assert asked.conversation == await room.conversation()
    assert "Sum up" in asked.turn.sent
    assert asked.into.turns == ()
    assert asked.into.title == "one"
    assert asked.into.conversation_id != asked.conversation.conversation_id


async def test_standing_orders_hold_from_the_next_conversation(room):
    """/system begins a conversation with its text; the old one keeps its own."""
    await room.said("one")
    before = await room.conversation()
    await room.run("/system You are a pirate")
    assert (await room.conversation()).persona == "You are a pirate"
    assert "pirate" in await room.run("/system")
    await room.run("/system default")
    assert (await room.conversation()).persona is None
    assert (await room.store.chats.read(CHAT, before.conversation_id)).persona is None


async def test_file_is_the_last_answer(room):
    """The file holds the answer as it was shown."""
    await room.said("one")
    sent = await room.run("/file")
    assert isinstance(sent, SendFile)
    assert sent.content == b"re one"
    assert sent.name.endswith(".md")


async def test_settings_show_what_applies(room):
    """Changed settings are shown, with buttons that change them; in a group the activation too."""
    await room.run("/temp 0.5")
    await room.run("/activation always", is_direct=False)
    shown = await room.run("/settings", is_direct=False)
    assert isinstance(shown, Say)
    assert "0.5" in shown.text
    assert "always" in shown.text
    assert {"lang en", "lang zh", "activation mention"} == {button.data for button in shown.buttons}


async def test_an_admin_switches_the_model(store, tmp_path):
    """Only models of this machine can be chosen, and a failure is the engine's own error."""
    room = Room(store, tmp_path, visitor=replace(USER, role=Role.ADMIN))
    assert "large answers from now on" in await room.run("/model large")
    assert await room.services.models.serving() == "large"
    assert "no model huge" in await room.run("/model huge")
    room.services.models.failing = ModelLoadError("model.missing", path="/m.gguf")
    with pytest.raises(ModelLoadError):
        await room.run("/model small")


async def test_a_remote_model_cannot_be_switched(store, tmp_path):
    """Where another machine answers, an admin is told so."""
    room = Room(store, tmp_path, visitor=replace(USER, role=Role.ADMIN))
    room.services.models = FakeModels(serving="remote")
    assert "remote answers." in await room.run("/model")
    assert "another machine" in await room.run("/model large")


async def test_usage_sums_up_days(room):
    """Today's and this month's figures are of this person only."""
    rows = (("console/owner", "2026-03-14", 2), ("console/owner", "2026-03-01", 3), ("other/1", "2026-03-14", 9))
    async with room.store.database.transaction() as connection:
        for person_id, day, messages in rows:
            await connection.exec_driver_sql(
                "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?)", (person_id, day, messages, 100, 40, 7)
            )
    said = await room.run("/usage")
    assert "Today: 2 messages; tokens: 40 read, 60 known already, 7 written." in said
    assert "This month: 5 messages; tokens: 80 read, 120 known already, 14 written." in said


async def test_search_looks_into_the_chats_documents_only(room):
    """Path and snippet are shown, from what everybody or this chat may see."""
    said = await room.run("/search boiler pressure")
    assert "/boiler.md" in said
    assert "1.5 bar" in said
    assert room.services.retriever.queries == [("boiler pressure", (EVERYONE, "console/main"))]


async def test_sources_of_the_last_answer(room):
    """The passages behind the last answer are shown with their text."""
    citation = Citation(number=1, path="/boiler.md", heading="", page=3, snippet="1.5 bar")
    conversation = await room.conversation()
    answer = Turn(role="assistant", sent="x", shown="x", at=AT, citations=(citation,))
    question = Turn(role="user", sent="?", shown="?", at=AT, message_id="m1")
    await room.store.conclude(incoming(), ["x"], conversation, (question, answer))
    assert "page 3\n1.5 bar" in await room.run("/sources")
    await room.said("later")
    assert "uses no documents" in await room.run("/sources")
    assert "page 3\n1.5 bar" in await room.run("/sources m1")


def attached(room, kind, content, name):
    room.transport.files[name] = content
    return (Attachment(kind=kind, handle=name, file_name=name),)


async def test_add_keeps_a_document_for_this_chat(room):
    """The file lies in the chat's folder, readable by its owner only, and is found in this chat only."""
    files = attached(room, AttachmentKind.DOCUMENT, b"The code is 1234", "../we:ird.md")
    said = await room.run("/add", attachments=files)
    assert "1 passages" in said
    path = room.folder / folder_name(CHAT) / "we_ird.md"
    assert path.read_bytes() == b"The code is 1234"
    assert path.stat().st_mode & 0o777 == 0o600
    assert room.library.scopes == {path.parent: "console/main"}
    assert [upload.name for upload in await room.store.uploads.of_chat(CHAT)] == ["../we:ird.md"]


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [(AttachmentKind.IMAGE, b"bill of 12 euros", "1 passages"), (AttachmentKind.VOICE, b"", "I heard no speech")],
)
async def test_add_takes_the_text_of_pictures_and_recordings(room, kind, content, expected):
    """What is read or heard in a file that was replied to is kept as text; without any it is said why not."""
    said = await room.run("/add", quoted_attachments=attached(room, kind, content, "thing.bin"))
    assert expected in said
    assert [file.read_bytes() for file in room.folder.glob("*/*")] == ([content] if content else [])


async def test_documents_move_with_their_chat(room):
    """When the platform gives the chat another id, its documents are found under the new one only."""
    await room.run("/add", attachments=attached(room, AttachmentKind.DOCUMENT, b"text", "a.md"))
    moved = ChatKey("console", "supergroup")
    await room.store.move_chat(CHAT, moved)
    await room.services.uploads.moved(moved)
    assert set(room.library.scopes.values()) == {"console/supergroup"}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.pdf", "a.pdf"),
        ("/etc/passwd", "passwd.txt"),
        ("..", "document.txt"),
        (".hidden.md", "hidden.md"),
        ("C:\\x\\合同.docx", "合同.docx"),
        ("a\nb\0.md", "a_b_.md"),
        ("~$x.tmp", "x.tmp.txt"),
        ("长" * 100 + ".pdf", "长" * 38 + ".pdf"),
    ],
)
def test_names_of_uploads_are_safe(name, safe):
    """No folder, no hidden file, no character or length that a file system refuses."""
    assert safe == safe_name(name)


async def test_export_holds_all_that_is_theirs(room):
    """The archive has conversations, settings and more as JSON and Markdown; of groups only their own part."""
    await room.said("my words")
    await room.run("/lang zh")
    group = ChatKey("console", "group")
    await room.said("asked by me", chat=group)
    await room.said("asked by Bob", chat=group, author_id="console/bob")
    sent = await room.run("/export")
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    everything = "".join(files.values())
    assert "my words" in everything
    assert "re asked by me" in everything
    assert "Bob" not in everything
    assert '"language":"zh"' in json.loads(files["chats.json"])[0]["settings"]
    assert {"usage.json", "reminders.json", "uploads.json", "conversations/0001.md"} <= set(files)


async def test_forget_asks_first(room):
    """Nothing is deleted before the confirmation, which a button gives too."""
    await room.said("my words")
    asked = await room.run("/forget")
    assert [button.data for button in asked.buttons] == ["forget yes"]
    assert await room.words() == ["my words", "re my words"]


@pytest.mark.parametrize("word", ["yes", "确认"])
async def test_forget_leaves_nothing_on_the_disk(room, tmp_path, word):
    """After /forget no file of the data directory holds a word that was said, uploaded or typed."""
    words = [f"zanzibar {number} " * 40 for number in range(30)]
    await room.said(*words)
    session = (await room.conversation()).conversation_id
    message = incoming("zanzibar in the inbox")
    await room.store.inbox.accept([message])
    await room.store.conclude(message, ["zanzibar in the outbox"])
    await room.run("/title zanzibar")
    await room.run("/add", attachments=attached(room, AttachmentKind.DOCUMENT, b"zanzibar", "zanzibar.md"))
    (tmp_path / "history").write_text("zanzibar")
    (tmp_path / "inglenook.before-0002.db").write_text("zanzibar")
    said = await room.run(f"/forget {word}")
    assert "60 messages" in said
    assert "1 documents with 1 passages" in said
    assert room.services.generator.forgotten == [session]
    assert [file for file in tmp_path.rglob("*") if file.is_file() and b"zanzibar" in file.read_bytes()] == []
    assert await room.words() == []


async def test_forget_spares_others(room):
    """Of a group only their own turns and the answers to them go; other chats and what waits stay."""
    group = ChatKey("console", "group")
    await room.said("mine", "mine too", chat=group)
    await room.said("of Bob", chat=group, author_id="console/bob")
    await room.said("mine again", chat=group)
    await room.said("elsewhere", chat=ChatKey("console", "bob"), author_id="console/bob")
    waiting = incoming("waiting", "77")
    await room.store.inbox.accept([waiting])
    await room.run("/forget yes")
    conversation, _ = await room.store.chats.load(group)
    assert [turn.sent for turn in conversation.turns] == ["of Bob", "re of Bob"]
    await room.said("goes on", chat=group)
    conversation, _ = await room.store.chats.load(group)
    assert [turn.sent for turn in conversation.turns] == ["of Bob", "re of Bob", "goes on", "re goes on"]
    other, _ = await room.store.chats.load(ChatKey("console", "bob"))
    assert len(other.turns) == 2
    assert await room.store.inbox.unfinished() == [waiting]


async def test_forget_twice_is_harmless(room):
    """A repeated /forget finds nothing, and the person goes on."""
    await room.said("one")
    await room.run("/forget yes")
    assert "Deleted: 0 messages" in await room.run("/forget yes")
    await room.said("again")
    assert await room.words() == ["again", "re again"]


async def test_an_answer_that_ends_after_forget_is_not_kept(room):
    """What was being answered in another chat of theirs when they had everything deleted is not written down."""
    other = ChatKey("console", "main", "thread")
    running, _ = await room.store.chats.load(other)
    await room.run("/forget yes")
    turn = Turn(role="user", sent="late", shown="late", at=AT)
    await room.store.conclude(incoming("late"), ["x"], running, (turn,))
    conversation, _ = await room.store.chats.load(other)
    assert conversation.turns == ()
    assert len(await room.store.chats.conversations(other, 9)) == 1
