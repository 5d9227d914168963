"""From a sync response to incoming events: decrypted, trusted, with what they refer to."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from nio import AsyncClient, Event, MatrixRoom, MegolmEvent, MessageDirection, RoomMessagesResponse, SyncResponse
from nio.responses import RoomInfo

from bot.domain import ChatKey, ChatMoved, IncomingEvent, Joined, Left, Person
from bot.errors import TransportError
from bot.transports.matrix import faults, inbound, rooms
from bot.transports.matrix.config import MatrixConfig
from bot.transports.matrix.encryption import Encryption
from bot.transports.matrix.identities import Identities, Trust
from bot.transports.matrix.inbound import Target
from bot.transports.matrix.requests import ask, segment
from bot.transports.matrix.rooms import Company

log = structlog.get_logger()

GAP_EVENTS = 1000
"""More than this is not fetched of what one room missed."""
_KNOWN_MESSAGES = 2000
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that a person in a room should be told."""

    room_id: str
    reason: str
    """unencrypted, unsigned, changed, withheld or keyless."""


class Intake:
    """Reads what the homeserver hands over. What cannot be acted on becomes a complaint, said once in each run."""

    def __init__(
        self,
        config: MatrixConfig,
        client: AsyncClient,
        company: Company,
        *,
        encryption: Encryption | None,
        identities: Identities,
        may_write: Callable[[MatrixRoom], bool],
    ) -> None:
        self._config = config
        self._client = client
        self._company = company
        self._encryption = encryption
        self._identities = identities
        self._may_write = may_write
        self._known: OrderedDict[str, Target] = OrderedDict()
        self._complained: set[tuple[str, str, str]] = set()
        self._hosts: dict[str, str] = {}
        self.complaints: list[Complaint] = []
        """To be said, and taken out, by whoever sends."""

    async def read(self, response: SyncResponse, since: str) -> list[IncomingEvent]:
        """The events of all rooms in their order, those whose key has come only now included. Raises TransportError."""
        self._identities.changed([*response.device_list.changed, *response.device_list.left])
        found: list[IncomingEvent] = []
        for room_id, info in response.rooms.leave.items():
            found += self._left(room_id, info)
        for room_id, info in response.rooms.join.items():
            for event in await self._timeline(room_id, info, since):
                found += await self._translated(room_id, event)
        found += await self._late(response)
        return found

    async def welcome(self, response: SyncResponse) -> None:
        """Accepts or refuses invitations. Raises TransportError, to be tried again."""
        for room_id, info in response.rooms.invite.items():
            host = rooms.inviter(info.invite_state, self._company.own_id)
            if host is None:
                continue
            if self._company.may_invite(host):
                self._hosts[room_id] = host
                joined = await rooms.join(self._client, room_id, host)
                log.info("invited", room_id=room_id, by=host, joined=joined)
            else:
                log.warning("invitation refused", room_id=room_id, by=host)
                if self._config.refused_invites == "reject":
                    await ask(self._client, "POST", f"/rooms/{segment(room_id)}/leave", {})

    async def leave_empty(self, response: SyncResponse) -> None:
        """Leaves rooms that everybody else has left. Raises TransportError."""
        for room_id, info in response.rooms.join.items():
            room = self._client.rooms[room_id]
            gone = any(rooms.somebody_left(event.source, self._company.own_id) for event in info.timeline.events)
            if gone and set(room.users) == {self._company.own_id}:
                log.info("left an empty room", room_id=room_id)
                await ask(self._client, "POST", f"/rooms/{segment(room_id)}/leave", {})

    def remember(self, message_id: str, target: Target) -> None:
        """Keeps what later events may refer to."""
        self._known[message_id] = target
        self._known.move_to_end(message_id)
        if len(self._known) > _KNOWN_MESSAGES:
            self._known.popitem(last=False)

    async def _timeline(self, room_id: str, info: RoomInfo, since: str) -> list[Event]:
        """The room's new events: with those that did not fit, without those from before the invitation."""
        events: list[Event] = list(info.timeline.events)
        own_id = self._company.own_id
        if any(rooms.is_own(event.source, own_id, "join") for event in events):
            invited = [index for index, event in enumerate(events) if rooms.is_own(event.source, own_id, "invite")]
            joined = [index for index, event in enumerate(events) if rooms.is_own(event.source, own_id, "join")]
            return events[(invited or joined)[0] :]
        if info.timeline.limited and info.timeline.prev_batch:
            events = [*await self._gap(room_id, info.timeline.prev_batch, since), *events]
        return events

    async def _gap(self, room_id: str, start: str, since: str) -> list[Event]:
        missed: list[Event] = []
        known = False
        while start and not known and len(missed) < GAP_EVENTS:
            try:
                page = await self._client.room_messages(room_id, start, since, MessageDirection.back, _PAGE)
            except faults.NETWORK as error:
                raise faults.translated(error) from error
            if not isinstance(page, RoomMessagesResponse):
                raise faults.of_response(page)
            missed += page.chunk
            known = not page.chunk or not page.end
            start = page.end or ""
        log.info("gap filled", room_id=room_id, events=len(missed))
        return missed[::-1]

    async def _translated(self, room_id: str, event: Event) -> Sequence[IncomingEvent]:
        source = event.source
        sender = str(source.get("sender", ""))
        if rooms.is_own(source, self._company.own_id, "join"):
            return self._joined(room_id, source)
        if source.get("type") == "m.room.tombstone" and "state_key" in source:
            return await self._moved(room_id, source)
        if sender == self._company.own_id or self._company.is_ignored(sender):
            return ()
        if isinstance(event, MegolmEvent):
            return await self._opened(room_id, event)
        return await self._taken(room_id, event)

    async def _opened(self, room_id: str, event: MegolmEvent) -> Sequence[IncomingEvent]:
        if not self._encryption:
            return ()
        opened = self._encryption.open(room_id, event)
        if opened is None:
            await self._encryption.wait_for_key(room_id, event)
            return ()
        return await self._taken(room_id, opened)

    async def _taken(self, room_id: str, event: Event) -> Sequence[IncomingEvent]:
        source = {**event.source, "event_id": event.event_id}
        if source.get("type") in inbound.MESSAGES and not await self._is_acceptable(room_id, event):
            return ()
        target_id = inbound.target_id(source)
        target = await self._target(room_id, target_id) if target_id else None
        view = rooms.view(self._client.rooms[room_id], self._company)
        self.remember(str(event.event_id), inbound.described(source))
        incoming = inbound.read(source, view, self._config.threads, target)
        return (incoming,) if incoming else ()

    async def _is_acceptable(self, room_id: str, event: Event) -> bool:
        """Whether the words came over a way that the configuration trusts."""
        room = self._client.rooms[room_id]
        if not self._may_write(room):
            self._complain(room_id, "", "unencrypted")
            return False
        if not room.encrypted:
            return True
        if not event.decrypted or not self._encryption:
            log.warning("unencrypted message in an encrypted room", room_id=room_id, event_id=event.event_id)
            return False
        self._encryption.decrypted()
        if self._config.unsigned_devices == "accept":
            return True
        device = self._encryption.device_of(room_id, event)
        trust = await self._identities.trust(str(event.sender), device) if device else Trust.UNSIGNED
        if trust is not Trust.SIGNED:
            log.warning("message refused", room_id=room_id, sender=event.sender, trust=trust.value)
            self._complain(room_id, device.curve25519 if device else "", trust.value)
        return trust is Trust.SIGNED

    def _complain(self, room_id: str, about: str, reason: str) -> None:
        if (room_id, about, reason) not in self._complained:
            self._complained.add((room_id, about, reason))
            self.complaints.append(Complaint(room_id, reason))

    async def _target(self, room_id: str, event_id: str) -> Target | None:
        """What is known of a message, from memory or from the homeserver."""
        if event_id not in self._known:
            try:
                path = f"/rooms/{segment(room_id)}/event/{segment(event_id)}"
                event = Event.parse_event(await ask(self._client, "GET", path))
            except TransportError as error:
                log.info("message not found", event_id=event_id, error=str(error))
                return None
            if isinstance(event, MegolmEvent) and self._encryption:
                event = self._encryption.open(room_id, event) or event
            self.remember(event_id, inbound.described(event.source))
        return self._known[event_id]

    async def _late(self, response: SyncResponse) -> list[IncomingEvent]:
        found: list[IncomingEvent] = []
        if self._encryption:
            for room_id, event in await self._encryption.arrived(response):
                if room_id in self._client.rooms:
                    found += await self._taken(room_id, event)
            for waiting, code in self._encryption.overdue():
                self._complain(waiting.room_id, waiting.session_id, "withheld" if code else "keyless")
        return found

    def _joined(self, room_id: str, source: inbound.Event) -> Sequence[IncomingEvent]:
        view = rooms.view(self._client.rooms[room_id], self._company)
        if view.is_direct:
            return ()
        host = self._hosts.get(room_id, self._company.own_id)
        by = Person(faults.PLATFORM, host, view.names.get(host) or host, host.removeprefix("@"))
        chat = ChatKey(faults.PLATFORM, room_id)
        return (Joined(chat=chat, event_id=str(source.get("event_id")), by=by, title=view.title),)

    def _left(self, room_id: str, info: RoomInfo) -> Sequence[IncomingEvent]:
        chat = ChatKey(faults.PLATFORM, room_id)
        for event in (*info.state, *info.timeline.events):
            if any(rooms.is_own(event.source, self._company.own_id, how) for how in ("leave", "ban")):
                return (Left(chat=chat, event_id=str(event.source.get("event_id"))),)
        return ()

    async def _moved(self, room_id: str, source: inbound.Event) -> Sequence[IncomingEvent]:
        """Follows an upgrade, where the new room says that it comes from the old one."""
        fresh = str(source.get("content", {}).get("replacement_room", ""))
        if not fresh or not await rooms.join(self._client, fresh, str(source.get("sender"))):
            return ()
        if await rooms.came_from(self._client, fresh) != room_id:
            log.warning("upgrade not followed", room_id=room_id, to=fresh)
            return ()
        return (ChatMoved(chat=ChatKey(faults.PLATFORM, room_id), to=ChatKey(faults.PLATFORM, fresh)),)
