"""The tables. A change here comes with a migration in `migrations/versions/`."""

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

chats = Table(
    "chats",
    metadata,
    Column("chat", String, primary_key=True),  # canonical form of the ChatKey
    Column("settings", Text, nullable=False),  # ChatSettings as JSON
    Column("conversation_id", String, nullable=False),  # the current one
)

conversations = Table(
    "conversations",
    metadata,
    Column("conversation_id", String, primary_key=True),
    Column("chat", String, nullable=False, index=True),
    Column("started_at", String, nullable=False),  # ISO 8601, UTC
    Column("trimmed_turns", Integer, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column(
        "conversation_id", String, ForeignKey("conversations.conversation_id", ondelete="CASCADE"), primary_key=True
    ),
    Column("position", Integer, primary_key=True),  # from 0, trimmed turns counted
    Column("turn", Text, nullable=False),  # Turn as JSON
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("event", Text, nullable=False),  # IncomingEvent as JSON
    Column("received_at", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("done_at", String),  # none: not answered yet
    UniqueConstraint("key"),
    Index("inbox_open", "done_at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("chat", String, nullable=False),
    Column("parts", Text, nullable=False),  # the texts, a JSON list
    Column("created_at", String, nullable=False),
    Column("sent_at", String),  # none: not delivered yet
    Index("outbox_open", "sent_at"),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("name", String, primary_key=True),
    Column("started_at", String, nullable=False),
    Column("finished_at", String),
    Column("error", Text),  # none: it went well
)
