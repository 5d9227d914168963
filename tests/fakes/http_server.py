"""A small real HTTP server on this machine, whose answers a test writes byte by byte."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What arrived; the names of headers in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class Reply:
    """The way back to the client. `gone` is set as soon as the client has closed the connection."""

    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, content: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    async def start(self, status: int = 200, content_type: str = "text/event-stream", *lines: str) -> None:
        """The head of an answer that ends with the connection."""
        head = [f"HTTP/1.1 {status} Something", f"Content-Type: {content_type}", "Connection: close", *lines]
        await self.send("\r\n".join([*head, "", ""]).encode())

    async def json(self, value: Any, status: int = 200) -> None:
        """A whole answer."""
        await self.start(status, "application/json")
        await self.send(json.dumps(value).encode())

    async def event(self, value: Any) -> None:
        """One server-sent event."""
        await self.send(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")


Handler = Callable[[HttpRequest, Reply], Awaitable[None]]


@asynccontextmanager
async def serve(handler: Handler, tls: ssl.SSLContext | None = None):
    """The server's address while it runs."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = Reply(writer)
        try:
            request = await _read(reader)
            watcher = asyncio.create_task(_watch(reader, reply))
            await handler(request, reply)
            watcher.cancel()
        except ConnectionError:
            reply.gone.set()
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _read(reader: asyncio.StreamReader) -> HttpRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return HttpRequest(method=method, path=path, headers=headers, body=json.loads(body) if body else None)


async def _watch(reader: asyncio.StreamReader, reply: Reply) -> None:
    with suppress(ConnectionError):
        await reader.read()
    reply.gone.set()
