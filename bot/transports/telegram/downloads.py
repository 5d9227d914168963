"""Attachments of messages, with bounds on size, time and number at once."""

import asyncio
from pathlib import Path

from bot.domain import Attachment
from bot.errors import AttachmentError
from bot.transports.telegram.client import Client
from bot.transports.telegram.faults import Fault, TelegramFault

MEGABYTE = 1 << 20
CLOUD_BYTES = 20 * MEGABYTE
"""What Telegram gives to bots."""
LOCAL_BYTES = 500 * MEGABYTE
"""From a Bot API server of one's own, which has no limit: never more than this gets into memory."""
AT_ONCE = 4
DOWNLOAD_SECONDS = 180.0


class Downloads:
    """Fetches files through one client. `local`: the server has put them on this machine's disk."""

    def __init__(self, client: Client, *, local: bool) -> None:
        self._client = client
        self._local = local
        self._limit = LOCAL_BYTES if local else CLOUD_BYTES
        self._room = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, attachment: Attachment) -> bytes:
        """The attachment's bytes. Raises AttachmentError or TransportError."""
        self._check(attachment, attachment.size_bytes)
        try:
            async with self._room, asyncio.timeout(DOWNLOAD_SECONDS):
                return await self._fetch(attachment)
        except TimeoutError:
            raise TelegramFault(Fault.UNANSWERED, "the download took too long") from None

    async def _fetch(self, attachment: Attachment) -> bytes:
        try:
            file = await self._client.file(attachment.handle)
            self._check(attachment, file.get("file_size"))
            if self._local:
                return await asyncio.to_thread(Path(file["file_path"]).read_bytes)
            return await self._client.download(file["file_path"])
        except TelegramFault as fault:
            if fault.fault is Fault.TOO_LARGE:
                raise self._too_large(attachment) from None
            if fault.fault is Fault.REFUSED:
                raise AttachmentError("attachment.missing", name=_name(attachment)) from None
            raise
        except OSError as error:
            raise AttachmentError("attachment.unreadable", name=_name(attachment)) from error

    def _check(self, attachment: Attachment, size_bytes: int | None) -> None:
        if size_bytes is not None and size_bytes > self._limit:
            raise self._too_large(attachment)

    def _too_large(self, attachment: Attachment) -> AttachmentError:
        return AttachmentError(
            "attachment.platform_limit", name=_name(attachment), limit_mb=self._limit / MEGABYTE, platform="Telegram"
        )


def _name(attachment: Attachment) -> str:
    return attachment.file_name or attachment.kind.value
