"""The index on a real LanceDB table."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest

from knowledge import index as index_module
from knowledge.errors import IndexBroken
from knowledge.index import ChunkIndex
from knowledge.records import EmbeddedDocument
from knowledge.types import EVERYONE, Chunk

pytestmark = pytest.mark.integration

DIMENSIONS = 32
QUESTION = np.eye(DIMENSIONS, dtype=np.float32)[0]


def unit(rng):
    vector = rng.normal(size=DIMENSIONS).astype(np.float32)
    return vector / np.linalg.norm(vector)


def document(path, *texts, scope=EVERYONE, seed=0):
    rng = np.random.default_rng(seed)
    chunks = [
        Chunk(chunk_id=f"{path}#{number}#{text}", path=path, text=text, heading="", page=None, position=number)
        for number, text in enumerate(texts)
    ]
    return EmbeddedDocument(path, scope, chunks, [unit(rng) for _ in texts])


def found(index, text, scopes=(EVERYONE,), limit=10):
    """The texts that share words with the question."""
    return {hit.chunk.text for hit in index.search(text, QUESTION, scopes, limit) if hit.bm25}


@pytest.fixture
def index(tmp_path):
    return ChunkIndex(tmp_path / "index", DIMENSIONS, timedelta(days=1))


def test_chunks_come_back_as_they_went_in(index):
    """All fields of a chunk survive, and the cosine is that of the vectors."""
    chunk = Chunk(chunk_id="1", path="/a.pdf", text="the pressure", heading="Boiler > Pressure", page=3, position=7)
    index.replace([EmbeddedDocument("/a.pdf", EVERYONE, [chunk], [QUESTION])])
    (hit,) = index.search("pressure", QUESTION, [EVERYONE], 5)
    assert chunk == hit.chunk
    assert hit.cosine == pytest.approx(1.0)
    assert hit.bm25 > 0


def test_replacing_a_document_leaves_nothing_behind(index):
    """Old chunks of the same document vanish, those of others stay."""
    index.replace([document("/a", "boiler old", "boiler older"), document("/b", "boiler other")])
    index.replace([document("/a", "boiler new")])
    assert {"boiler new", "boiler other"} == found(index, "boiler")
    assert index.count() == 2


def test_writing_the_same_again_makes_no_copies(index):
    """A document that is written twice, as after a kill, is there once."""
    for _ in range(3):
        index.replace([document("/a", "one", "two")])
    assert index.count() == 2


def test_removed_document_is_not_found_through_another_handle(index, tmp_path):
    """A reader that was open before the removal does not answer from the past."""
    index.replace([document("/a", "boiler"), document("/b", "boiler too")])
    reader = ChunkIndex(tmp_path / "index", DIMENSIONS, timedelta(days=1))
    assert {"boiler", "boiler too"} == found(reader, "boiler")
    index.remove(["/a"])
    assert {"boiler too"} == found(reader, "boiler")


@pytest.mark.parametrize(
    "path", ["/o'brien.txt", "/x' OR '1'='1", '/"quoted"', "/back\\slash", "/百分号%_.md", "/new\nline"]
)
def test_names_are_not_taken_for_sql(index, path):
    """Whatever a file is called, exactly its chunks are replaced and removed."""
    index.replace([document(path, "boiler one"), document("/other", "boiler two")])
    index.replace([document(path, "boiler three", scope="it's")])
    assert list(index.vectors([path])) == ["boiler three"]
    assert {"boiler two"} == found(index, "boiler")
    assert {"boiler three"} == found(index, "boiler", ["it's"])
    index.remove([path])
    assert {"boiler two"} == found(index, "boiler", [EVERYONE, "it's"])


def test_scope_filters_both_searches(index):
    """Somebody who owns one chunk among hundreds finds it, and nobody else does."""
    crowd = document("/crowd", *(f"boiler {number}" for number in range(300)), scope="matrix/crowd")
    index.replace([crowd, document("/mine", "boiler mine", scope="telegram/1", seed=5)])
    hits = index.search("boiler", QUESTION, ["telegram/1", "telegram/2"], 10)
    assert [hit.chunk.text for hit in hits] == ["boiler mine"]
    assert index.search("boiler", QUESTION, ["telegram/2"], 10) == []


def test_chinese_words_and_parts_of_names_are_found(index):
    """A run of Chinese without punctuation is cut into words, a file name at its underscores."""
    index.replace(
        [document("/a", "如何在这个系统上安装软件包并且更新全部的程序"), document("/b", "see backup_config_file.yaml")]
    )
    assert {"如何在这个系统上安装软件包并且更新全部的程序"} == found(index, "软件包")
    assert {"see backup_config_file.yaml"} == found(index, "config")


@pytest.mark.parametrize("text", ['foo AND (bar"', "", "'; DROP TABLE chunks", "NOT", "*:*", "a" * 5000])
def test_any_question_is_only_a_question(index, text):
    """Nothing that somebody types is an operator or an error."""
    index.replace([document("/a", "boiler")])
    assert len(index.search(text, QUESTION, [EVERYONE], 5)) == 1


def test_file_name_is_searched(index):
    """A document is found by what its file is called."""
    index.replace([document("/docs/heating-invoice_2024.pdf", "total 61 euros")])
    assert {"total 61 euros"} == found(index, "invoice")


def test_optimize_keeps_everything_and_indexes_all(index):
    """After many small writes nothing is lost, no row is outside an index, and old versions are gone."""
    for number in range(25):
        index.replace([document(f"/{number}", f"boiler {number}")])
    index.optimize()
    assert len(found(index, "boiler", limit=50)) == 25
    assert {0} == {kind.num_unindexed_rows for kind in index._table.list_indices()}


def test_versions_past_their_age_are_removed(tmp_path):
    """What was replaced longer ago than that is no longer on the disk."""
    index = ChunkIndex(tmp_path / "index", DIMENSIONS, timedelta(milliseconds=1))
    for number in range(5):
        index.replace([document("/a", f"secret{number}")])
    time.sleep(0.01)
    index.optimize()
    data = b"".join(path.read_bytes() for path in (tmp_path / "index").rglob("*.lance") if path.is_file())
    assert b"secret4" in data
    assert b"secret3" not in data


def test_large_table_gets_a_vector_index_that_finds_the_same(index, monkeypatch):
    """Past a size vectors are searched through an index; it finds most of the true neighbours."""
    monkeypatch.setattr(index_module, "_VECTOR_INDEX_FROM_CHUNKS", 3000)
    index.replace([document("/a", *(f"text {number}" for number in range(4000)))])
    exact = {hit.chunk.chunk_id for hit in index.search("", QUESTION, [EVERYONE], 50)}
    index.optimize()
    assert any("vector" in kind.columns for kind in index._table.list_indices())
    approximate = {hit.chunk.chunk_id for hit in index.search("", QUESTION, [EVERYONE], 50)}
    assert len(exact & approximate) >= 35


def test_optimizing_while_writing(index):
    """Writers take turns; readers are served all the while."""

    def write(number):
        index.replace([document(f"/{number}", f"boiler {number}")])
        index.optimize()
        return len(found(index, "boiler", limit=50))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(write, range(12)))
    assert index.count() == 12


def test_broken_table_is_one_error(tmp_path):
    """A table whose files are garbage is reported as such, with its path."""
    ChunkIndex(tmp_path / "index", DIMENSIONS, timedelta(days=1)).replace([document("/a", "boiler")])
    for file in (tmp_path / "index").rglob("*.manifest"):
        file.write_bytes(b"garbage")
    with pytest.raises(IndexBroken) as caught:
        ChunkIndex(tmp_path / "index", DIMENSIONS, timedelta(days=1)).count()
    assert caught.value.code == "index.unusable"
    assert str(tmp_path / "index") == caught.value.arguments["path"]
