"""The HTTP of a model on another machine. Nothing else imports httpx; every failure becomes an EngineError here."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from engines.errors import ContextTooLong, EngineError, EngineOverloaded, EngineRefused, EngineUnreachable
from engines.remote.config import RemoteConfig
from engines.remote.event_stream import EventStream
from engines.remote.wire import outgrown, refusal

_QUESTION_SECONDS = 10.0
"""The longest silence in an answer that needs no model."""
_MAX_REFUSAL_BYTES = 1 << 16
_MAX_DETAIL_CHARS = 300

T = TypeVar("T")


class RemoteClient:
    """Sends JSON, gets JSON or a stream of events. Made by `open_client`.

    Every call has a connection of its own: a kept one may be closed by the server in the moment it is used again, and
    an answer takes a thousand times as long as a connection.
    """

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self.address = address
        """Scheme, host and port, for sentences."""

    async def get(self, path: str, kind: TypeAdapter[T]) -> T:
        """What is at `path`. Raises EngineError."""
        return await self._ask("GET", path, None, kind)

    async def post(self, path: str, body: Mapping[str, Any], kind: TypeAdapter[T]) -> T:
        """What `path` answers to `body`. Raises EngineError."""
        return await self._ask("POST", path, body, kind)

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[str, None]:
        """The data of the events that `path` answers with. Closing the iterator closes the connection.

        Raises EngineError, before the first event or in the middle.
        """
        with _translated(self.address):
            async with self._http.stream("POST", path, json=body) as response:
                await self._check(response)
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise self._strange(f"no stream of events but {response.headers.get('content-type')}")
                stream = EventStream(self.address)
                async for received in response.aiter_bytes():
                    for data in stream.push(received):
                        yield data

    def parse(self, data: str | bytes, kind: TypeAdapter[T]) -> T:
        """JSON from the server. Raises EngineRefused when it is something else."""
        try:
            return kind.validate_json(data)
        except ValidationError as error:
            raise self._strange(_sentence(error)) from error

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, kind: TypeAdapter[T]) -> T:
        timeout = httpx.Timeout(_QUESTION_SECONDS, connect=self._http.timeout.connect)
        with _translated(self.address):
            async with self._http.stream(method, path, json=body, timeout=timeout) as response:
                await self._check(response)
                return self.parse(await response.aread(), kind)

    async def _check(self, response: httpx.Response) -> None:
        if response.status_code != HTTPStatus.OK:
            raise _refused(self.address, response.status_code, await _beginning(response))

    def _strange(self, detail: str) -> EngineRefused:
        return EngineRefused("engine.not_openai", address=self.address, detail=detail)


@asynccontextmanager
async def open_client(config: RemoteConfig, api_key: str | None) -> AsyncIterator[RemoteClient]:
    """A client; nothing is sent yet. Raises EngineUnreachable for an address or a certificate that cannot be used."""
    with _translated(config.url):
        url = httpx.URL(config.url.rstrip("/").removesuffix("/v1"))
        if url.scheme not in ("http", "https") or not url.host:
            raise httpx.UnsupportedProtocol("it does not begin with http:// or https:// and a host")
        tls = await asyncio.to_thread(_trusted, config)
    address = f"{url.scheme}://{url.netloc.decode()}"
    async with httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        verify=tls,
        timeout=httpx.Timeout(config.read_seconds, connect=config.connect_seconds, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        trust_env=False,
    ) as http:
        yield RemoteClient(http, address)


def _trusted(config: RemoteConfig) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if config.ca_file is not None:
        context.load_verify_locations(config.ca_file)
    return context


@contextmanager
def _translated(address: str) -> Iterator[None]:
    """Turns what httpx and the system raise into EngineUnreachable."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise EngineUnreachable("engine.unreachable", address=address, detail="no answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise EngineUnreachable("engine.unreachable", address=address, detail=_sentence(error)) from error


def _refused(address: str, status: int, body: bytes) -> EngineError:
    """The error of an answer that is none."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if too_long := outgrown(parsed):
        return ContextTooLong("engine.context_too_long", prompt_tokens=too_long[0], limit_tokens=too_long[1])
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return EngineRefused("engine.unauthorized", address=address)
    detail = _one_line(refusal(parsed) or body.decode(errors="replace")) or "it gives no reason"
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return EngineOverloaded("engine.busy", address=address, detail=detail)
    return EngineRefused("engine.refused", address=address, status=status, detail=detail)


async def _beginning(response: httpx.Response) -> bytes:
    content = b""
    async for received in response.aiter_bytes():
        content += received
        if len(content) >= _MAX_REFUSAL_BYTES:
            break
    return content[:_MAX_REFUSAL_BYTES]


def _sentence(error: Exception) -> str:
    return _one_line(str(error)) or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MAX_DETAIL_CHARS]
