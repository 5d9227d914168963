"""Settings of the knowledge base."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt, Le

_IGNORED = (
    # What file systems, NAS firmware and programs keep for themselves.
    ".*",
    "~$*",
    "*.tmp",
    "*.part",
    "*.crdownload",
    "*.lock",
    "@eaDir/",
    "\\#recycle/",
    "\\#snapshot/",
    "$RECYCLE.BIN/",
    "System Volume Information/",
    "lost+found/",
    "node_modules/",
    "__pycache__/",
    "Thumbs.db",
    "desktop.ini",
    # What holds no text to read.
    *("*.jpg", "*.jpeg", "*.png", "*.gif", "*.bmp", "*.tif", "*.tiff", "*.webp", "*.heic", "*.raw", "*.dng", "*.cr2"),
    *("*.mp3", "*.m4a", "*.aac", "*.flac", "*.ogg", "*.opus", "*.wav", "*.wma"),
    *("*.mp4", "*.mkv", "*.avi", "*.mov", "*.webm", "*.wmv", "*.m4v"),
    *("*.zip", "*.gz", "*.bz2", "*.xz", "*.zst", "*.7z", "*.rar", "*.tar", "*.iso", "*.img"),
    *("*.exe", "*.dll", "*.so", "*.bin", "*.o", "*.pyc", "*.class", "*.jar", "*.apk", "*.deb", "*.rpm"),
    *("*.db", "*.sqlite", "*.sqlite3", "*.gguf", "*.safetensors", "*.ttf", "*.otf", "*.woff", "*.woff2"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLimits:
    """What one document may cost. Documents are read in a child process that is held to this."""

    max_file_mb: Annotated[float, Gt(0)] = 100.0
    """Larger files are not read."""
    max_characters: Annotated[int, Ge(1)] = 5_000_000
    """Documents with more text are not indexed; about 2,500 printed pages, a minute of embedding."""
    seconds: Annotated[float, Gt(0)] = 60.0
    """A document that takes longer is given up."""
    memory_mb: Annotated[int, Ge(256)] = 1024
    """Address space of the reading process, its own 100 MB included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeConfig:
    """What is read, how it is cut, and where the index lives."""

    data_path: Path
    """Folder of the index and the list of documents. Needs a local file system, not a network share."""
    folders: tuple[Path, ...] = ()
    """Folders whose documents everyone may see. Taking one out of the list removes its documents."""
    ignore: tuple[str, ...] = _IGNORED
    """Patterns of .gitignore syntax for files to leave out; a folder's own `.inglenookignore` adds to them."""
    limits: ReadingLimits = field(default_factory=ReadingLimits)
    """What one document may cost."""
    chunk_width: Annotated[int, Ge(100)] = 800
    """Characters of one passage, a Chinese character counted as two. Smaller finds finer, larger reads better."""
    min_score: Annotated[float, Ge(0), Le(2)] = 0.47
    """Unless one passage reaches this score, nothing is found. Raise it when answers cite what does not belong.

    Chosen with the default embedding model: 9 of 10 questions of everyday life find nothing in a set of manuals, and
    98 of 100 questions that are answered there find something.
    """
    version_hours: Annotated[float, Gt(0)] = 24.0
    """How long the text of deleted documents stays on disk before it is really gone."""
