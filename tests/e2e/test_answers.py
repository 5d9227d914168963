"""It answers: text, voice, photo and documents, and remembers after a restart, without any network."""

import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.e2e.conftest import BLOCKED_SOCKETS, DATA

pytestmark = pytest.mark.e2e


def prompt_of_last_turn(shell):
    """What the model was sent last, as the database has it."""
    with sqlite3.connect(shell.data_dir / "inglenook.db") as database:
        return [row[0] for row in database.execute("SELECT turn FROM turns ORDER BY rowid")]


def test_sockets_are_really_blocked():
    """The guard that the other tests run under does end a process that connects elsewhere."""
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(BLOCKED_SOCKETS)}, capture_output=True, check=False
    )
    assert done.returncode == 99


def test_a_conversation_over_restarts(shell, tmp_path):
    """Voice, a photo, and a question of the folder, each in a process of its own, in one conversation."""
    heard = shell.ask("What is said here?", "--voice", DATA / "audio" / "en_ask_not.ogg")
    assert "ask what you can do for your country" in heard["heard"].lower()
    assert heard["answer"]
    read = shell.ask("What is this about?", "--photo", DATA / "images" / "scan_en.tif")
    assert "quick brown" in read["read"]
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "wifi.md").write_text(
        "# Network\n\n## Guests\n\nThe guest network is called Heron. Its password is blue-kettle-42.\n", "utf-8"
    )
    (folder / "garden.md").write_text("# Garden\n\nRoses are cut in March, hedges in August.\n", "utf-8")
    (report,) = shell.json("kb", "add", folder, "--json")
    assert report["added"] == 2
    found = shell.ask("What is the password of the guest network?")
    assert found["sources"][0]["path"].endswith("wifi.md")
    assert "Guests" in found["sources"][0]["heading"]
    remembered = shell.ask("What did I ask before?")
    turns = prompt_of_last_turn(shell)
    assert len(turns) == 8
    usages = [answer["usage"] for answer in (heard, read, found, remembered)]
    prompts = [usage["prompt_tokens"] for usage in usages]
    assert prompts == sorted(prompts), "each prompt contains the one before"
    for usage in usages:
        assert usage["prompt_tokens"] == usage["reused_tokens"] + usage["evaluated_tokens"]
        assert usage["completion_tokens"] > 0
    other = shell.ask("Hello", "--chat", "other")
    assert other["usage"]["prompt_tokens"] < prompts[0], "another chat is another conversation"


def test_documents_follow_the_disk(shell, tmp_path):
    """Only what changed is embedded again; what is deleted is found no more."""
    folder = tmp_path / "documents"
    folder.mkdir()
    letter = folder / "letter.txt"
    letter.write_text("The plumber comes on Tuesday at nine.", "utf-8")
    (folder / "o'brien.txt").write_text("Mister O'Brien fixes bicycles in the harbour.", "utf-8")
    shell.json("kb", "add", folder, "--json")
    (best, *_) = shell.json("kb", "search", "when does the plumber come", "--limit", "1", "--json")
    assert {"path", "heading", "page", "score", "text"} == set(best)
    assert best["path"].endswith("letter.txt")
    (unchanged,) = shell.json("kb", "sync", "--json")
    assert (unchanged["unchanged"], unchanged["embedded_chunks"]) == (2, 0)
    letter.write_text("The plumber comes on Friday at ten.", "utf-8")
    (changed,) = shell.json("kb", "sync", "--json")
    assert (changed["changed"], changed["embedded_chunks"]) == (1, 1)
    letter.unlink()
    (gone,) = shell.json("kb", "sync", "--json")
    assert gone["removed"] == 1
    assert not any("plumber" in hit["text"] for hit in shell.json("kb", "search", "the plumber", "--json"))
    assert {"o'brien.txt"} == {row["path"].rpartition("/")[2] for row in shell.json("kb", "list", "--json")}


def test_the_ears_and_the_eyes_by_themselves(shell):
    """`transcribe` and `read` give one object for each file, with stable keys; silence is empty, not an error."""
    speech, noise = shell.json(
        "transcribe", DATA / "audio" / "en_eighteen_thirteen.ogg", DATA / "audio" / "noise.ogg", "--json"
    )
    assert {"file", "text", "language", "audio_seconds", "speech_seconds", "seconds"} == set(speech)
    assert "1813" in speech["text"] or "thirteen" in speech["text"].lower()
    assert noise["text"] == ""
    (page,) = shell.json("read", DATA / "images" / "scan_en_turned.png", "--json")
    assert {"file", "text", "confidence", "language", "seconds"} == set(page)
    assert "quick brown dog" in page["text"]


def test_the_terminal_by_a_pipe(shell):
    """Lines from a pipe are answered one by one; files are sent by command or by bare path."""
    scan = DATA / "images" / "scan_en.tif"
    lines = ["My name is Ada.", f"/photo {scan}", "/context", "/sources", "/nope", "/quit"]
    code, out, err = shell.run("chat", given="\n".join(lines))
    assert code == 0, err
    assert "read from picture: “This is a lot of 12 point text" in out
    assert "4 messages" in out
    assert "The last answer uses no documents." in out
    assert "I do not know /nope." in out
    assert "Traceback" not in err


def test_a_kill_in_the_middle_loses_nothing(shell):
    """A process killed while it answers has accepted the message; the next start answers it, once."""
    process = shell.start("chat", "--chat", "main")
    process.stdin.write("Tell me a very long story about a lighthouse.\n")
    process.stdin.flush()
    inbox = shell.data_dir / "inglenook.db"

    def begun():
        if not inbox.exists():
            return False
        with sqlite3.connect(inbox) as database:
            try:
                return database.execute("SELECT count(*) FROM inbox WHERE attempts = 1").fetchone()[0] == 1
            except sqlite3.OperationalError:
                return False

    deadline = time.monotonic() + 120
    while not begun() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert begun()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    code, _, err = shell.run("chat", "--chat", "main", given="/quit\n")
    assert code == 0, err
    with sqlite3.connect(inbox) as database:
        rows = database.execute("SELECT attempts, done_at IS NOT NULL FROM inbox ORDER BY id").fetchall()
        answers = database.execute("SELECT count(*) FROM turns").fetchone()[0]
    assert rows[0] == (2, 1)
    assert answers == 2
    again, _, _ = shell.run("chat", "--chat", "main", given="/quit\n")
    assert again == 0
    with sqlite3.connect(inbox) as database:
        assert database.execute("SELECT count(*) FROM turns").fetchone()[0] == 2


def test_a_running_assistant_tells_how_it_is(shell):
    """Jobs and health are readable while it runs; a second instance is refused; SIGTERM ends it in order."""
    config = shell.data_dir / "config.yaml"
    config.write_text("jobs: {health: every 1s}\n", "utf-8")
    process = shell.start("--config", config, "run")
    try:
        report = shell.data_dir / "health.json"
        deadline = time.monotonic() + 120
        while not report.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        code, out, err = shell.run("health")
        assert code == 0, out + err
        assert "model" in out
        jobs = {job["name"]: job for job in shell.json("--config", config, "jobs", "--json")}
        assert jobs["health"]["error"] is None
        assert jobs["health"]["last_run"] < jobs["health"]["next_run"]
        code, out, err = shell.run("chat", "--once", "hello")
        assert code == 1
        assert f"Another Inglenook (process {process.pid})" in err
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    finally:
        process.kill()
