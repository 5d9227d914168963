"""What commands and answers share: the parts of the running program behind their ports."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.attachments import AttachmentReader
from bot.desk import ChatDesk
from bot.health import Ping
from bot.outbox import Outbox
from bot.people import People
from bot.ports import Clock, Generator, Models, Retriever
from bot.store import Store
from bot.uploads import Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Wired by `bot.app`, or by a test."""

    store: Store
    people: People
    outbox: Outbox
    """For what is said in other chats than the command's."""
    generator: Generator
    models: Models
    retriever: Retriever
    uploads: Uploads
    attachments: AttachmentReader
    desk: ChatDesk
    clock: Clock
    pings: Mapping[str, Ping]
    """The health of each part, by the part's name."""
    hosts: tuple[str, ...] = ()
    """What the assistant itself contacts, as configured."""
    typed: tuple[Path, ...] = ()
    """Files beside the store that hold what was typed at the terminal."""
