"""One running assistant for all scenarios, and the people who talk with it."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.e2e.telegram.home import Home
from tests.e2e.telegram.person import Person
from tests.e2e.telegram.program import Program
from tests.e2e.telegram.sides import open_side

ADMIN = "ada"
ALLOWED = ("ann", "ben", "cho", "dan", "eve", "fay", "gus", "hal", "ivy", "jan", "kim", "lee", "mia", "ned")


class Household:
    """The assistant, its people and their Telegram."""

    def __init__(self, side, program):
        self.side = side
        self.program = program

    def person(self, name, *, language="", chat=None) -> Person:
        """Somebody, as Telegram knows them."""
        return Person(self.side, name, language=language, chat=chat)

    def turns(self, chat: str) -> list[dict[str, str]]:
        """What was said in the current conversation of a chat, oldest first."""
        with closing(sqlite3.connect(self.program.home.database)) as database:
            rows = database.execute(
                "SELECT turn FROM turns JOIN chats USING (conversation_id) WHERE chat = ? ORDER BY position", (chat,)
            )
            return [json.loads(turn) for (turn,) in rows]

    def last_prompt(self, chat: str) -> str:
        """The newest thing that was sent to the model in the current conversation of a chat."""
        return [turn["sent"] for turn in self.turns(chat) if turn["role"] == "user"][-1]

    def files_with(self, words: str) -> list[str]:
        """The files of the data directory that hold these words; the models left out."""
        folder = self.program.home.data_dir
        files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "models" not in path.parts)
        return [str(path.relative_to(folder)) for path in files if words.encode() in path.read_bytes()]


@pytest.fixture(scope="session")
def side():
    """Telegram, whoever plays it."""
    with open_side() as side:
        yield side


@pytest.fixture(scope="session")
def household(side, tmp_path_factory):
    """The assistant with its real engines, started once."""
    home = Home(tmp_path_factory.mktemp("household"), side, admins=[ADMIN], allowed=ALLOWED)
    home.link_models()
    program = Program(home, side)
    program.start()
    yield Household(side, program)
    assert program.stop() == 0, home.said()
    assert "Traceback" not in home.said()


@pytest.fixture
def ada(household):
    """The admin."""
    return household.person(ADMIN)
