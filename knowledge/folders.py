"""What the sources hold now, and what that means for the index."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pathspec import GitIgnoreSpec

from knowledge.errors import DocumentUnreadable, KnowledgeError, SourceUnavailable
from knowledge.manifest import Entry
from knowledge.types import Source

IGNORE_FILE = ".inglenookignore"

_Rules = tuple[tuple[Path, GitIgnoreSpec], ...]
"""Ignore patterns with the folder that they are relative to, outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file of a source, or a file or folder that could not be opened."""

    file: Path
    path: str
    """The same as printable text; names need not be valid UTF-8."""
    scope: str = ""
    size_bytes: int = 0
    stamp: str = ""
    """Changes whenever the content may have changed."""
    error: KnowledgeError | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass has to do. A file whose stamp and scope are known is not opened."""

    to_read: list[FoundFile]
    gone: list[str]
    unchanged: int
    still_failing: int


def scan(roots: Iterable[Path], sources: Sequence[Source], ignore: Sequence[str], excluded: Path) -> list[FoundFile]:
    """All files below `roots`, by path; each with the scope of the innermost source that it belongs to.

    Symbolic links are not followed, so nothing outside a root is reached, and nothing inside is found twice.
    """
    found = {file.path: file for root in roots for file in _walk(root, GitIgnoreSpec.from_lines(ignore), excluded)}
    return [replace(file, scope=_scope(path, sources)) for path, file in sorted(found.items())]


def make_plan(found: Sequence[FoundFile], known: Mapping[str, Entry]) -> Plan:
    """Compares the sources with what is known of them. What lies in a folder that cannot be listed is not gone."""
    to_read = [file for file in found if not _is_known(file, known.get(file.path))]
    present = {file.path for file in found}
    unlisted = [file.path for file in found if file.error is not None and file.error.code != "source.missing"]
    gone = [path for path in known if path not in present and not any(is_under(path, root) for root in unlisted)]
    same = [known[file.path] for file in found if _is_known(file, known.get(file.path))]
    still_failing = sum(entry.error_code is not None for entry in same)
    return Plan(to_read, gone, len(same) - still_failing, still_failing)


def is_under(path: str, root: str) -> bool:
    """Whether `path` is `root` or something in it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def printable(path: Path) -> str:
    """A path as text that every store and log takes."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _is_known(file: FoundFile, entry: Entry | None) -> bool:
    return entry is not None and (entry.stamp, entry.scope) == (file.stamp, file.scope)


def _scope(path: str, sources: Sequence[Source]) -> str:
    return max((source for source in sources if is_under(path, source.path)), key=lambda source: len(source.path)).scope


def _walk(root: Path, ignore: GitIgnoreSpec, excluded: Path) -> Iterator[FoundFile]:
    folders: list[tuple[Path, _Rules]] = [(root, ((root, ignore),))]
    while folders:
        folder, rules = folders.pop()
        try:
            entries = list(os.scandir(folder))
            rules = (*rules, *_own_rules(folder))
        except NotADirectoryError:
            yield _found(folder)
            continue
        except OSError as error:
            yield _unreadable(folder, error)
            continue
        for entry in entries:
            path = folder / entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if path == excluded or _is_ignored(path, rules, is_folder=is_folder):
                continue
            if is_folder:
                folders.append((path, rules))
            elif entry.is_file(follow_symlinks=False):
                yield _found(path)


def _found(file: Path) -> FoundFile:
    try:
        status = file.stat(follow_symlinks=False)
    except OSError as error:
        return _unreadable(file, error)
    # The change time tells when a file was replaced by an older one, which its modification time hides.
    stamp = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"
    return FoundFile(file=file, path=printable(file), size_bytes=status.st_size, stamp=stamp)


def _unreadable(file: Path, error: OSError) -> FoundFile:
    return FoundFile(file=file, path=printable(file), stamp=type(error).__name__, error=_error(file, error))


def _error(file: Path, error: OSError) -> KnowledgeError:
    match error:
        case FileNotFoundError():
            return SourceUnavailable("source.missing", path=printable(file))
        case PermissionError():
            return SourceUnavailable("source.forbidden", path=printable(file))
        case _:
            return DocumentUnreadable("document.damaged", name=printable(file), detail=error.strerror or str(error))


def _own_rules(folder: Path) -> _Rules:
    file = folder / IGNORE_FILE
    if not file.is_file():
        return ()
    return ((folder, GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines())),)


def _is_ignored(path: Path, rules: _Rules, *, is_folder: bool) -> bool:
    """The innermost pattern that matches decides, as in Git."""
    decisions = (
        spec.check_file(path.relative_to(base).as_posix() + "/" * is_folder).include for base, spec in reversed(rules)
    )
    return next((decision for decision in decisions if decision is not None), False)


def read_file(file: FoundFile, limit_bytes: int) -> bytes:
    """The content, one byte more than the limit at most. Raises KnowledgeError.

    A link that took the file's place after the scan is refused, and a pipe does not make the reader wait.
    """
    try:
        descriptor = os.open(file.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(file.path)
            return stream.read(limit_bytes + 1)
    except OSError as error:
        raise _error(file.file, error) from error
