"""What a pass over the sources has to do."""

from datetime import UTC, datetime
from pathlib import Path

from knowledge.errors import SourceUnavailable
from knowledge.folders import FoundFile, is_under, make_plan, printable
from knowledge.manifest import Entry


def found(path, stamp="1", scope="everyone", error=None):
    return FoundFile(file=Path(path), path=path, scope=scope, stamp=stamp, error=error)


def known(path, stamp="1", scope="everyone", error_code=None):
    when = datetime(2026, 11, 1, tzinfo=UTC)
    entry = Entry(path=path, scope=scope, stamp=stamp, sha256="", indexed_at=when, error_code=error_code)
    return {path: entry}


def test_new_changed_and_moved_between_scopes_are_read():
    """Another stamp or another scope is a reason to look; the same of both is not."""
    files = [found("/new"), found("/changed", stamp="2"), found("/private", scope="chat"), found("/same")]
    plan = make_plan(files, known("/changed") | known("/private") | known("/same"))
    assert [file.path for file in plan.to_read] == ["/new", "/changed", "/private"]
    assert (plan.unchanged, plan.gone) == (1, [])


def test_missing_files_are_gone():
    """What is no longer found leaves the index."""
    assert make_plan([found("/a")], known("/a") | known("/b")).gone == ["/b"]


def test_failed_file_is_not_tried_again():
    """A file that could not be read waits for its next change."""
    plan = make_plan([found("/bad")], known("/bad", error_code="document.damaged"))
    assert (plan.to_read, plan.still_failing, plan.unchanged) == ([], 1, 0)


def test_files_of_an_unlisted_folder_are_not_gone():
    """Nobody knows what a folder without permission holds."""
    closed = found("/docs/closed", error=SourceUnavailable("source.forbidden", path="/docs/closed"))
    assert make_plan([closed], known("/docs/closed/a") | known("/docs/b")).gone == ["/docs/b"]


def test_files_of_a_missing_folder_are_gone():
    """A folder that was deleted takes its documents along."""
    deleted = found("/docs", error=SourceUnavailable("source.missing", path="/docs"))
    assert make_plan([deleted], known("/docs/a")).gone == ["/docs/a"]


def test_is_under_compares_whole_names():
    """A folder whose name begins like another's is not inside it."""
    assert is_under("/docs/a", "/docs")
    assert is_under("/docs", "/docs")
    assert is_under("/docs", "/")
    assert not is_under("/docs2/a", "/docs")


def test_names_that_are_no_text_become_printable():
    """A file name of any bytes has a form that stores and logs take."""
    assert printable(Path("/a/caf\udce9")) == "/a/caf\\udce9"
