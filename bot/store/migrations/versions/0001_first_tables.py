"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables of version 0.1."""
    op.create_table(
        "chats",
        sa.Column("chat", sa.String, primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.String, nullable=False),
    )
    op.create_table(
        "conversations",
        sa.Column("conversation_id", sa.String, primary_key=True),
        sa.Column("chat", sa.String, nullable=False, index=True),
        sa.Column("started_at", sa.String, nullable=False),
        sa.Column("trimmed_turns", sa.Integer, nullable=False),
    )
    op.create_table(
        "turns",
        sa.Column(
            "conversation_id",
            sa.String,
            sa.ForeignKey("conversations.conversation_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("turn", sa.Text, nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("received_at", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("done_at", sa.String),
        sa.UniqueConstraint("key"),
    )
    op.create_index("inbox_open", "inbox", ["done_at"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("chat", sa.String, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("created_at", sa.String, nullable=False),
        sa.Column("sent_at", sa.String),
    )
    op.create_index("outbox_open", "outbox", ["sent_at"])
    op.create_table(
        "job_runs",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("started_at", sa.String, nullable=False),
        sa.Column("finished_at", sa.String),
        sa.Column("error", sa.Text),
    )
