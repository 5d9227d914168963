"""Files of this machine as attachments, for the terminal and the command line."""

import asyncio
import itertools
import mimetypes
from pathlib import Path

from bot.domain import Attachment, AttachmentKind
from bot.errors import AttachmentError

MAX_BYTES = 500_000_000
"""Never more than this is read into memory; the configured limit is far below."""


def attachment(path: Path, kind: AttachmentKind | None = None) -> Attachment:
    """The file as an attachment; its kind by its name unless it is given."""
    mime_type = mimetypes.guess_type(path.name)[0] or ""
    return Attachment(
        kind=kind or kind_of(mime_type),
        handle=str(path.expanduser().absolute()),
        file_name=path.name,
        mime_type=mime_type,
    )


def kind_of(mime_type: str) -> AttachmentKind:
    """What to do with a file of this type."""
    match mime_type.partition("/")[0]:
        case "audio" | "video":
            return AttachmentKind.VOICE
        case "image":
            return AttachmentKind.IMAGE
        case _:
            return AttachmentKind.DOCUMENT


async def fetch(attached: Attachment) -> bytes:
    """The file's bytes. Raises AttachmentError."""
    return await asyncio.to_thread(_read, Path(attached.handle))


def save(path: Path, content: bytes) -> Path:
    """Writes a file under this name, or a numbered one where the name is taken; its path."""
    free = path
    for number in itertools.count(2):
        try:
            with free.open("xb") as file:
                file.write(content)
        except FileExistsError:
            free = path.with_stem(f"{path.stem}-{number}")
        else:
            break
    return free


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise AttachmentError("attachment.too_large", name=path.name, size_mb=size / 1e6, limit_mb=MAX_BYTES / 1e6)
        return path.read_bytes()
    except PermissionError as error:
        raise AttachmentError("attachment.unreadable", name=str(path)) from error
    except OSError as error:
        raise AttachmentError("attachment.missing", name=str(path)) from error
