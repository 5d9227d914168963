"""The header of a GGUF file, read without trusting it.

The format is described in ggml's docs/gguf.md: magic, version, counts, metadata, tensor descriptions, then the tensors
themselves from an aligned offset on.
"""

import mmap
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

from engines.errors import ModelLoadError

Value = int | float | bool | str | tuple[int | float | bool, ...]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_KEYS = 65_536
_MAX_TENSORS = 262_144
_MAX_ITEMS = 16_777_216
_KEPT_ITEMS = 4_096
"""Longer arrays are vocabularies; they are skipped."""

_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _SCALARS[4], _SCALARS[10]

TENSOR_TYPES: dict[int, tuple[int, int]] = {
    0: (1, 4),
    1: (1, 2),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    30: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    20: (32, 18),
    39: (32, 17),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    29: (256, 56),
    34: (256, 54),
    35: (256, 66),
    40: (64, 36),
    41: (128, 18),
    42: (64, 18),
}
"""Weights in a block and bytes of a block, by ggml type number, as in ggml.c."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's description."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    """Bytes from the start of the data."""

    @property
    def size_bytes(self) -> int:
        """0 for a type that is newer than this table."""
        block, block_bytes = TENSOR_TYPES.get(self.type, (1, 0))
        return prod(self.shape) // block * block_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What a file says about itself."""

    path: Path
    metadata: Mapping[str, Value]
    """Without the long arrays."""
    array_lengths: Mapping[str, int]
    """Of all arrays, by key."""
    tensors: tuple[Tensor, ...]
    data_offset: int
    file_bytes: int

    @property
    def weights_bytes(self) -> int:
        """All tensors together."""
        return sum(tensor.size_bytes for tensor in self.tensors)

    @property
    def expected_bytes(self) -> int:
        """The least that the file must have for its last tensor to be whole."""
        return self.data_offset + max((tensor.offset + tensor.size_bytes for tensor in self.tensors), default=0)

    def number(self, name: str, default: int = 0) -> int:
        """An architecture's setting, such as `block_count`; of one that differs by layer, the largest."""
        value = self.metadata.get(f"{self.metadata.get('general.architecture')}.{name}", default)
        numbers = value if isinstance(value, tuple) else (value,)
        return max((number for number in numbers if isinstance(number, int)), default=default)


def read_model(path: Path) -> tuple[GgufHeader, ...]:
    """The header of a model file, or of each part of a split one.

    Raises ModelLoadError: missing, unreadable, not_gguf, truncated, broken.
    """
    first = read_header(path)
    parts = first.metadata.get("split.count", 1)
    name = re.fullmatch(r"(.*-)00001(-of-\d{5}\.gguf)", path.name)
    if name is None or not isinstance(parts, int) or not 1 < parts < 1000:
        return (first,)
    rest = (path.with_name(f"{name[1]}{part:05d}{name[2]}") for part in range(2, parts + 1))
    return (first, *map(read_header, rest))


def read_header(path: Path) -> GgufHeader:
    """The header of one file, which is checked to be as long as it says. Raises as `read_model`."""
    with _mapped(path) as data:
        header = _Reader(path, data).header()
    if header.expected_bytes > header.file_bytes:
        raise _truncated(path, header.file_bytes, header.expected_bytes)
    return header


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except FileNotFoundError as error:
        raise ModelLoadError("model.missing", path=str(path)) from error
    except PermissionError as error:
        raise ModelLoadError("model.unreadable", path=str(path)) from error
    except (OSError, ValueError) as error:  # a folder, a device, an empty file
        raise ModelLoadError("model.not_gguf", path=str(path)) from error


class _Reader:
    """Reads forward; everything that is read is checked against the end of the file first."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._at = 0

    def header(self) -> GgufHeader:
        if self._data[:4] != _MAGIC:
            raise ModelLoadError("model.not_gguf", path=str(self._path))
        self._skip(4)
        version = self._integer(_U32)
        if version not in _VERSIONS:
            raise self._broken(f"GGUF version {version}")
        tensor_count = self._count(_MAX_TENSORS)
        metadata, lengths = self._metadata(self._count(_MAX_KEYS))
        tensors = tuple(self._tensor() for _ in range(tensor_count))
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise self._broken(f"alignment {alignment}")
        return GgufHeader(
            path=self._path,
            metadata=metadata,
            array_lengths=lengths,
            tensors=tensors,
            data_offset=-(-self._at // alignment) * alignment,
            file_bytes=len(self._data),
        )

    def _metadata(self, count: int) -> tuple[dict[str, Value], dict[str, int]]:
        values: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        for _ in range(count):
            key = self._string()
            kind = self._integer(_U32)
            if kind == _ARRAY:
                lengths[key], items = self._array()
                if items is not None:
                    values[key] = items
            else:
                values[key] = self._string() if kind == _STRING else self._number(self._scalar(kind))
        return values, lengths

    def _array(self) -> tuple[int, tuple[int | float | bool, ...] | None]:
        kind, count = self._integer(_U32), self._count(_MAX_ITEMS)
        if kind == _STRING:
            for _ in range(count):
                self._skip(self._integer(_U64))
            return count, None
        item = self._scalar(kind)
        if count > _KEPT_ITEMS:
            self._skip(count * item.size)
            return count, None
        return count, tuple(self._number(item) for _ in range(count))

    def _tensor(self) -> Tensor:
        name, dimensions = self._string(), self._integer(_U32)
        if dimensions > 4:
            raise self._broken(f"a tensor of {dimensions} dimensions")
        shape = tuple(self._integer(_U64) for _ in range(dimensions))
        return Tensor(name, shape, type=self._integer(_U32), offset=self._integer(_U64))

    def _scalar(self, kind: int) -> struct.Struct:
        if kind not in _SCALARS:
            raise self._broken(f"a value of type {kind}")
        return _SCALARS[kind]

    def _string(self) -> str:
        length = self._integer(_U64)
        start = self._at
        self._skip(length)
        return self._data[start : self._at].decode(errors="replace")

    def _count(self, limit: int) -> int:
        count = self._integer(_U64)
        if count > limit:
            raise self._broken(f"{count} entries")
        return count

    def _integer(self, kind: struct.Struct) -> int:
        return int(self._number(kind))

    def _number(self, kind: struct.Struct) -> int | float | bool:
        start = self._at
        self._skip(kind.size)
        value: int | float | bool = kind.unpack_from(self._data, start)[0]
        return value

    def _skip(self, length: int) -> None:
        self._at += length
        if self._at > len(self._data):
            raise _truncated(self._path, len(self._data), self._at)

    def _broken(self, detail: str) -> ModelLoadError:
        return ModelLoadError("model.broken", path=str(self._path), detail=detail)


def _truncated(path: Path, found: int, expected: int) -> ModelLoadError:
    return ModelLoadError("model.truncated", path=str(path), found_bytes=found, expected_bytes=expected)
