"""Sends one event after the other to a room: encrypted where the room is, repeatable, within the server's limits."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal

import structlog
from nio import AsyncClient, MatrixRoom, RoomSendResponse

from bot.errors import TransportError
from bot.transports.matrix import faults
from bot.transports.matrix.encryption import Encryption
from bot.transports.matrix.requests import ask, segment

log = structlog.get_logger()

MAX_CONTENT_BYTES = 44_000
"""Of the JSON before encryption, which adds a third; a homeserver takes events of 65,536 bytes."""
_MESSAGE = "m.room.message"


class Sender:
    """One for all rooms. Its transaction ids make a send repeatable: the same id again gives the same event."""

    def __init__(
        self,
        client: AsyncClient,
        policy: Literal["required", "optional", "off"],
        encryption: Encryption | None,
    ) -> None:
        self._client = client
        self._policy = policy
        self._encryption = encryption
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._limited_until = 0.0

    def may_write(self, room: MatrixRoom) -> bool:
        """Whether the configuration allows words in this room."""
        return room.encrypted if self._policy == "required" else self._policy == "optional" or not room.encrypted

    async def send(self, room_id: str, content: Mapping[str, Any], tx_id: str) -> str:
        """The event's id; waits as long as the homeserver asks to. Raises TransportError."""
        async with self._locks[room_id]:
            self._check(room_id)
            while True:
                event_id = await self._try(room_id, content, tx_id)
                if event_id:
                    return event_id
                await asyncio.sleep(max(0.0, self._limited_until - time.monotonic()))

    async def offer(self, room_id: str, content: Mapping[str, Any], tx_id: str) -> str:
        """The event's id; empty where it would have to wait, for what the next event replaces anyway."""
        if self._locks[room_id].locked() or time.monotonic() < self._limited_until:
            return ""
        async with self._locks[room_id]:
            self._check(room_id)
            return await self._try(room_id, content, tx_id)

    async def complain(self, room_id: str, content: Mapping[str, Any], tx_id: str) -> None:
        """Sends a sentence that says nothing of anybody, also where no other word is allowed. Raises TransportError."""
        async with self._locks[room_id]:
            await self._try(room_id, content, tx_id)

    async def redact(self, room_id: str, event_id: str) -> None:
        """Takes a message of one's own back. Raises TransportError."""
        path = f"/rooms/{segment(room_id)}/redact/{segment(event_id)}/{segment(event_id)}"
        await ask(self._client, "PUT", path, {})

    def _check(self, room_id: str) -> None:
        room = self._client.rooms.get(room_id)
        if room is None:
            raise faults.failed(f"not in the room {room_id}")
        if not self.may_write(room):
            raise TransportError("transport.unencrypted", platform=faults.PLATFORM, room=room_id)

    async def _try(self, room_id: str, content: Mapping[str, Any], tx_id: str) -> str:
        try:
            if self._encryption:
                await self._encryption.query_keys()
            response = await self._client.room_send(
                room_id, _MESSAGE, fitting(content), tx_id=segment(tx_id), ignore_unverified_devices=True
            )
        except faults.SDK as error:
            raise faults.translated(error) from error
        if isinstance(response, RoomSendResponse):
            return str(response.event_id)
        if response.status_code != "M_LIMIT_EXCEEDED":
            raise faults.of_response(response)
        self._limited_until = time.monotonic() + (response.retry_after_ms or 5000) / 1000
        log.info("rate limited", room_id=room_id, seconds=round(self._limited_until - time.monotonic(), 1))
        return ""


def fitting(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content within the size of an event: without its formatted form where that makes it too large."""
    if len(json.dumps(content, ensure_ascii=False).encode()) <= MAX_CONTENT_BYTES:
        return dict(content)
    return _plain(content)


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:
    bare = {key: value for key, value in content.items() if key not in {"format", "formatted_body"}}
    if "m.new_content" in bare:
        bare["m.new_content"] = _plain(bare["m.new_content"])
    return bare
