"""Folders of documents, kept in step with what can be found."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from engines.embedding import EmbeddingConfig, open_embedder
from knowledge import KnowledgeConfig, ReadingLimits, open_knowledge_base
from knowledge.errors import IndexBroken, SourceUnavailable
from knowledge.index import ChunkIndex
from knowledge.types import EVERYONE, SyncReport
from tests.fakes.embedder import HashEmbedder

pytestmark = pytest.mark.integration

DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"
ROOT = Path(__file__).parents[2]
ALICE, FAMILY = "telegram/1", "matrix/family"


@pytest.fixture
def house(tmp_path):
    """A folder with three notes."""
    folder = tmp_path / "house"
    (folder / "cellar").mkdir(parents=True)
    (folder / "cellar" / "boiler.md").write_text(
        "# Boiler\n\nThe pressure should be 1.5 bar.\n\n# Engineer\n\nCall Ms Okafor."
    )
    (folder / "garden.txt").write_text("The hose hangs behind the shed.")
    (folder / "attic.txt").write_text("Christmas decorations are in the red box.")
    return folder


@pytest.fixture
def embedder():
    return HashEmbedder()


@pytest.fixture
def opened(tmp_path, house, embedder):
    """Opens the knowledge base of this test, again if need be."""

    @asynccontextmanager
    async def open_base(*folders, **settings):
        config = KnowledgeConfig(data_path=tmp_path / "data", folders=folders, min_score=0.2, **settings)
        async with open_knowledge_base(config, embedder) as base:
            yield base

    return open_base


async def paths(base, query, scopes=(EVERYONE,), limit=5):
    return {Path(passage.path).name for passage in await base.search(query, scopes, limit)}


def numbers(report: SyncReport):
    return report.added, report.changed, report.removed, report.unchanged, report.failed


async def test_folder_is_found_after_adding(opened, house):
    """Documents of a folder and its subfolders, with their headings."""
    async with opened() as base:
        assert numbers(await base.add(house)) == (3, 0, 0, 0, 0)
        (passage,) = await base.search("what is the boiler pressure", [EVERYONE], 1)
        assert passage.path == str(house / "cellar" / "boiler.md")
        assert "1.5 bar" in passage.text
        assert [str(house)] == [source.path for source in await base.sources()]
        assert {"attic.txt", "boiler.md", "garden.txt"} == {Path(d.path).name for d in await base.documents()}


async def test_second_pass_reads_nothing(opened, house, embedder):
    """What did not change costs nothing, also after a restart and after a touch."""
    async with opened() as base:
        await base.add(house)
    (house / "garden.txt").touch()
    embedder.embedded.clear()
    async with opened() as base:
        assert numbers(await base.sync()) == (0, 0, 0, 3, 0)
    assert embedder.embedded == []


async def test_only_changed_chunks_are_embedded(opened, house, embedder):
    """A new paragraph in a long document costs one chunk."""
    note = house / "garden.txt"
    sections = [f"# Part {number}\n\n" + f"Sentence number {number} about the garden. " * 12 for number in range(8)]
    async with opened() as base:
        note.rename(note.with_suffix(".md"))
        note = note.with_suffix(".md")
        note.write_text("\n\n".join(sections))
        await base.add(house)
        embedder.embedded.clear()
        sections.insert(3, "# Roses\n\n" + "Cut the roses in March, never in summer. " * 12)
        note.write_text("\n\n".join(sections))
        report = await base.sync()
        assert (numbers(report), report.embedded_chunks) == ((0, 1, 0, 2, 0), 1)
        assert [text.startswith("Roses") for text in embedder.embedded] == [True]
        assert "garden.md" in await paths(base, "when are roses cut")


async def test_deleted_and_renamed_files(opened, house):
    """A deleted file is not found any more; a renamed one is found under its new name only."""
    async with opened() as base:
        await base.add(house)
        (house / "attic.txt").unlink()
        (house / "garden.txt").rename(house / "outside.txt")
        assert numbers(await base.sync()) == (1, 0, 2, 1, 0)
        assert await paths(base, "christmas decorations red box") == set()
        assert await paths(base, "where is the hose") == {"outside.txt"}


async def test_deleted_folder_takes_its_documents_along(opened, house):
    """The folder stays a source and is reported as missing until it comes back."""
    async with opened() as base:
        await base.add(house)
        moved = house.rename(house.with_name("away"))
        await base.sync()
        assert await paths(base, "boiler pressure") == set()
        assert [document.error_code for document in await base.documents()] == ["source.missing"]
        moved.rename(house)
        await base.sync()
        assert await paths(base, "boiler pressure") == {"boiler.md"}
        assert {None} == {document.error_code for document in await base.documents()}


async def test_configured_folder_comes_and_goes_with_the_configuration(opened, house):
    """Taking a folder out of the configuration removes its documents at the next pass."""
    async with opened(house) as base:
        await base.sync()
        with pytest.raises(SourceUnavailable) as caught:
            await base.remove(house)
        assert caught.value.code == "source.configured"
    async with opened() as base:
        assert numbers(await base.sync()) == (0, 0, 3, 0, 0)
        assert await base.documents() == []


async def test_removed_source(opened, house):
    """Removing forgets the documents; what is no source cannot be removed."""
    async with opened() as base:
        await base.add(house / "garden.txt")
        assert (await base.remove(house / "garden.txt")).removed == 1
        assert await base.search("hose behind the shed", [EVERYONE], 5) == []
        with pytest.raises(SourceUnavailable) as caught:
            await base.remove(house / "garden.txt")
        assert caught.value.code == "source.unknown"


async def test_missing_source_is_refused(opened, house):
    """A path that does not exist does not become a source."""
    async with opened() as base:
        with pytest.raises(SourceUnavailable) as caught:
            await base.add(house / "nowhere")
        assert caught.value.code == "source.missing"
        assert await base.sources() == []


async def test_private_document_is_found_by_its_owner_only(opened, house):
    """Each question is answered from the documents of its scopes."""
    async with opened() as base:
        await base.add(house / "cellar")
        await base.add(house / "attic.txt", ALICE)
        question = "christmas decorations, boiler pressure"
        assert await paths(base, question) == {"boiler.md"}
        assert await paths(base, question, [FAMILY]) == set()
        assert await paths(base, question, [ALICE]) == {"attic.txt"}
        assert await paths(base, question, [EVERYONE, ALICE]) == {"attic.txt", "boiler.md"}
        assert await paths(base, question, []) == set()


async def test_inner_source_decides_the_scope(opened, house, embedder):
    """A private folder inside a shared one stays private, whichever is read last; changing it embeds nothing."""
    async with opened() as base:
        await base.add(house / "cellar", ALICE)
        await base.add(house)
        assert await paths(base, "boiler pressure") == set()
        assert await paths(base, "boiler pressure", [ALICE]) == {"boiler.md"}
        embedder.embedded.clear()
        await base.remove(house / "cellar")
        assert await paths(base, "boiler pressure") == {"boiler.md"}
        assert embedder.embedded == []


async def test_unreadable_files_are_recorded_and_not_retried(opened, house):
    """A damaged file is shown with its reason, does not stop the others, and waits for its next change."""
    bad = house / "letter.pdf"
    bad.write_bytes(b"%PDF-1.4 nothing")
    (house / "empty.txt").touch()
    async with opened() as base:
        assert numbers(await base.add(house)) == (3, 0, 0, 0, 2)
        codes = {Path(d.path).name: d.error_code for d in await base.documents() if d.error_code}
        assert codes == {"letter.pdf": "document.damaged", "empty.txt": "document.empty"}
        assert numbers(await base.sync()) == (0, 0, 0, 3, 2)
        bad.write_bytes((DOCUMENTS / "household_insurance.pdf").read_bytes())
        assert numbers(await base.sync()) == (0, 1, 0, 3, 1)
        (passage,) = await base.search("bicycles are insured up to", [EVERYONE], 1)
        assert (passage.path, passage.page) == (str(bad), 3)


async def test_document_that_becomes_unreadable_is_not_found(opened, house):
    """The old text does not survive in the index."""
    async with opened() as base:
        await base.add(house)
        (house / "garden.txt").write_bytes(b"\x00\x01\x02")
        await base.sync()
        assert await paths(base, "where is the hose") == set()


async def test_ignored_files_stay_out(opened, house):
    """Hidden files, programs' files, and what the folder's own list names; the inner list decides."""
    for name in (
        ".secret.txt",
        "~$letter.docx",
        "photo.jpg",
        "draft.txt",
        "cellar/draft.txt",
        "cellar/keep.log",
        "x.log",
    ):
        (house / name).write_text("the hose again")
    (house / ".inglenookignore").write_text("draft.txt\n*.log\n")
    (house / "cellar" / ".inglenookignore").write_text("!keep.log\n")
    (house / "node_modules").mkdir()
    (house / "node_modules" / "readme.md").write_text("the hose again")
    async with opened() as base:
        await base.add(house)
        assert {"attic.txt", "boiler.md", "keep.log", "garden.txt"} == {
            Path(d.path).name for d in await base.documents()
        }


async def test_links_are_not_followed(opened, house, tmp_path):
    """Nothing outside the folder gets in, neither file nor folder; circles do no harm."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "diary.txt").write_text("The hose knows my secrets.")
    (house / "link.txt").symlink_to(outside / "diary.txt")
    (house / "folder").symlink_to(outside)
    (house / "circle").symlink_to(house)
    os.mkfifo(house / "pipe.txt")
    async with opened() as base:
        assert (await base.add(house)).added == 3
        assert "diary.txt" not in await paths(base, "hose secrets")


