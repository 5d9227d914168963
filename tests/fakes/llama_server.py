"""The real llama-server, where `make peers` has built it."""

import asyncio
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

LLAMA_SERVER = Path(__file__).parents[2] / "var" / "peers" / "bin" / "llama-server"


@asynccontextmanager
async def open_llama_server(model: Path, *, context_tokens: int):
    """Its address, once it has loaded the model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [LLAMA_SERVER, "-m", model, "--port", port, "-c", str(context_tokens), "-t", "1", "-np", "1"]
    quiet = asyncio.subprocess.DEVNULL
    server = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(60):
            while not await _is_ready(f"http://127.0.0.1:{port}/health"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        await server.wait()


async def _is_ready(url):
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(url)).status_code == 200
        except httpx.TransportError:
            return False
