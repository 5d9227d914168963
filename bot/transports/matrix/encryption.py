"""What end-to-end encryption needs beside the messages: keys published, asked for, repaired; late keys waited for."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from nio import AsyncClient, ErrorResponse, Event, ForwardedRoomKeyEvent, MegolmEvent, RoomKeyEvent, SyncResponse
from nio.exceptions import EncryptionError

from bot.errors import TransportError
from bot.transports.matrix import faults
from bot.transports.matrix.cross_signing import ensure_identity
from bot.transports.matrix.folder import KeyFolder
from bot.transports.matrix.identities import DeviceKeys
from bot.transports.matrix.requests import ask

log = structlog.get_logger()

FILE = "waiting.json"
OVERDUE_SECONDS = 20.0
"""After this long without its key, the sender of a message is told."""
FORGOTTEN_SECONDS = 86_400.0
"""After this long, a message without its key is given up."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message whose key has not come."""

    room_id: str
    source: Mapping[str, Any]
    since: float
    """Unix time of its arrival."""

    @property
    def session_id(self) -> str:
        """Of the key that is missing."""
        return str(self.source.get("content", {}).get("session_id", ""))

    def dump(self) -> dict[str, Any]:
        """For the folder's document."""
        return {"room_id": self.room_id, "source": self.source, "since": self.since}