async def test_own_data_is_not_a_document(opened, tmp_path, house):
    """A source that holds the index does not index it."""
    async with opened() as base:
        await base.add(tmp_path)
        assert (await base.sync()).added == 0
        assert len(await base.documents()) == 3


async def test_folder_without_permission_keeps_its_documents(opened, house, monkeypatch):
    """While a folder cannot be listed, it is reported, and its documents are not taken for deleted."""
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "cellar":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    async with opened() as base:
        await base.add(house)
        monkeypatch.setattr(os, "scandir", guarded)
        assert (await base.sync()).failed == 1
        assert await paths(base, "boiler pressure") == {"boiler.md"}
        assert {"source.forbidden"} == {
            document.error_code for document in await base.documents() if document.error_code
        }
        monkeypatch.undo()
        assert numbers(await base.sync()) == (0, 0, 1, 3, 0)


async def test_large_files_are_not_read(opened, house):
    """The limit is checked on the disk."""
    (house / "big.txt").write_bytes(b"hose " * 300_000)
    async with opened(limits=ReadingLimits(max_file_mb=1)) as base:
        assert (await base.add(house)).failed == 1


@pytest.mark.parametrize("name", ["o'brien.txt", 'a "b" c.txt', "x' OR '1'='1.txt", "预算 100%.txt", "new\nline.txt"])
async def test_names_of_all_kinds(opened, house, name):
    """Any file name can be added, changed, found and removed."""
    (house / name).write_text("The secret ingredient is nutmeg.")
    async with opened() as base:
        await base.add(house)
        (house / name).write_text("The secret ingredient is cinnamon.")
        await base.sync()
        (passage,) = await base.search("secret ingredient", [EVERYONE], 3)
        assert (passage.path, passage.text) == (str(house / name), "The secret ingredient is cinnamon.")
        (house / name).unlink()
        await base.sync()
        assert await base.search("secret ingredient", [EVERYONE], 3) == []


