"""Documents are foreign bytes: a child process parses them, held to limits of time and memory."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from knowledge.config import ReadingLimits
from knowledge.errors import DocumentUnreadable
from knowledge.reader_child import LENGTH
from knowledge.types import HEADING_SEPARATOR, Block

_WRITE_BYTES = 1 << 20
_PROJECT = Path(__file__).parent.parent


class ReaderProcess:
    """A child process that is started when needed, serves one document after the other, and may die of any of them."""

    def __init__(self, limits: ReadingLimits) -> None:
        self._limits = limits
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._child is None else self._child.pid

    async def blocks(self, content: bytes, name: str) -> list[Block]:
        """The document's text in reading order. Raises DocumentUnreadable."""
        size_mb = len(content) / 1e6
        if size_mb > self._limits.max_file_mb:
            limit_mb = self._limits.max_file_mb
            raise DocumentUnreadable("document.too_large", name=name, size_mb=size_mb, limit_mb=limit_mb)
        reply = await self._ask(content, name)
        if "code" in reply:
            raise DocumentUnreadable(reply["code"], **reply["arguments"])
        return [Block(text=text, heading=heading, page=page) for text, heading, page in reply["blocks"]]

    async def close(self) -> None:
        """Ends the child, whatever it is doing."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _ask(self, content: bytes, name: str) -> Any:
        seconds = self._limits.seconds
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.to_thread(json.loads, await self._exchange(content, name))
        except TimeoutError as error:
            await self.close()
            raise DocumentUnreadable("document.timeout", name=name, seconds=seconds) from error
        except (OSError, EOFError, ValueError) as error:
            await self.close()
            raise DocumentUnreadable("document.damaged", name=name, detail="the reading process died of it") from error

    async def _exchange(self, content: bytes, name: str) -> bytes:
        self._child = child = self._child or await self._start()
        assert child.stdin is not None  # noqa: S101 - both are pipes
        assert child.stdout is not None  # noqa: S101
        encoded_name = name.encode("utf-8", "backslashreplace")
        for frame in (encoded_name, content):
            child.stdin.write(LENGTH.pack(len(frame)))
            for start in range(0, len(frame), _WRITE_BYTES):
                child.stdin.write(frame[start : start + _WRITE_BYTES])
                await child.stdin.drain()
        (length,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
        return await child.stdout.readexactly(length)

    async def _start(self) -> asyncio.subprocess.Process:
        limits = self._limits
        arguments = ("-P", "-m", "knowledge.reader_child", str(limits.memory_mb), str(limits.max_characters))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )


def _environment() -> dict[str, str]:
    """Next to nothing: the parent's environment holds secrets."""
    return {"PYTHONPATH": str(_PROJECT)} | {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}


@asynccontextmanager
async def open_reader(limits: ReadingLimits) -> AsyncIterator[ReaderProcess]:
    """A reader for a run of documents; its process ends with the block."""
    reader = ReaderProcess(limits)
    try:
        yield reader
    finally:
        await reader.close()


class DocumentReader:
    """Reads single documents, such as attachments; each in a process of its own."""

    def __init__(self, limits: ReadingLimits) -> None:
        self._limits = limits

    async def read(self, content: bytes, name: str) -> str:
        """The plain text, headings on lines of their own. Raises DocumentUnreadable."""
        async with open_reader(self._limits) as reader:
            return as_text(await reader.blocks(content, name))


def as_text(blocks: list[Block]) -> str:
    """The text of a document; the innermost heading stands above the text it changes for."""
    parts: list[str] = []
    heading = ""
    for block in blocks:
        if block.heading != heading:
            heading = block.heading
            parts.append(heading.rpartition(HEADING_SEPARATOR)[2])
        parts.append(block.text)
    return "\n\n".join(part for part in parts if part)
