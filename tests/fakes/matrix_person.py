"""A person at a Matrix client that shares no code with ours: mautrix with libolm, end-to-end encrypting.

Run with the interpreter of `scripts/synapse.sh`. Each line of the standard input is a call, `{"do": name, ...}`; each
answer is a line: the call's result, or `{"error": ...}`. `tests/fakes/matrix.py` is the other end.
"""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

from mautrix.client import Client
from mautrix.client.state_store import MemoryStateStore, MemorySyncStore
from mautrix.crypto import OlmMachine, StateStore
from mautrix.crypto.attachments import decrypt_attachment, encrypt_attachment
from mautrix.crypto.store import MemoryCryptoStore
from mautrix.types import EventType, TOFUSigningKey, TrustState


class Rooms(StateStore):
    """What the encryption asks about rooms."""

    def __init__(self, state):
        self._state = state

    async def is_encrypted(self, room_id):
        return bool(await self._state.is_encrypted(room_id))

    async def get_encryption_info(self, room_id):
        return await self._state.get_encryption_info(room_id)

    async def find_shared_rooms(self, user_id):
        return [room for room, members in self._state.members.items() if user_id in members]


class Keys(MemoryCryptoStore):
    """The library's own method assigns to a field that cannot be assigned to."""

    async def put_cross_signing_key(self, user_id, usage, key):
        known = self._cross_signing_keys.setdefault(user_id, {})
        known[usage] = TOFUSigningKey(key=key, first=known[usage].first if usage in known else key)


class Person:
    """One account on one device."""

    def __init__(self):
        self.messages = {}
        self.events = []
        self.encrypted = set()

    async def login(self, homeserver, user_id, password, signed=True, strict=True):
        """`signed`: this device carries its owner's signature; `strict`: no keys for devices that do not."""
        state = MemoryStateStore()
        self.password = password
        self.client = Client(base_url=homeserver, mxid=user_id, state_store=state, sync_store=MemorySyncStore())
        await self.client.login(identifier=user_id, password=password)
        keys = Keys(account_id=user_id, pickle_key="test")
        await keys.put_device_id(self.client.device_id)
        self.machine = OlmMachine(self.client, keys, Rooms(state))
        await self.machine.load()
        if strict:
            self.machine.send_keys_min_trust = TrustState.CROSS_SIGNED_UNTRUSTED
        self.client.crypto = self.machine
        self.client.add_event_handler(EventType.ROOM_MESSAGE, self._on_message)
        self.client.add_event_handler(EventType.ROOM_ENCRYPTED, self._on_encrypted)
        for kind in (EventType.REACTION, EventType.TYPING, EventType.RECEIPT, EventType.ROOM_MEMBER):
            self.client.add_event_handler(kind, self._on_other)
        self.client.start(None)
        await self.machine.share_keys()
        if signed:
            await self.sign()
        return {"device_id": self.client.device_id}

    async def sign(self):
        """A new identity for the account, and this device signed by it."""
        publish = OlmMachine._publish_cross_signing_keys
        who = {"type": "m.id.user", "user": self.client.mxid}
        password = {"type": "m.login.password", "password": self.password, "identifier": who}
        self.machine._publish_cross_signing_keys = lambda keys: publish(self.machine, keys, auth=password)
        return await self.machine.generate_recovery_key()

    async def create_room(self, invite, encrypted=True, direct=True, name="", version=""):
        algorithm = {"algorithm": "m.megolm.v1.aes-sha2"}
        encryption = [{"type": "m.room.encryption", "state_key": "", "content": algorithm}] if encrypted else []
        preset = "trusted_private_chat" if direct else "private_chat"
        body = {"is_direct": direct, "invite": invite, "preset": preset, "initial_state": encryption}
        body |= ({"name": name} if name else {}) | ({"room_version": version} if version else {})
        return (await self._request("POST", "createRoom", body))["room_id"]

    async def members(self, room):
        return list(await self.client.get_joined_members(room))

    async def join(self, room):
        return await self.client.join_room_by_id(room)

    async def request(self, method, path, body=None):
        """Any request of the client-server API."""
        return await self._request(method, path, body)

    async def send(self, room, content):
        return await self.client.send_message_event(room, EventType.ROOM_MESSAGE, content)

    async def send_plain(self, room, content):
        """Unencrypted, whatever the room says."""
        return (await self._request("PUT", f"rooms/{room}/send/m.room.message/{id(content)}", content))["event_id"]

    async def send_file(self, room, path, content, mime_type):
        data = await asyncio.to_thread(Path(path).read_bytes)
        cipher, described = encrypt_attachment(data)
        described.url = await self.client.upload_media(cipher, mime_type="application/octet-stream")
        content = {"file": described.serialize()} | content
        content["info"] = {"size": len(data), "mimetype": mime_type} | content.get("info", {})
        return await self.send(room, content)

    async def react(self, room, event_id, key):
        relation = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": key}}
        return await self.client.send_message_event(room, EventType.REACTION, relation)

    async def redact(self, room, event_id):
        return await self.client.redact(room, event_id)

    async def read(self, room):
        """The messages of others in the room, each in its last form, in the order of their first."""
        return [message for message in self.messages.values() if message["room"] == room]

    async def seen(self, room):
        """What else happened in the room: reactions, typing, receipts, members."""
        return [event for event in self.events if event["room"] == room]

    async def download(self, file):
        data = await self.client.download_media(file["url"])
        plain = decrypt_attachment(data, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
        return {"size": len(plain), "sha256": hashlib.sha256(plain).hexdigest()}

    async def _request(self, method, path, body):
        return await self.client.api.request(method, f"/_matrix/client/v3/{path}", body)

    async def _on_encrypted(self, event):
        self.encrypted.add(event.event_id)

    async def _on_message(self, event):
        if event.sender == self.client.mxid:
            return
        content = event.content.serialize()
        relation = content.get("m.relates_to") or {}
        if relation.get("rel_type") == "m.replace":
            if relation["event_id"] in self.messages:
                known = self.messages[relation["event_id"]]
                known["content"] = content.get("m.new_content") or {}
                known["edits"] += 1
            return
        self.messages.setdefault(
            event.event_id,
            {
                "id": event.event_id,
                "room": event.room_id,
                "sender": event.sender,
                "encrypted": event.event_id in self.encrypted,
                "content": content,
                "relation": relation,
                "edits": 0,
            },
        )

    async def _on_other(self, event):
        if event.type == EventType.RECEIPT:
            read = event.content.items()
            content = {event_id: [user for users in kinds.values() for user in users] for event_id, kinds in read}
        else:
            content = event.content.serialize()
        sender = getattr(event, "sender", None)
        self.events.append({"type": str(event.type), "room": event.room_id, "sender": sender, "content": content})


async def main():
    person = Person()
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        call = json.loads(line)
        try:
            answer = {"result": await getattr(person, call.pop("do"))(**call)}
        except Exception as error:  # noqa: BLE001 - the test at the other end judges it
            answer = {"error": repr(error)}
        print(json.dumps(answer, default=str), flush=True)


asyncio.run(main())