class Encryption:
    """The device's keys, and the messages that wait for a key of others."""

    def __init__(self, client: AsyncClient, folder: KeyFolder, waiting: Sequence[Waiting] = ()) -> None:
        self._client = client
        self._folder = folder
        self._waiting = list(waiting)
        self._changed = False
        self._withheld: dict[str, str] = {}
        self._told: set[str] = set()
        self._fallback_published = False
        self.unread_sessions: set[str] = set()
        """Sessions of which nothing could be read since a message was last decrypted."""
        self.identity_is_ours = True

    @classmethod
    async def load(cls, client: AsyncClient, folder: KeyFolder) -> "Encryption":
        """With the messages that waited when the program ended."""
        document = await asyncio.to_thread(folder.read, FILE)
        return cls(client, folder, [Waiting(**item) for item in document.get("waiting", [])])

    async def prepare(self, password: str | None) -> None:
        """Publishes the device's keys and the account's identity. Raises TransportError."""
        await self._publish_keys()
        self.identity_is_ours = await ensure_identity(self._client, self._folder, password)

    async def tend(self, response: SyncResponse) -> None:
        """After each sync: what the homeserver has used up or others have changed. Failures are tried again."""
        olm = self._client.olm
        assert olm is not None  # noqa: S101 - not made without encryption
        if response.device_key_count.signed_curve25519 == 0:
            # The SDK takes none for unknown and would never publish keys again.
            olm.uploaded_key_count = 0
        self._note_withheld(response)
        try:
            await self._publish_keys()
            await self.query_keys()
            if self._client.should_claim_keys:
                _checked(await self._client.keys_claim(self._client.get_users_for_key_claiming()))
            for sent in await self._client.send_to_device_messages():
                _checked(sent)
            if not self._fallback_published:
                await self._publish_fallback_key()
        except (*faults.SDK, TransportError) as error:
            log.warning("keys not tended", error=str(error))

    async def query_keys(self) -> None:
        """Before a send: the devices of people whose devices have changed."""
        if self._client.should_query_keys:
            _checked(await self._client.keys_query())

    def open(self, room_id: str, event: MegolmEvent) -> Event | None:
        """The event decrypted; None when its key is missing."""
        event.room_id = room_id
        try:
            opened = self._client.decrypt_event(event)
        except (EncryptionError, AssertionError) as error:
            log.warning("not decrypted", room_id=room_id, event_id=event.event_id, error=str(error))
            self.unread_sessions.add(str(event.session_id))
            return None
        return opened if isinstance(opened, Event) else None

    def decrypted(self) -> None:
        """A message was read: decryption works."""
        self.unread_sessions.clear()

    def device_of(self, room_id: str, event: Event) -> DeviceKeys | None:
        """The device whose key opened the event; None where somebody else passed the key on."""
        olm = self._client.olm
        session = olm and olm.inbound_group_store.get(room_id, event.sender_key, event.session_id)
        if not session or session.forwarding_chain:
            return None
        return DeviceKeys(str(event.sender_key), session.ed25519)

    @property
    def is_waiting(self) -> bool:
        """Whether a message waits for its key."""
        return bool(self._waiting)

    async def wait_for_key(self, room_id: str, event: MegolmEvent) -> None:
        """Keeps the event until its key comes, over restarts too."""
        if all(item.source.get("event_id") != event.event_id for item in self._waiting):
            self._waiting.append(Waiting(room_id, event.source, time.time()))
            self._changed = True
            await self.save()

    async def arrived(self, response: SyncResponse) -> list[tuple[str, Event]]:
        """Rooms and events whose key has come with this response."""
        if not any(isinstance(event, RoomKeyEvent | ForwardedRoomKeyEvent) for event in response.to_device_events):
            return []
        opened = [(item, self._opened(item)) for item in self._waiting]
        found = [(item.room_id, event) for item, event in opened if event]
        self._waiting = [item for item, event in opened if not event]
        self._changed = self._changed or bool(found)
        return found

    def overdue(self) -> list[tuple[Waiting, str]]:
        """Messages whose key is not coming, the first of each session, each with what the sender's client said."""
        now = time.time()
        late = [item for item in self._waiting if now - item.since > OVERDUE_SECONDS]
        fresh = {item.session_id: item for item in reversed(late) if item.session_id not in self._told}
        self._told |= set(fresh)
        kept = [item for item in self._waiting if now - item.since < FORGOTTEN_SECONDS]
        self._changed = self._changed or len(kept) < len(self._waiting)
        self._waiting = kept
        return [(item, self._withheld.get(item.session_id, "")) for item in fresh.values()]

    async def save(self) -> None:
        """Writes down what waits, where that has changed; what has arrived is safe elsewhere by then."""
        if self._changed:
            document = {"waiting": [item.dump() for item in self._waiting]}
            await asyncio.to_thread(self._folder.write, FILE, document)
            self._changed = False

    def _opened(self, item: Waiting) -> Event | None:
        event = Event.parse_event(dict(item.source))
        return self.open(item.room_id, event) if isinstance(event, MegolmEvent) else None

    def _note_withheld(self, response: SyncResponse) -> None:
        for event in response.to_device_events:
            content = event.source.get("content", {})
            if event.source.get("type") == "m.room_key.withheld":
                self._withheld[str(content.get("session_id", ""))] = str(content.get("code", ""))

    async def _publish_keys(self) -> None:
        if self._client.should_upload_keys:
            _checked(await self._client.keys_upload())

    async def _publish_fallback_key(self) -> None:
        """One key that may be used many times, for when all one-time keys are used up while the program is down.

        Once in each run and after its first sync: the one before stays valid until then.
        """
        olm = self._client.olm
        assert olm is not None  # noqa: S101 - not made without encryption
        account = olm.account._account  # noqa: SLF001 - the SDK has no call for it
        account.generate_fallback_key()
        keys = {}
        for key_id, key in account.fallback_key.items():
            described = {"key": key.to_base64(), "fallback": True}
            signature = {f"ed25519:{olm.device_id}": olm.sign_json(described)}
            keys[f"signed_curve25519:{key_id}"] = {**described, "signatures": {olm.user_id: signature}}
        await ask(self._client, "POST", "/keys/upload", {"fallback_keys": keys})
        account.mark_keys_as_published()
        olm.save_account()
        self._fallback_published = True


def _checked(response: Any) -> None:
    if isinstance(response, ErrorResponse):
        raise faults.of_response(response)
