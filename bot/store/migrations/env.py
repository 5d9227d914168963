"""Alembic's entry: applies the migrations to the database that `database.py` names."""

from alembic import context
from sqlalchemy import create_engine

from bot.store.schema import metadata

engine = create_engine(context.config.attributes["url"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
