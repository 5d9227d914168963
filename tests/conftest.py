"""What every test gets: a clean environment, and a detector of blocking calls on the event loop."""

import os
from collections.abc import Iterator

import pytest
import structlog
from blockbuster import blockbuster_ctx

from tests.fakes.synapse import Synapse


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    """Nothing of the developer's own configuration or data is seen."""
    for variable in os.environ:
        if variable.startswith("INGLENOOK_") and variable != "INGLENOOK_MODELS":
            monkeypatch.delenv(variable)
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _plain_log():
    """Log lines are plain; the default renderer of terminals reads files."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _nothing_blocks() -> Iterator[None]:
    """A blocking call of ours on the event loop is an error."""
    with blockbuster_ctx(scanned_modules=["bot", "engines", "knowledge"]) as detector:
        # The traceback of an unexpected error quotes the source.
        detector.functions["os.stat"].can_block_in("linecache.py", {"checkcache", "updatecache"})
        # The Matrix SDK keeps its keys in a small database of its own and knows no other way to write to it.
        for name, function in detector.functions.items():
            if name.startswith("sqlite3."):
                function.can_block_in("peewee.py", {"connect", "execute_sql", "iterate", "begin", "commit", "rollback"})
        yield


@pytest.fixture(scope="session")
def synapse(tmp_path_factory):
    """A real Matrix homeserver, started where a test asks for it. Accounts are named after their test."""
    server = Synapse(tmp_path_factory.mktemp("synapse"))
    server.start()
    yield server
    server.stop()
