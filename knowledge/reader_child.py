"""The process that parses: reads documents from standard input, writes their blocks to standard output.

`python -m knowledge.reader_child MEMORY_MB MAX_CHARACTERS`. Both directions carry frames: four bytes of length, then
the payload. A request is two frames, name and content; an answer is one frame of JSON, `{"blocks": ...}` or
`{"code": ..., "arguments": ...}`. JSON, as an answer may come from a process that a document has taken over.
"""

import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO

from knowledge.errors import DocumentUnreadable
from knowledge.extract import extract

LENGTH = struct.Struct("<I")


def answer(content: bytes, name: str, max_characters: int) -> dict[str, Any]:
    """What goes back to the parent for one document."""
    try:
        blocks = extract(content, name)
    except DocumentUnreadable as error:
        return _error(error.code, **error.arguments)
    except MemoryError:
        return _error("document.damaged", name=name, detail="reading it takes too much memory")
    except Exception as error:  # noqa: BLE001 - parsers raise anything at all on damaged input
        return _error("document.damaged", name=name, detail=f"{type(error).__name__}: {error}"[:200])
    characters = sum(len(block.text) for block in blocks)
    if characters > max_characters:
        return _error("document.too_long", name=name, characters=characters, limit=max_characters)
    return {"blocks": [(block.text, block.heading, block.page) for block in blocks]}


def _error(code: str, **arguments: str | float) -> dict[str, Any]:
    return {"code": code, "arguments": arguments}


def _read_frame(stream: BinaryIO) -> bytes | None:
    header = stream.read(LENGTH.size)
    return stream.read(*LENGTH.unpack(header)) if len(header) == LENGTH.size else None


def main(memory_mb: int, max_characters: int) -> None:
    """Serves until standard input ends, behind everything else that the machine has to do."""
    os.nice(10)
    memory_bytes = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    while (name := _read_frame(sys.stdin.buffer)) is not None:
        content = _read_frame(sys.stdin.buffer) or b""
        reply = json.dumps(answer(content, name.decode(), max_characters)).encode()
        sys.stdout.buffer.write(LENGTH.pack(len(reply)) + reply)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
