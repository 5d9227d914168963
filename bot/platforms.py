"""The chat platforms that the configuration asks for. Each is imported only where it is used: imports take time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bot.access import Role, Visitor
from bot.commands import usable
from bot.commands.table import COMMANDS
from bot.config import Settings
from bot.people import People
from bot.ports import Clock, Transport
from bot.texts import LANGUAGES, say

if TYPE_CHECKING:
    from bot.transports.telegram.menus import Menus


@asynccontextmanager
async def open_platforms(settings: Settings, people: People, clock: Clock) -> AsyncIterator[Mapping[str, Transport]]:
    """The transports of all configured platforms, by name. None of them is contacted before it is used."""
    transports: dict[str, Transport] = {}
    async with AsyncExitStack() as stack:
        if settings.telegram.token is not None:
            from bot.transports.telegram.transport import open_telegram  # noqa: PLC0415

            async def menus() -> "Menus":
                return await _telegram_menus(people, settings.language)

            token = settings.telegram.token.get_secret_value()
            opening = open_telegram(settings.telegram, token, clock, menus)
            transports["telegram"] = await stack.enter_async_context(opening)
        if settings.matrix.homeserver:
            from bot.transports.matrix.transport import MatrixSentences, open_matrix  # noqa: PLC0415

            sentences = MatrixSentences(
                **{name: say(f"matrix.{name}", settings.language) for name in MatrixSentences.__slots__}
            )
            folder = settings.data_dir / "matrix"
            joining = open_matrix(settings.matrix, folder, sentences, _admitted(settings, "matrix"))
            transports["matrix"] = await stack.enter_async_context(joining)
        yield transports


def _admitted(settings: Settings, platform: str) -> list[str]:
    """The ids on this platform of those whom the configuration names."""
    named = (person.partition("/") for person in (*settings.access.admins, *settings.access.allowed))
    return [unquote(user_id) for on, _, user_id in named if on == platform]


def is_any(settings: Settings) -> bool:
    """Whether there is a chat platform beside the terminal."""
    return settings.telegram.token is not None or bool(settings.matrix.homeserver)


async def _telegram_menus(people: People, language: str) -> "Menus":
    from bot.transports.telegram.menus import Menus  # noqa: PLC0415

    anybody, admin = (Visitor(person_id="", name="", role=role) for role in (Role.USER, Role.ADMIN))
    chats = await people.admin_chats()
    return Menus(
        private=_rows(anybody, language, is_direct=True),
        groups=_rows(anybody, language, is_direct=False),
        admins=_rows(admin, language, is_direct=True),
        admin_chats=[chat.chat_id for chat in chats if chat.platform == "telegram"],
    )


def _rows(visitor: Visitor, default: str, *, is_direct: bool) -> dict[str, list[tuple[str, str]]]:
    """Commands with what they do, in each language; for all other languages those of the default one."""
    commands = usable(COMMANDS, visitor, is_direct=is_direct)
    languages = {"": default} | {language: language for language in LANGUAGES if language != default}
    return {
        shown_to: [(command.name, say(f"help.{command.name}", language)) for command in commands]
        for shown_to, language in languages.items()
    }