async def test_name_that_is_no_text(opened, house):
    """A name that is not valid UTF-8 is shown in a form that can be printed."""
    (house / os.fsdecode(b"caf\xe9.txt")).write_text("The secret ingredient is nutmeg.")
    async with opened() as base:
        assert (await base.add(house)).added == 4
        assert await paths(base, "secret ingredient") == {"caf\\udce9.txt"}
        assert (await base.sync()).unchanged == 4


async def test_unknown_subject_finds_nothing(opened, house):
    """ "Not in your documents" is an answer."""
    async with opened() as base:
        await base.add(house)
        assert await base.search("quarterly dividends of railway companies", [EVERYONE], 5) == []
        assert await base.search("   ", [EVERYONE], 5) == []


async def test_progress_counts_what_is_read(opened, house):
    """One call for each file that is read, in order."""
    seen = []
    async with opened(house) as base:
        await base.sync(seen.append)
        await base.sync(seen.append)
    assert [(step.done, step.total, Path(step.path).name) for step in seen] == [
        (0, 3, "attic.txt"),
        (1, 3, "boiler.md"),
        (2, 3, "garden.txt"),
    ]


async def test_another_model_starts_anew(opened, house, embedder, tmp_path):
    """Vectors of two models are never compared: until the next pass there is nothing to be found."""
    async with opened(house) as base:
        await base.sync()
    config = KnowledgeConfig(data_path=tmp_path / "data", folders=(house,), min_score=0.2)
    async with open_knowledge_base(config, HashEmbedder(dimensions=384, model_id="hash-2")) as base:
        assert await base.search("boiler pressure", [EVERYONE], 5) == []
        assert (await base.sync()).added == 3
        assert await paths(base, "boiler pressure") == {"boiler.md"}


