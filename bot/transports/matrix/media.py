"""Files to and from the homeserver, encrypted where their room is."""

import asyncio
import json
import mimetypes
from typing import Any
from urllib.parse import urlsplit

from nio import AsyncClient
from nio.crypto import decrypt_attachment, encrypt_attachment
from nio.exceptions import EncryptionError

from bot.domain import Attachment
from bot.errors import AttachmentError
from bot.transports.matrix import faults
from bot.transports.matrix.requests import segment

MAX_BYTES = 500_000_000
"""Never more than this is read into memory; the configured limit is far below."""
_DOWNLOAD = "/_matrix/client/v1/media/download"
_UPLOAD = "/_matrix/media/v3/upload"
_PIECE_BYTES = 64 * 1024


async def fetch(client: AsyncClient, attachment: Attachment) -> bytes:
    """The file's bytes, decrypted. Raises AttachmentError, TransportError when the homeserver cannot be reached."""
    name = attachment.file_name
    try:
        described = json.loads(attachment.handle)
        address = urlsplit(described["url"])
    except (ValueError, KeyError, TypeError) as error:
        raise AttachmentError("attachment.missing", name=name) from error
    limit = attachment.size_bytes or MAX_BYTES
    raw = await _download(client, f"{address.netloc}/{segment(address.path.strip('/'))}", name, limit)
    if "key" not in described:
        return raw
    try:
        plain: bytes = await asyncio.to_thread(
            decrypt_attachment, raw, described["key"], described["hashes"]["sha256"], described["iv"]
        )
    except (EncryptionError, KeyError, TypeError, ValueError) as error:
        raise AttachmentError("attachment.missing", name=name) from error
    return plain


async def _download(client: AsyncClient, path: str, name: str, limit: int) -> bytes:
    """No more than was announced: the size is what the limits were checked against."""
    headers = {"Authorization": f"Bearer {client.access_token}"}
    try:
        response = await client.send("GET", f"{_DOWNLOAD}/{path}", headers=headers, timeout=300)
        async with response:
            if response.status != 200:
                raise AttachmentError("attachment.missing", name=name)
            pieces = bytearray()
            async for piece in response.content.iter_chunked(_PIECE_BYTES):
                pieces += piece
                if len(pieces) > limit:
                    size_mb, limit_mb = len(pieces) / 1e6, limit / 1e6
                    raise AttachmentError("attachment.too_large", name=name, size_mb=size_mb, limit_mb=limit_mb)
    except faults.NETWORK as error:
        raise faults.translated(error) from error
    return bytes(pieces)


async def file_content(client: AsyncClient, name: str, content: bytes, *, encrypted: bool) -> dict[str, Any]:
    """Uploads a file; the content of the message that carries it. Raises TransportError."""
    mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = {"image": "m.image", "audio": "m.audio", "video": "m.video"}.get(mime_type.partition("/")[0], "m.file")
    described = {"msgtype": kind, "body": name, "filename": name, "info": {"size": len(content), "mimetype": mime_type}}
    if not encrypted:
        return {**described, "url": await _upload(client, content, mime_type)}
    cipher, secret = await asyncio.to_thread(encrypt_attachment, content)
    url = await _upload(client, cipher, "application/octet-stream")
    return {**described, "file": {**secret, "url": url}}


async def _upload(client: AsyncClient, content: bytes, mime_type: str) -> str:
    await _check_upload_size(client, len(content))
    headers = {"Authorization": f"Bearer {client.access_token}", "Content-Type": mime_type}
    try:
        response = await client.send("POST", _UPLOAD, content, headers, timeout=300)
        async with response:
            answer = await client.parse_body(response)
    except faults.NETWORK as error:
        raise faults.translated(error) from error
    if "content_uri" not in answer:
        raise faults.of_answer(answer)
    return str(answer["content_uri"])


async def _check_upload_size(client: AsyncClient, size_bytes: int) -> None:
    """A homeserver may break the connection instead of refusing a large file."""
    try:
        limit = await client.content_repository_config()
    except faults.NETWORK as error:
        raise faults.translated(error) from error
    allowed = getattr(limit, "upload_size", None)
    if allowed is not None and size_bytes > allowed:
        raise faults.failed(f"the homeserver takes files of {allowed / 1e6:.0f} MB at most")
