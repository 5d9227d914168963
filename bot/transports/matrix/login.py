"""One login for the life of the account's device; every later start takes it up again."""

import asyncio
import secrets
from typing import Any

import structlog
from nio import AsyncClient, AsyncClientConfig, LoginError
from nio.store import SqliteStore

from bot.errors import ConfigError, TransportError
from bot.transports.matrix import faults
from bot.transports.matrix.config import MatrixConfig
from bot.transports.matrix.folder import KeyFolder
from bot.transports.matrix.requests import ask, exchange

log = structlog.get_logger()

FILE = "credentials.json"
_DEVICE_NAME = "Inglenook"


async def open_client(config: MatrixConfig, folder: KeyFolder) -> AsyncClient:
    """A client that is logged in, on the account's own device. Raises TransportError or ConfigError."""
    saved = await asyncio.to_thread(folder.read, FILE)
    if saved.get("user_id") != config.user_id or saved.get("homeserver") != config.homeserver:
        saved = await _log_in(config, folder)
    client = _restored(config, folder, saved)
    try:
        if await _keys_are_lost(client):
            log.error("encryption keys lost, logging in anew", device_id=client.device_id)
            await exchange(client, "POST", "/logout")
            await client.close()
            client = _restored(config, folder, await _log_in(config, folder))
    except TransportError:
        await client.close()
        raise
    return client


def _restored(config: MatrixConfig, folder: KeyFolder, saved: dict[str, Any]) -> AsyncClient:
    client = AsyncClient(
        config.homeserver.rstrip("/"),
        config.user_id,
        store_path=str(folder.path),
        config=AsyncClientConfig(
            store=SqliteStore,
            store_name=f"keys-{saved['device_id']}.db",
            pickle_key=saved["pickle_key"],
            encryption_enabled=config.encryption != "off",
            max_limit_exceeded=0,  # the sender waits itself: drafts are dropped, answers are not
            max_timeouts=2,
            max_timeout_retry_wait_time=5,
            request_timeout=30,
        ),
    )
    client.restore_login(saved["user_id"], saved["device_id"], saved["access_token"])
    return client


async def _log_in(config: MatrixConfig, folder: KeyFolder) -> dict[str, Any]:
    without_store = AsyncClientConfig(encryption_enabled=False, max_limit_exceeded=0, max_timeouts=2)
    client = AsyncClient(config.homeserver.rstrip("/"), config.user_id, config=without_store)
    try:
        device_id, token = await (_by_token(config, client) if config.access_token else _by_password(config, client))
    finally:
        await client.close()
    saved = {
        "homeserver": config.homeserver,
        "user_id": config.user_id,
        "device_id": device_id,
        "access_token": token,
        "pickle_key": secrets.token_urlsafe(32),
    }
    await asyncio.to_thread(folder.write, FILE, saved)
    log.info("logged in", user_id=config.user_id, device_id=device_id)
    return saved


async def _by_token(config: MatrixConfig, client: AsyncClient) -> tuple[str, str]:
    client.access_token = config.access_token.get_secret_value() if config.access_token else ""
    who = await ask(client, "GET", "/account/whoami")
    if who["user_id"] != config.user_id:
        accepted = f"the token belongs to {who['user_id']}"
        raise ConfigError("config.value", key="matrix.user_id", found=config.user_id, accepted=accepted)
    return who["device_id"], client.access_token


async def _by_password(config: MatrixConfig, client: AsyncClient) -> tuple[str, str]:
    if not config.password:
        raise ConfigError(
            "config.value", key="matrix.password", found="nothing", accepted="set INGLENOOK_MATRIX_PASSWORD to log in"
        )
    try:
        answer = await client.login(config.password.get_secret_value(), device_name=_DEVICE_NAME)
    except faults.NETWORK as error:
        raise faults.translated(error) from error
    if isinstance(answer, LoginError):
        if answer.status_code == "M_FORBIDDEN":
            raise TransportError("transport.unauthorized", platform=faults.PLATFORM, detail=answer.message)
        raise faults.of_response(answer)
    return answer.device_id, answer.access_token


async def _keys_are_lost(client: AsyncClient) -> bool:
    """Whether the homeserver knows this device by other keys than the ones in the folder."""
    if client.olm is None:
        return False
    answer = await ask(client, "POST", "/keys/query", {"device_keys": {client.user_id: [client.device_id]}})
    device = answer.get("device_keys", {}).get(client.user_id, {}).get(client.device_id)
    published = device["keys"].get(f"ed25519:{client.device_id}") if device else None
    return published is not None and published != client.olm.account.identity_keys["ed25519"]
