"""What somebody has here, as a ZIP of JSON for programs and Markdown for people."""

import asyncio
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from bot.store import Owner, RightsStore, Said

MAX_BYTES = 40_000_000
"""Below what chat platforms take as one file."""
_SAID = TypeAdapter(Said)


@dataclass(frozen=True, slots=True)
class Export:
    """The archive, and how many of the oldest conversations found no room in it."""

    content: bytes
    left_out: int


async def export(store: RightsStore, owner: Owner, max_bytes: int = MAX_BYTES) -> Export:
    """Collects one conversation after the other, the newest first; packing is done in worker threads."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        await asyncio.to_thread(_put_facts, archive, await store.facts(owner))
        waiting = await store.conversations(owner)
        for number, conversation_id in enumerate(waiting, start=1):
            said = await store.read(owner, conversation_id)
            await asyncio.to_thread(_put_conversation, archive, f"conversations/{number:04}", said)
            if packed.tell() > max_bytes:
                return Export(await asyncio.to_thread(_closed, archive, packed), len(waiting) - number)
        return Export(await asyncio.to_thread(_closed, archive, packed), 0)


def _put_facts(archive: zipfile.ZipFile, facts: Mapping[str, list[dict[str, Any]]]) -> None:
    for name, rows in facts.items():
        archive.writestr(f"{name}.json", json.dumps(rows, ensure_ascii=False, indent=2))


def _put_conversation(archive: zipfile.ZipFile, name: str, said: Said) -> None:
    archive.writestr(f"{name}.json", _SAID.dump_json(said, indent=2))
    archive.writestr(f"{name}.md", markdown(said))


def _closed(archive: zipfile.ZipFile, packed: io.BytesIO) -> bytes:
    archive.close()
    return packed.getvalue()


def markdown(said: Said) -> str:
    """A conversation as people saw it."""
    heading = f"# {said.title or said.started_at}\n\n{said.chat}, {said.started_at}"
    turns = (f"**{turn.author or turn.role}** ({turn.at.isoformat()})\n\n{turn.shown}" for turn in said.turns)
    return "\n\n".join((heading, *turns)) + "\n"
