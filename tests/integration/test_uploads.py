"""Documents that people give to a chat, in the real library."""

import pytest

from bot.domain import ChatKey
from bot.store import open_store
from bot.uploads import Uploads
from knowledge import KnowledgeConfig, open_knowledge_base
from knowledge.types import EVERYONE
from tests.fakes.clock import HandClock
from tests.fakes.embedder import HashEmbedder

pytestmark = pytest.mark.integration

CHAT, OTHER = ChatKey("telegram", "1"), ChatKey("telegram", "2")
TEXT = b"The zanzibarcode of the gate is in the blue drawer."


@pytest.fixture
async def house(tmp_path):
    """A library that shows the whole data directory to everyone, and uploads inside of it."""
    config = KnowledgeConfig(data_path=tmp_path / "data" / "knowledge", folders=(tmp_path / "data",), min_score=0.2)
    async with (
        open_store(tmp_path / "inglenook.db") as store,
        open_knowledge_base(config, HashEmbedder()) as library,
    ):
        yield store, library, Uploads(tmp_path / "data" / "uploads", store.uploads, library, HandClock())


async def found(library, *scopes):
    return [passage.text for passage in await library.search("zanzibarcode of the gate", scopes, 3)]


async def test_an_upload_is_found_in_its_chat_only(house):
    """Not even a configured folder around the uploads, and a pass over all sources, shows it to others."""
    _, library, uploads = house
    assert await uploads.keep(CHAT, "ada", "gate.md", TEXT) == 1
    await library.sync()
    assert await found(library, EVERYONE, str(CHAT)) == [TEXT.decode()]
    assert await found(library, EVERYONE, str(OTHER)) == []


async def test_an_upload_of_the_same_name_takes_the_place(house):
    """The earlier text is no longer found."""
    _, library, uploads = house
    await uploads.keep(CHAT, "ada", "gate.md", TEXT)
    assert await uploads.keep(CHAT, "ada", "gate.md", b"The garden hose is in the shed.") == 1
    assert await found(library, str(CHAT)) == []


async def test_an_upload_follows_its_chat(house):
    """Under the chat's new key it is found, under the old one no longer."""
    store, library, uploads = house
    await uploads.keep(CHAT, "ada", "gate.md", TEXT)
    await store.move_chat(CHAT, OTHER)
    await uploads.moved(OTHER)
    assert await found(library, str(OTHER)) == [TEXT.decode()]
    assert await found(library, str(CHAT)) == []


async def test_an_erased_upload_is_on_no_disk(house, tmp_path):
    """Neither the file nor the index keeps a word of it; another chat's stays."""
    _, library, uploads = house
    await uploads.keep(CHAT, "ada", "gate.md", TEXT)
    await uploads.keep(OTHER, "bob", "shed.md", b"The garden hose hangs behind the shed.")
    (path,) = (tmp_path / "data" / "uploads").rglob("gate.md")
    assert await uploads.erase([str(path.relative_to(tmp_path / "data" / "uploads"))]) == 1
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert [file for file in files if b"zanzibar" in file.read_bytes()] == []
    assert await library.search("garden hose", [str(OTHER)], 1)