async def test_lost_index_is_made_again(opened, house, tmp_path):
    """Somebody who moved the index away gets a new one with the next pass, and no error before it."""
    async with opened(house) as base:
        await base.sync()
    (tmp_path / "data" / "index").rename(tmp_path / "old")
    async with opened(house) as base:
        assert await base.search("boiler pressure", [EVERYONE], 5) == []
        assert (await base.sync()).added == 3
        assert await paths(base, "boiler pressure") == {"boiler.md"}


async def test_broken_list_of_documents_is_one_error(opened, tmp_path):
    """Garbage instead of a database is reported with its path."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.sqlite").write_bytes(b"garbage" * 1000)
    with pytest.raises(IndexBroken) as caught:
        async with opened():
            pass
    assert caught.value.code == "index.unusable"


async def test_empty_base_needs_no_lancedb(tmp_path):
    """Opening, searching and listing without documents leave the slow import alone."""
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from knowledge import KnowledgeConfig, open_knowledge_base\n"
        "from tests.fakes.embedder import HashEmbedder\n"
        "async def main():\n"
        "    async with open_knowledge_base(KnowledgeConfig(data_path=Path(sys.argv[1])), HashEmbedder()) as base:\n"
        "        assert await base.search('boiler', ['everyone'], 5) == []\n"
        "        assert (await base.sync()).added == 0\n"
        "        await base.ping()\n"
        "asyncio.run(main())\n"
        "assert 'lancedb' not in sys.modules and 'pyarrow' not in sys.modules\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path / "data"), cwd=ROOT)
    assert await process.wait() == 0


async def test_searching_while_reading(opened, house):
    """Questions are answered during a pass, and two passes at once do not meet."""
    for number in range(40):
        (house / f"note{number}.txt").write_text(f"Note number {number} about the boiler.")
    async with opened(house) as base:
        await base.add(house / "cellar")
        passes = asyncio.gather(base.sync(), base.sync())
        while not passes.done():
            assert await base.search("boiler pressure", [EVERYONE], 3)
            await base.ping()
        assert {0, 42} == {report.added for report in passes.result()}


async def test_cancelled_pass_goes_on_later(opened, house):
    """Stopping in the middle leaves what was done; the next pass does the rest."""
    for number in range(300):
        (house / f"note{number}.txt").write_text(f"Note number {number} about the boiler.")
    async with opened(house) as base:
        halfway = asyncio.Event()
        running = asyncio.create_task(base.sync(lambda step: halfway.set() if step.done > 150 else None))
        await halfway.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        report = await base.sync()
        assert 0 < report.added < 303
        assert len(await base.documents()) == 303


INGEST = """
import asyncio, sys
from pathlib import Path
from knowledge import KnowledgeConfig, open_knowledge_base
from tests.fakes.embedder import HashEmbedder
async def main():
    config = KnowledgeConfig(data_path=Path(sys.argv[1]), folders=(Path(sys.argv[2]),))
    async with open_knowledge_base(config, HashEmbedder()) as base:
        await base.sync(lambda step: print(step.done, flush=True))
