"""Requests of the client-server API that the SDK does not know, on its connection."""

import json
from typing import Any
from urllib.parse import quote

from nio import AsyncClient

from bot.transports.matrix import faults

API = "/_matrix/client/v3"


async def exchange(client: AsyncClient, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    """HTTP status and answer. Raises TransportError when there is none."""
    headers = {"Authorization": f"Bearer {client.access_token}", "Content-Type": "application/json"}
    try:
        response = await client.send(method, API + path, None if body is None else json.dumps(body), headers)
        async with response:
            return response.status, await client.parse_body(response)
    except faults.NETWORK as error:
        raise faults.translated(error) from error


async def ask(client: AsyncClient, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """The answer. Raises TransportError, also for a refusal."""
    status, answer = await exchange(client, method, path, body)
    if status >= 400:
        raise faults.of_answer(answer)
    return answer


def segment(text: str) -> str:
    """An id as one part of a path."""
    return quote(text, safe="")
