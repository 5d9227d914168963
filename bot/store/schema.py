"""The tables. A change here comes with a migration in `migrations/versions/`."""

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from bot.domain import ChatKey

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
    Column("title", String),  # given by its people; none: its first words stand for it
    Column("persona", Text),  # its standing orders, fixed at its start; none: the configured ones
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
    Column("event_key", String),  # of the reply that it belongs to, as in `replies`; none: a message of its own
    Column("parts", Text, nullable=False),  # FinalText as JSON: the texts and the buttons
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

cursors = Table(
    "cursors",
    metadata,
    Column("transport", String, primary_key=True),
    Column("cursor", String, nullable=False),  # how far the platform's events are in the inbox
)

replies = Table(
    "replies",
    metadata,
    Column("question", String, primary_key=True),  # key of the event that is answered
    Column("chat", String, nullable=False, index=True),
    Column("message_ids", Text, nullable=False),  # of the messages that answer it, a JSON list
)

people = Table(
    "people",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),  # unknown (only seen), user, admin, banned
    Column("messages_per_minute", Integer),  # none: as configured
    Column("messages_per_day", Integer),
    Column("since", String, nullable=False),  # ISO 8601, UTC
)

identities = Table(
    "identities",
    metadata,
    Column("identity", String, primary_key=True),  # canonical form of the Person
    Column("person_id", String, ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("username", String, nullable=False),
    Column("chat", String),  # their direct chat, where it is known
)

codes = Table(
    "codes",
    metadata,
    Column("code", String, primary_key=True),
    Column(
        "purpose", String, nullable=False
    ),  # pair: somebody asks to come in; group: a group is to be opened; invite: somebody may
    Column("identity", String, index=True),  # who asks; none for an invitation
    Column("name", String, nullable=False),
    Column("username", String, nullable=False),
    Column("chat", String),
    Column("role", String, nullable=False),  # what they will be
    Column("expires_at", String, nullable=False),  # ISO 8601, UTC
)

groups = Table(
    "groups",
    metadata,
    Column("chat", String, primary_key=True),  # canonical form of the ChatKey without its thread
    Column("title", String, nullable=False),
    Column("state", String, nullable=False),  # asked, approved, refused
    Column("at", String, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("day", String, primary_key=True),  # ISO 8601 date, UTC
    Column("messages", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("evaluated_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
)

reminders = Table(
    "reminders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("chat", String, nullable=False, index=True),
    Column("person_id", String, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("due_at", String, nullable=False, index=True),  # ISO 8601, UTC
    Column("made_at", String, nullable=False),
    Column("language", String, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("path", String, primary_key=True),  # below the data directory's uploads
    Column("chat", String, nullable=False, index=True),
    Column("person_id", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("at", String, nullable=False),
)


def of_chat(column: "Column[str]", chat: ChatKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions of which one holds for the rows of the chat and of its threads."""
    return column == str(chat), column.startswith(f"{chat}/", autoescape=True)
