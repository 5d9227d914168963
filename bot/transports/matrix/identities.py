"""Whether a message comes from a device that its sender has signed, and whether the sender is still the same.

The SDK does not tie a decrypted message to a device of its sender. The chain is checked here: the key that the message
came with belongs to a device of the sender, the device is signed by the sender's self-signing key, that one by the
master key, and the master key is the one that was pinned at the first message.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog
from nio import AsyncClient

from bot.transports.matrix.folder import KeyFolder
from bot.transports.matrix.requests import ask
from bot.transports.matrix.signatures import Json, is_signed

log = structlog.get_logger()

FILE = "identities.json"


class Trust(Enum):
    SIGNED = "signed"  # all is well
    UNSIGNED = "unsigned"  # the device, or the whole account, has no owner's signature
    CHANGED = "changed"  # another identity than the pinned one


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """What a message claims to come from."""

    curve25519: str
    ed25519: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person's published keys, checked."""

    master: str
    """Empty for an account without an identity."""
    signed: frozenset[DeviceKeys]


class Identities:
    """The people who write, each with the master key they had when they first did."""

    def __init__(self, client: AsyncClient, folder: KeyFolder) -> None:
        self._client = client
        self._folder = folder
        self._accounts: dict[str, Account] = {}

    def changed(self, user_ids: Iterable[str]) -> None:
        """These people's devices are to be looked up again."""
        for user_id in user_ids:
            self._accounts.pop(user_id, None)

    async def trust(self, user_id: str, device: DeviceKeys) -> Trust:
        """What is known of the device and its owner, whose identity is pinned at first sight. Raises TransportError."""
        account = self._accounts.get(user_id)
        if account is None or device not in account.signed:
            body: Json = {"device_keys": {user_id: []}}
            account = published(user_id, await ask(self._client, "POST", "/keys/query", body))
            self._accounts[user_id] = account
        if device not in account.signed:
            return Trust.UNSIGNED
        return await self._pinned(user_id, account.master)

    async def _pinned(self, user_id: str, master: str) -> Trust:
        pins = await asyncio.to_thread(self._folder.read, FILE)
        if user_id not in pins:
            await asyncio.to_thread(self._folder.write, FILE, {**pins, user_id: master})
            log.info("identity pinned", user_id=user_id)
        return Trust.SIGNED if pins.get(user_id, master) == master else Trust.CHANGED


def published(user_id: str, answer: Mapping[str, Any]) -> Account:
    """The account in the answer to a key query, with those of its devices whose chain of signatures holds."""
    master = _public(answer.get("master_keys", {}).get(user_id), user_id)
    signer = answer.get("self_signing_keys", {}).get(user_id)
    self_signing = _public(signer, user_id)
    if not master or not self_signing or not is_signed(signer, user_id, master, master):
        return Account("", frozenset())
    devices = answer.get("device_keys", {}).get(user_id, {})
    checked = (_checked(user_id, device_id, keys, self_signing) for device_id, keys in devices.items())
    return Account(master, frozenset(device for device in checked if device))


def _checked(user_id: str, device_id: str, keys: Mapping[str, Any], self_signing: str) -> DeviceKeys | None:
    if keys.get("user_id") != user_id or keys.get("device_id") != device_id:
        return None
    public = keys.get("keys", {})
    device = DeviceKeys(public.get(f"curve25519:{device_id}", ""), public.get(f"ed25519:{device_id}", ""))
    by_itself = is_signed(keys, user_id, device_id, device.ed25519)
    by_owner = is_signed(keys, user_id, self_signing, self_signing)
    return device if by_itself and by_owner else None


def _public(key: Mapping[str, Any] | None, user_id: str) -> str:
    if not key or key.get("user_id") != user_id or len(key.get("keys", {})) != 1:
        return ""
    return str(next(iter(key["keys"].values())))
