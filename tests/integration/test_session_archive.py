"""Session files: complete or not there, whoever dies in the middle, and nothing that is damaged is believed."""

import errno
import os
import stat
import subprocess
import sys
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.llm.archive import SessionArchive
from engines.llm.session_file import Snapshot, UnusableSession, chunks, read_session, session_key
from engines.llm.transcript import Transcript

pytestmark = pytest.mark.integration

ORIGIN = {"model": "a", "context_tokens": 512, "kv_type": "f16"}
TRANSCRIPT = Transcript((b"\1" * 16, b"\2" * 16), (1, 2, 3, 4), (2, 4))


def snapshot(state=b"state" * 100, tokens=(1, 2, 3)):
    return Snapshot(tokens=tokens, transcript=TRANSCRIPT, state=state)


def contents(found):
    return found and (found.tokens, found.transcript, bytes(found.state))


@pytest.fixture
def open_archive(tmp_path):
    """Opens the archive of a folder; closes it again in the end."""
    archives = []

    def opened(limit_bytes=1 << 20, origin=ORIGIN):
        archives.append(SessionArchive(tmp_path / "sessions", origin, limit_bytes))
        return archives[-1]

    yield opened
    for archive in archives:
        archive.close()


def saved(archive, session_id, what):
    assert archive.save(session_id, what)
    assert archive.wait_idle(10)


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "sessions").iterdir())


def test_what_was_saved_comes_back_after_a_restart(open_archive):
    """Tokens, transcript and state, to the byte."""
    saved(open_archive(), "chat", snapshot())

    assert contents(open_archive().load("chat")) == contents(snapshot())
    assert open_archive().load("other") is None


def test_only_the_owner_may_read_it(open_archive, tmp_path):
    """A state is as good as a transcript; and its name does not tell whose it is."""
    saved(open_archive(), "chat", snapshot())
    (path,) = (tmp_path / "sessions").iterdir()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "chat" not in path.name


def test_the_disk_budget_holds_over_restarts(open_archive, tmp_path):
    """The session used longest ago goes first; loading is use."""
    archive = open_archive(limit_bytes=4000)
    for session_id in "abc":
        saved(archive, session_id, snapshot(b"x" * 900))
    for age, session_id in enumerate("cba"):
        path = tmp_path / "sessions" / f"{session_key(session_id)}.session"
        os.utime(path, (1000 - age, 1000 - age))
    again = open_archive(limit_bytes=4000)
    again.load("a")
    saved(again, "d", snapshot(b"x" * 900))
    saved(again, "too large", snapshot(b"x" * 4000))

    assert {session_id for session_id in "abcd" if again.load(session_id)} == {"a", "c", "d"}
    assert sum(path.stat().st_size for path in (tmp_path / "sessions").iterdir()) <= 4000


def test_a_smaller_budget_is_kept_from_the_start(open_archive, tmp_path):
    """Files that are too many go, and one that is too large goes too."""
    saved(open_archive(), "a", snapshot(b"x" * 9000))
    saved(open_archive(), "b", snapshot(b"x" * 100))
    open_archive(limit_bytes=2000)

    assert names(tmp_path) == [f"{session_key('b')}.session"]


@pytest.mark.parametrize("name", ORIGIN)
def test_a_state_of_anything_else_is_discarded(open_archive, tmp_path, caplog, name):
    """Another model, another context, another cache format: deleted, with one line that says why."""
    saved(open_archive(), "chat", snapshot())

    assert open_archive(origin=ORIGIN | {name: "other"}).load("chat") is None
    assert names(tmp_path) == []
    assert [name in record.message for record in caplog.records] == [True]


def test_a_file_under_another_sessions_name_is_discarded(open_archive, tmp_path):
    """Nobody gets what somebody else said."""
    saved(open_archive(), "a", snapshot())
    folder = tmp_path / "sessions"
    (folder / f"{session_key('a')}.session").rename(folder / f"{session_key('b')}.session")

    assert open_archive().load("b") is None


