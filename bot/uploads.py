"""Documents that people give to a chat: kept in a folder of the chat's own, found in that chat only."""

import asyncio
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from bot.domain import ChatKey
from bot.ports import Clock, Library
from bot.store import Upload, UploadStore

NAME_BYTES = 120
"""Of the name of a file; file systems take 255, and some of the way there is encrypted."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_READABLE = {".txt", ".md", ".markdown", ".mdown", ".html", ".htm", ".xhtml", ".pdf", ".docx", ".csv"}
"""Other names get one of these endings, so that no rule for files that hold no text leaves them out."""


class Uploads:
    """The folder of uploads, its list in the store, and its documents in the library."""

    def __init__(self, folder: Path, store: UploadStore, library: Library, clock: Clock) -> None:
        self._folder = folder
        self._store = store
        self._library = library
        self._clock = clock

    async def keep(self, chat: ChatKey, person_id: str, name: str, content: bytes) -> int:
        """Keeps a document in place of the chat's one of the same name; how many passages it gave.

        Raises KnowledgeError, or FeatureMissing where this machine has no library.
        """
        folder = self._folder / folder_name(chat)
        # A source before there is anything in it: whoever scans a folder around this one must know its scope.
        if await asyncio.to_thread(_make, folder):
            await self._library.add(folder, str(chat))
        path = folder / safe_name(name)
        # On the list before it is on the disk: what is not on the list would not be forgotten.
        at = self._clock.now()
        relative = str(path.relative_to(self._folder))
        await self._store.put(Upload(path=relative, chat=chat, person_id=person_id, name=name, at=at))
        await asyncio.to_thread(_write, path, content)
        await self._library.add(folder, str(chat))
        resolved = str(await asyncio.to_thread(path.resolve))
        return sum(document.chunks for document in await self._library.documents() if document.path == resolved)

    async def moved(self, to: ChatKey) -> None:
        """The chat, whose list has moved already, is found under another key from now on. Raises KnowledgeError."""
        folders = {(self._folder / upload.path).parent: upload.chat for upload in await self._store.of_chat(to)}
        for folder, chat in folders.items():
            await self._library.add(folder, str(chat))

    async def erase(self, paths: Sequence[str]) -> int:
        """Deletes files of the list, and all that the library has of them; how many passages those were."""
        if not paths:
            return 0
        files = [self._folder / path for path in paths]
        await asyncio.to_thread(_delete, files)
        return await self._library.forget(files)


def folder_name(chat: ChatKey) -> str:
    """The folder of a chat: short and safe whatever the platform calls its chats."""
    return f"{safe_name(chat.platform, '')}-{hashlib.blake2b(str(chat).encode(), digest_size=8).hexdigest()}"


def safe_name(name: str, ending: str = ".txt") -> str:
    """A name without folders, hidden files and characters that some file system refuses."""
    plain = _UNSAFE.sub("_", PurePath(name.replace("\\", "/")).name).lstrip(".~$ ").rstrip(". ") or "document"
    suffix = PurePath(plain).suffix
    stem = plain.removesuffix(suffix)
    if suffix.lower() not in _READABLE:
        stem, suffix = plain, ending
    short = stem.encode()[: NAME_BYTES - len(suffix.encode())].decode("utf-8", "ignore")
    return short + suffix


def _make(folder: Path) -> bool:
    """Whether the folder is new."""
    if folder.exists():
        return False
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    return True


def _write(path: Path, content: bytes) -> None:
    """The file is there whole or not at all; only its owner may read it."""
    partial = path.with_name(f".{path.name}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)


def _delete(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
