"""A parked session as a file.

    8 bytes              magic, with the version of this format
    4 bytes              length of the header, little-endian
    header               JSON: origin, session, tokens, transcript
    state                what llama.cpp exported
    4 bytes              CRC-32 (zlib) of everything before, little-endian

The checksum is there against damage, not against malice: the folder is the owner's alone. The header names everything
that a state depends on; a file that differs in any of it is as good as none.
"""

import json
import mmap
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from engines.llm.transcript import Transcript

Origin = Mapping[str, str | int]
"""What a state depends on: the model file, the cache's size and format, the library, the template."""

State = bytes | memoryview

_MAGIC = b"INGLKV\0\1"
_LENGTH = struct.Struct("<I")
_CHUNK_BYTES = 4 << 20


class UnusableSession(Exception):
    """A file that cannot be used, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A session outside of the model."""

    tokens: tuple[int, ...]
    """What the state holds, by position."""
    transcript: Transcript
    """What was sent and said, as far as it is known; mostly the same tokens and a few more."""
    state: State


def session_key(session_id: str) -> str:
    """The session's name on the disk, which does not tell who it is."""
    return blake2b(session_id.encode(), digest_size=16).hexdigest()


def file_bytes(snapshot: Snapshot, key: str, origin: Origin) -> int:
    """Size of the file that `chunks` makes."""
    return len(_head(snapshot, key, origin)) + len(snapshot.state) + _LENGTH.size


def chunks(snapshot: Snapshot, key: str, origin: Origin) -> Iterator[State]:
    """The file, piece by piece."""
    head, state = _head(snapshot, key, origin), memoryview(snapshot.state)
    checksum = zlib.crc32(head)
    yield head
    for start in range(0, len(state), _CHUNK_BYTES):
        chunk = state[start : start + _CHUNK_BYTES]
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    yield _LENGTH.pack(checksum)


def read_session(path: Path, key: str, origin: Origin) -> Snapshot:
    """The session of a file, its state mapped and not copied. Raises UnusableSession or OSError."""
    data = _mapped(path)
    (checksum,) = _LENGTH.unpack(data[-_LENGTH.size :])
    if zlib.crc32(data[: -_LENGTH.size]) != checksum:
        raise UnusableSession("the checksum is wrong")
    (length,) = _LENGTH.unpack_from(data, len(_MAGIC))
    start = len(_MAGIC) + _LENGTH.size
    try:
        header = json.loads(bytes(data[start : start + length]))
        _check(header, key, origin)
        return Snapshot(
            tokens=_integers(header["tokens"]),
            transcript=_transcript(header["transcript"]),
            state=data[start + length : -_LENGTH.size],
        )
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UnusableSession(f"the header is broken: {error}") from error


def _head(snapshot: Snapshot, key: str, origin: Origin) -> bytes:
    transcript = snapshot.transcript
    header = {
        "origin": dict(origin),
        "session": key,
        "tokens": snapshot.tokens,
        "transcript": {
            "messages": [digest.hex() for digest in transcript.messages],
            "tokens": transcript.tokens,
            "ends": transcript.ends,
        },
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return _MAGIC + _LENGTH.pack(len(text)) + text


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise UnusableSession("it is not a session file of this version")
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if len(data) < len(_MAGIC) + 2 * _LENGTH.size:
        raise UnusableSession("it is cut off")
    return data


def _check(header: Mapping[str, Any], key: str, origin: Origin) -> None:
    if header["session"] != key:
        raise UnusableSession("it is another session's")
    made_with = dict(header["origin"])
    different = [name for name in {**origin, **made_with} if made_with.get(name) != origin.get(name)]
    if different:
        raise UnusableSession(f"it was made with another {' and '.join(different)}")


def _transcript(values: Mapping[str, Any]) -> Transcript:
    messages = tuple(bytes.fromhex(digest) for digest in values["messages"])
    transcript = Transcript(messages, _integers(values["tokens"]), _integers(values["ends"]))
    if len(transcript.ends) != len(messages) or not all(0 <= end <= len(transcript.tokens) for end in transcript.ends):
        raise ValueError("the messages do not fit the tokens")
    return transcript


def _integers(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise TypeError("numbers are expected")
    return tuple(values)