KEY = session_key("chat")
WHOLE = b"".join(chunks(snapshot(), KEY, ORIGIN))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    damage=st.one_of(
        st.tuples(st.just("cut"), st.integers(0, len(WHOLE) - 1)),
        st.tuples(st.just("flip"), st.integers(0, 8 * len(WHOLE) - 1)),
        st.tuples(st.just("foreign"), st.binary(max_size=64)),
        st.tuples(st.just("longer"), st.binary(min_size=1, max_size=64)),
    )
)
def test_no_damage_goes_unnoticed(tmp_path, damage):
    """Cut anywhere, one bit turned anywhere, something else altogether, or something behind it."""
    data = bytearray(WHOLE)
    match damage:
        case ("cut", length):
            del data[length:]
        case ("flip", bit):
            data[bit // 8] ^= 1 << bit % 8
        case ("foreign", other):
            data = other
        case ("longer", more):
            data += more
    path = tmp_path / "file"
    path.write_bytes(data)

    with pytest.raises(UnusableSession):
        read_session(path, KEY, ORIGIN)


@pytest.mark.parametrize(
    "header", ["[]", "null", "{}", "nonsense", '{"session":"KEY"}', '{"session":"KEY","origin":7}']
)
def test_a_header_of_another_shape_is_refused(tmp_path, header):
    """Even with a checksum that fits."""
    text = header.replace("KEY", KEY).encode()
    body = WHOLE[:8] + len(text).to_bytes(4, "little") + text + b"state"
    path = tmp_path / "file"
    path.write_bytes(body + zlib.crc32(body).to_bytes(4, "little"))

    with pytest.raises(UnusableSession):
        read_session(path, KEY, ORIGIN)


def test_a_forgotten_session_is_gone_while_it_is_being_written(open_archive, tmp_path, monkeypatch):
    """The write in flight never appears, and its bytes are deleted before the call returns."""
    archive = open_archive()
    saved(archive, "chat", snapshot())
    flush, seen = os.fsync, []

    def forget_first(descriptor):
        archive.forget("chat")
        seen.append(names(tmp_path))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", forget_first)
    saved(archive, "chat", snapshot(b"newer"))

    assert seen == [[]]
    assert names(tmp_path) == []
    assert archive.load("chat") is None


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_costs_one_log_line(open_archive, tmp_path, monkeypatch, caplog, step):
    """The old file stays, nothing unfinished is left, and the next save works."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = open_archive()
    saved(archive, "chat", snapshot())
    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        saved(archive, "chat", snapshot(b"newer"))
    assert contents(archive.load("chat")) == contents(snapshot())
    assert names(tmp_path) == [f"{KEY}.session"]
    assert len(caplog.records) == 1
    saved(archive, "chat", snapshot(b"newer"))

    assert bytes(archive.load("chat").state) == b"newer"


def test_a_folder_that_cannot_be_made_costs_log_lines(tmp_path, caplog):
    """A file is in the way: sessions are read again, and nothing else happens."""
    (tmp_path / "file").write_text("")
    archive = SessionArchive(tmp_path / "file" / "sessions", ORIGIN, 1 << 20)
    saved(archive, "chat", snapshot())
    found = archive.load("chat")
    archive.forget("chat")
    archive.close()

    assert found is None
    assert caplog.records


VICTIM = """
import os, sys
from pathlib import Path
from engines.llm.archive import SessionArchive
from tests.integration.test_session_archive import ORIGIN, snapshot
folder, doomed = Path(sys.argv[1]), int(sys.argv[2])
done = 0
def dying(name, function):
    def call(*args, **kwargs):
        global done
        for moment in ("before", "after"):
            if done == doomed:
                print(moment, name, flush=True)
                os._exit(9)
            done += 1
            if moment == "before":
                result = function(*args, **kwargs)
        return result
    return call
archive = SessionArchive(folder, ORIGIN, 1 << 20)
for name in ("open", "fsync", "replace", "unlink", "close"):
    setattr(os, name, dying(name, getattr(os, name)))
archive.save("chat", snapshot(b"newer" * 5000))
archive.wait_idle(10)
"""


def test_a_kill_between_any_two_steps_leaves_the_old_file_or_the_new_one(open_archive, tmp_path):
    """A process dies at each step of a save in turn; then the archive opens, and holds one of the two."""
    outcomes = set()
    for doomed in range(100):
        saved(open_archive(), "chat", snapshot(b"older"))
        command = [sys.executable, "-c", VICTIM, str(tmp_path / "sessions"), str(doomed)]
        died = subprocess.run(command, check=False, capture_output=True, text=True)
        assert died.returncode in (0, 9), died.stderr
        state = bytes(open_archive().load("chat").state)
        assert names(tmp_path) == [f"{KEY}.session"]
        outcomes.add((state == b"newer" * 5000, died.returncode))
        if died.returncode == 0:
            break

    assert outcomes == {(False, 9), (True, 9), (True, 0)}
