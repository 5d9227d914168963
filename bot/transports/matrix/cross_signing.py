"""The account's own identity: three signing keys, and the device signed by them.

Clients give no keys to devices that their owner has not signed (MSC4153), so without this the assistant is deaf in
encrypted rooms. The SDK does not know cross-signing; the specification's section "Cross-signing" is implemented here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from nio import AsyncClient

from bot.transports.matrix.faults import of_answer
from bot.transports.matrix.folder import KeyFolder
from bot.transports.matrix.requests import ask, exchange
from bot.transports.matrix.signatures import Json, SigningKey, is_signed

log = structlog.get_logger()

FILE = "cross_signing.json"


@dataclass(frozen=True, slots=True)
class Seeds:
    """The account's identity. A new device is signed with the same ones, and people see no change."""

    master: SigningKey
    self_signing: SigningKey
    user_signing: SigningKey

    @classmethod
    def load(cls, document: Mapping[str, str]) -> "Seeds":
        """From the folder's document."""
        return cls(*(SigningKey.load(document[name]) for name in ("master", "self_signing", "user_signing")))

    def dump(self) -> dict[str, str]:
        """The folder's document."""
        return {name: getattr(self, name).dump() for name in ("master", "self_signing", "user_signing")}


async def ensure_identity(client: AsyncClient, folder: KeyFolder, password: str | None) -> bool:
    """Makes the identity at the first start, and signs the device where it is not signed; whether all is well now.

    False: the account has an identity from elsewhere, which is never replaced without its owner. Raises
    TransportError.
    """
    own = await ask(client, "POST", "/keys/query", {"device_keys": {client.user_id: []}})
    document = await asyncio.to_thread(folder.read, FILE)
    published = _only_key(own.get("master_keys", {}).get(client.user_id))
    if published and (not document or Seeds.load(document).master.public != published):
        log.error("foreign identity", user_id=client.user_id, hint=f"restore {FILE}, or reset the account's identity")
        return False
    seeds = Seeds.load(document) if document else await _new_seeds(folder)
    if not published:
        await _publish(client, seeds, password)
        log.info("identity published", user_id=client.user_id, master_key=seeds.master.public)
    device = own.get("device_keys", {}).get(client.user_id, {}).get(client.device_id)
    if device is None:
        return False
    if not is_signed(device, client.user_id, seeds.self_signing.public, seeds.self_signing.public):
        await _sign_device(client, seeds, device)
        log.info("device signed", device_id=client.device_id)
    return True


async def _new_seeds(folder: KeyFolder) -> Seeds:
    seeds = Seeds(SigningKey.new(), SigningKey.new(), SigningKey.new())
    await asyncio.to_thread(folder.write, FILE, seeds.dump())
    return seeds


def public_keys(seeds: Seeds, user_id: str) -> Json:
    """The body that publishes an identity."""

    def key(usage: str, of: SigningKey) -> Json:
        return {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{of.public}": of.public}}

    return {
        "master_key": key("master", seeds.master),
        "self_signing_key": seeds.master.sign(key("self_signing", seeds.self_signing), user_id),
        "user_signing_key": seeds.master.sign(key("user_signing", seeds.user_signing), user_id),
    }


async def _publish(client: AsyncClient, seeds: Seeds, password: str | None) -> None:
    body = public_keys(seeds, client.user_id)
    status, answer = await exchange(client, "POST", "/keys/device_signing/upload", body)
    if status == 401 and password and "session" in answer:  # servers before MSC3967 ask for the password
        who = {"type": "m.id.user", "user": client.user_id}
        proof = {"type": "m.login.password", "identifier": who, "password": password, "session": answer["session"]}
        status, answer = await exchange(client, "POST", "/keys/device_signing/upload", {**body, "auth": proof})
    if status >= 400:
        raise of_answer(answer)


async def _sign_device(client: AsyncClient, seeds: Seeds, device: Json) -> None:
    bare = {key: value for key, value in device.items() if key != "unsigned"}
    signed = seeds.self_signing.sign(bare, client.user_id)
    answer = await ask(client, "POST", "/keys/signatures/upload", {client.user_id: {str(client.device_id): signed}})
    if answer.get("failures"):
        raise of_answer({"errcode": "M_INVALID_SIGNATURE", "error": str(answer["failures"])})


def _only_key(published: Mapping[str, Any] | None) -> str:
    keys = (published or {}).get("keys") or {}
    return str(next(iter(keys.values()), ""))
