"""People, groups, reminders, replies and cursors: what chat platforms need."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the tables and columns of version 0.2."""
    op.add_column("conversations", sa.Column("title", sa.String))
    op.add_column("conversations", sa.Column("persona", sa.Text))
    op.add_column("outbox", sa.Column("event_key", sa.String))
    op.create_table(
        "cursors",
        sa.Column("transport", sa.String, primary_key=True),
        sa.Column("cursor", sa.String, nullable=False),
    )
    op.create_table(
        "replies",
        sa.Column("question", sa.String, primary_key=True),
        sa.Column("chat", sa.String, nullable=False, index=True),
        sa.Column("message_ids", sa.Text, nullable=False),
    )
    op.create_table(
        "people",
        sa.Column("person_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("messages_per_minute", sa.Integer),
        sa.Column("messages_per_day", sa.Integer),
        sa.Column("since", sa.String, nullable=False),
    )
    op.create_table(
        "identities",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column(
            "person_id", sa.String, sa.ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("chat", sa.String),
    )
    op.create_table(
        "codes",
        sa.Column("code", sa.String, primary_key=True),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("identity", sa.String, index=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("chat", sa.String),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("expires_at", sa.String, nullable=False),
    )
    op.create_table(
        "groups",
        sa.Column("chat", sa.String, primary_key=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_table(
        "usage",
        sa.Column("person_id", sa.String, primary_key=True),
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("evaluated_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
    )
    op.create_table(
        "reminders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("chat", sa.String, nullable=False, index=True),
        sa.Column("person_id", sa.String, nullable=False, index=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("due_at", sa.String, nullable=False, index=True),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
    )
    op.create_table(
        "uploads",
        sa.Column("path", sa.String, primary_key=True),
        sa.Column("chat", sa.String, nullable=False, index=True),
        sa.Column("person_id", sa.String, nullable=False, index=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
