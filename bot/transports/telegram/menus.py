"""The menus of commands that clients show, one for each audience and language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from telegram import (
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeDefault,
)

from bot.transports.telegram.client import Client
from bot.transports.telegram.faults import TelegramFault

log = structlog.get_logger()

Rows = Sequence[tuple[str, str]]
"""Names of commands, and what they do."""

_NAME = re.compile(r"[a-z0-9_]{1,32}")
MAX_ROWS = 100
MAX_DESCRIPTION_CHARS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Menus:
    """What stands in the menus, by language; the empty language is for everybody else."""

    private: Mapping[str, Rows]
    groups: Mapping[str, Rows]
    admins: Mapping[str, Rows]
    admin_chats: Sequence[str] = ()
    """The private chats of the admins, who alone see their menu."""


async def publish(client: Client, menus: Menus) -> None:
    """Sets the menus that are not set already. What goes wrong is logged: the commands work without a menu."""
    for scope, by_language in _scopes(menus):
        for language, rows in by_language.items():
            try:
                await _publish(client, scope, language, _fitting(rows))
            except TelegramFault as fault:
                log.warning("menu not set", scope=scope.type, language=language, error=str(fault))


async def _publish(client: Client, scope: BotCommandScope, language: str, rows: list[tuple[str, str]]) -> None:
    if rows != await client.commands(scope, language):
        await client.set_commands(scope, language, rows)


def _scopes(menus: Menus) -> list[tuple[BotCommandScope, Mapping[str, Rows]]]:
    return [
        (BotCommandScopeDefault(), menus.private),
        (BotCommandScopeAllPrivateChats(), menus.private),
        (BotCommandScopeAllGroupChats(), menus.groups),
        *((BotCommandScopeChat(chat), menus.admins) for chat in menus.admin_chats),
    ]


def _fitting(rows: Rows) -> list[tuple[str, str]]:
    """Telegram refuses a whole menu for one row that it does not like."""
    fitting = [(name, text[:MAX_DESCRIPTION_CHARS]) for name, text in rows if _NAME.fullmatch(name) and text]
    return fitting[:MAX_ROWS]
