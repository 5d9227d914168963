"""What survives: conversations, the inbox and the outbox, in a real database."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bot.domain import AnswerCost, Attachment, AttachmentKind, ChatKey, Citation, MessageEdited, MessageRemoved, Turn
from bot.errors import StoreError
from bot.store import JobRun, open_store
from bot.store.database import HEAD, MIGRATIONS
from bot.store.schema import metadata
from tests.fakes.transport import incoming

CHAT = ChatKey("console", "main")
AT = datetime(2026, 3, 14, tzinfo=UTC)
COST = AnswerCost(
    prompt_tokens=9, reused_tokens=3, evaluated_tokens=6, completion_tokens=2, first_token_seconds=0.5, seconds=1.0
)
SAID = (
    Turn(role="user", sent="sent", shown="shown", at=AT, message_id="1", author="Ada"),
    Turn(
        role="assistant",
        sent="answer",
        shown="answer\n\nSources",
        at=AT,
        citations=(Citation(number=1, path="/a.md", heading="H", page=2, snippet="text"),),
        cost=COST,
    ),
)


async def test_a_conversation_survives(tmp_path):
    """Turns come back exactly as they were, citations and cost included."""
    message = incoming("hello")
    async with open_store(tmp_path / "a.db") as store:
        before, _ = await store.chats.load(CHAT)
        await store.inbox.accept([message])
        await store.conclude(message, ["answer"], before, SAID)
    async with open_store(tmp_path / "a.db") as store:
        after, _ = await store.chats.load(CHAT)
    assert before.with_turns(*SAID) == after


async def test_a_rewind_replaces(tmp_path):
    """Turns written after a shorter conversation take the place of what stood there."""
    message = incoming("hello")
    async with open_store(tmp_path / "a.db") as store:
        empty, _ = await store.chats.load(CHAT)
        await store.conclude(message, ["x"], empty, SAID)
        await store.conclude(message, ["x"], empty, SAID[:1])
        after, _ = await store.chats.load(CHAT)
    assert SAID[:1] == after.turns


@pytest.mark.parametrize(
    "event",
    [
        incoming("hello", attachments=(Attachment(kind=AttachmentKind.VOICE, handle="/v.ogg", duration_seconds=3.5),)),
        MessageEdited(message=incoming("better")),
        MessageRemoved(ref=incoming().ref, sender=incoming().sender),
    ],
)
async def test_every_event_survives_in_the_inbox(tmp_path, event):
    """An accepted event is known after a restart, until it is done."""
    async with open_store(tmp_path / "a.db") as store:
        assert await store.inbox.accept([event])
        assert not await store.inbox.accept([event])
    async with open_store(tmp_path / "a.db") as store:
        assert [event] == await store.inbox.unfinished()
        assert await store.inbox.begin(event) == 1
        assert await store.inbox.begin(event) == 2
        await store.inbox.done(event)
        assert await store.inbox.begin(event) == 0
        assert await store.inbox.unfinished() == []


async def test_first_messages_at_once_share_one_conversation(tmp_path):
    """Many first messages of a chat at the same moment begin one conversation, not one each."""
    async with open_store(tmp_path / "a.db") as store:
        loaded = await asyncio.gather(*(store.chats.load(CHAT) for _ in range(8)))
    assert len({conversation.conversation_id for conversation, _ in loaded}) == 1


async def test_old_entries_are_pruned_and_open_ones_kept(tmp_path):
    """Pruning deletes what is done and old, never what waits."""
    waiting, answered = incoming("waiting", "1"), incoming("answered", "2")
    async with open_store(tmp_path / "a.db") as store:
        for message in (waiting, answered):
            await store.inbox.accept([message])
        delivered = await store.conclude(answered, ["x"])
        await store.outbox.delivered(delivered)
        await store.conclude(answered, ["undelivered"])
        later = datetime.now(UTC) + timedelta(days=1)
        assert await store.inbox.prune(later) == 1
        assert await store.outbox.prune(later) == 1
        assert [waiting] == await store.inbox.unfinished()
        assert [entry.final.parts[0] for entry in await store.outbox.undelivered()] == ["undelivered"]


async def test_job_runs_are_kept_by_name(tmp_path):
    """Only the last run of a job is kept."""
    async with open_store(tmp_path / "a.db") as store:
        for minute in range(3):
            ran = JobRun(name="reindex", started_at=AT + timedelta(minutes=minute), finished_at=None, error=None)
            await store.jobs.save(ran)
        assert {"reindex": ran} == await store.jobs.all()


async def test_a_newer_database_is_refused_and_left_alone(tmp_path):
    """A database of a later version is not touched."""
    path = tmp_path / "a.db"
    async with open_store(path):
        pass
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        async with open_store(path):
            pass
    assert refused.value.code == "store.newer"
    assert before == path.read_bytes()


async def test_a_damaged_database_is_named(tmp_path):
    """Something that is not a database is an error with the path."""
    (tmp_path / "a.db").write_bytes(b"this is not a database, just some text" * 100)
    with pytest.raises(StoreError) as refused:
        async with open_store(tmp_path / "a.db"):
            pass
    assert refused.value.code == "store.broken"


async def test_the_migrations_make_the_schema(tmp_path):
    """A migrated database has the tables and columns of `schema.py`, and HEAD is the newest migration."""
    async with open_store(tmp_path / "a.db"):
        pass
    assert max(MIGRATIONS.glob("versions/*.py")).name.startswith(HEAD)
    with sqlite3.connect(tmp_path / "a.db") as database:
        for table in metadata.tables.values():
            columns = {row[1] for row in database.execute(f"PRAGMA table_info({table.name})")}
            assert {column.name for column in table.columns} == columns


async def test_a_full_disk_is_named_and_loses_nothing(tmp_path):
    """A message that does not fit on the disk is not accepted; what was there stays, and the next one works."""
    path = tmp_path / "a.db"
    async with open_store(path) as store:
        await store.inbox.accept([incoming("before", "1")])
        async with store.database.transaction() as connection:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count = {pages + 1}"))
        with pytest.raises(StoreError) as refused:
            await store.inbox.accept([incoming("x" * 100_000, "2")])
        assert refused.value.code == "store.disk_full"
        await store.inbox.accept([incoming("after", "3")])
        assert [event.text for event in await store.inbox.unfinished()] == ["before", "after"]