asyncio.run(main())
"""


def killed_ingest(data, folder, after_files):
    """A process that is killed once it has come to a certain file, or has ended."""
    command = [sys.executable, "-c", INGEST, str(data), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if int(line) >= after_files:
                os.kill(process.pid, signal.SIGKILL)
                break


async def test_killed_passes_leave_whole_documents(opened, house, tmp_path):
    """Whenever the program is killed, each document in the index is complete, and the next pass completes the rest."""
    rng = random.Random(1)
    for number in range(150):
        (house / f"note{number}.txt").write_text("\n\n".join(f"Note {number}, part {part}. " * 30 for part in range(4)))
    for _ in range(3):
        await asyncio.to_thread(killed_ingest, tmp_path / "data", house, rng.randrange(20, 140))
        assert not await asyncio.to_thread(torn_documents, tmp_path / "data")
    async with opened(house) as base:
        await base.sync()
        assert sum(document.chunks for document in await base.documents()) == 150 * 4 + 3
    assert not await asyncio.to_thread(torn_documents, tmp_path / "data")


def torn_documents(data):
    """Documents in the index whose chunks are not four."""
    rows = (
        ChunkIndex(data / "index", HashEmbedder().dimensions, timedelta(days=1))._table.search().limit(None).to_arrow()
    )
    counts = {}
    for path in rows["path"].to_pylist():
        counts[path] = counts.get(path, 0) + 1
    return [path for path, count in counts.items() if "note" in path and count != 4]


async def test_document_that_vanishes_after_a_kill(opened, house, tmp_path, monkeypatch):
    """What was written and never ticked off is still known, so that it can leave with its file."""
    async with opened(house) as base:
        with monkeypatch.context() as patch:
            patch.setattr(ChunkIndex, "replace", written_and_killed(ChunkIndex.replace))
            with pytest.raises(SystemExit):
                await base.sync()
        (house / "garden.txt").unlink()
        assert numbers(await base.sync())[2] == 1
        assert await paths(base, "where is the hose") == set()
        assert await paths(base, "boiler pressure") == {"boiler.md"}


def written_and_killed(replace):
    """Writes, and does not come back."""

    def killed(index, documents):
        replace(index, documents)
        raise SystemExit

    return killed


async def test_house_documents_with_the_real_model(tmp_path):
    """Questions in both languages find the right document of each kind, everyday talk finds none."""
    config = KnowledgeConfig(data_path=tmp_path / "data", folders=(DOCUMENTS,))
    async with open_embedder(EmbeddingConfig()) as embedder, open_knowledge_base(config, embedder) as base:
        report = await base.sync()
        assert (report.added, report.failed) == (5, 2)
        for question, name in {
            "What water pressure does the boiler need?": "boiler.md",
            "What does error F75 mean?": "boiler.md",
            "Are bicycles insured?": "household_insurance.pdf",
            "May I keep a dog?": "rental_contract.docx",
            "Where is the passphrase for guests?": "wifi.html",
            "洗衣机的保修期是多久?": "washing_machine_zh.txt",
            "养狗需要房东同意吗?": "rental_contract.docx",
        }.items():
            best = (await base.search(question, [EVERYONE], 3))[0]
            assert (question, name) == (question, Path(best.path).name)
        for chatter in ("Tell me a joke.", "Who painted the Mona Lisa?", "天空为什么是蓝色的?"):
            assert (chatter, []) == (chatter, await base.search(chatter, [EVERYONE], 3))


@pytest.mark.parametrize("others", [0, 40])
async def test_what_is_forgotten_is_on_no_disk(opened, tmp_path, others):
    """After `forget` no file of the data path holds a word of the document, of its older form, or of its name."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    for number in range(others):
        (folder / f"other{number}.txt").write_text(f"Ordinary words, number {number}.")
    secret = folder / "zanzibarname.txt"
    secret.write_text("The zanzibarword was here before.")
    async with opened() as base:
        await base.add(folder, ALICE)
        secret.write_text("The zanzibarword is here now.")
        await base.sync()
        assert await paths(base, "zanzibarword", (ALICE,))
        assert _files_with(tmp_path / "data", b"zanzibar")
        secret.unlink()
        assert await base.forget([secret]) == 1
        assert _files_with(tmp_path / "data", b"zanzibar") == []
        assert await paths(base, "zanzibarword", (ALICE,)) == set()
        assert len(await base.documents()) == others
        if others:
            assert await paths(base, "ordinary words number", (ALICE,))


def _files_with(folder, word):
    return [file for file in folder.rglob("*") if file.is_file() and word in file.read_bytes()]
