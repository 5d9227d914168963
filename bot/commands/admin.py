"""Commands with which admins decide about people and groups."""

from collections.abc import Awaitable, Callable

from bot.access import GroupState, Limits, Role
from bot.commands import CommandContext
from bot.people import identity_of
from bot.store import Code, KnownPerson
from bot.texts import say


async def pair(context: CommandContext, arguments: str) -> str:
    """Who asks to come in: list, approve, deny; and invitations."""
    action, _, rest = arguments.partition(" ")
    actions: dict[str, Callable[[CommandContext, str], Awaitable[str]]] = {
        "": _list_codes,
        "list": _list_codes,
        "approve": _approve,
        "deny": _deny,
        "invite": _invite,
    }
    if action.lower() not in actions:
        return say("command.pair_usage", context.language)
    return await actions[action.lower()](context, rest.strip())


async def users(context: CommandContext, _arguments: str) -> str:
    """Everybody who is known, and the groups."""
    people = await context.services.people.all()
    groups = await context.services.people.groups()
    if not people and not groups:
        return say("command.users_none", context.language)
    lines = [_person_line(person, context.language) for person in people]
    lines += [
        say(
            "command.users_group",
            context.language,
            title=group.title,
            chat=str(group.chat),
            state=say(f"group_state.{group.state}", context.language),
        )
        for group in groups
    ]
    return "\n".join(lines)


async def allow(context: CommandContext, arguments: str) -> str:
    """Lets a person in without a code, or makes them an admin; lifts a ban."""
    identity, _, role = arguments.partition(" ")
    if not identity or role.strip().lower() not in {"", "admin"}:
        return say("command.allow_usage", context.language)
    identity = identity_of(identity, context.chat.platform)
    granted = Role.ADMIN if role else Role.USER
    await context.services.people.allow(identity, granted)
    return say("command.allowed", context.language, identity=identity, role=say(f"role.{granted}", context.language))


async def ban(context: CommandContext, arguments: str) -> str:
    """Shuts a person out."""
    if not arguments:
        return say("command.ban_usage", context.language)
    identity = identity_of(arguments, context.chat.platform)
    if identity in {str(context.message.sender), context.visitor.person_id}:
        return say("command.ban_self", context.language)
    await context.services.people.ban(identity)
    return say("command.banned", context.language, identity=identity)


async def limits(context: CommandContext, arguments: str) -> str:
    """How much a person may ask."""
    identity, *numbers = arguments.split()[:3] or [""]
    own = _limits(numbers)
    if not identity or (own is None and numbers != ["auto"]):
        return say("command.limits_usage", context.language)
    identity = identity_of(identity, context.chat.platform)
    await context.services.people.set_limits(identity, own)
    if own is None:
        return say("command.limits_auto", context.language, identity=identity)
    return say("command.limits", context.language, identity=identity, per_minute=own.per_minute, per_day=own.per_day)


def _limits(numbers: list[str]) -> Limits | None:
    if len(numbers) != 2 or not all(number.isascii() and number.isdigit() for number in numbers):
        return None
    return Limits(per_minute=int(numbers[0]), per_day=int(numbers[1]))


async def _list_codes(context: CommandContext, _rest: str) -> str:
    codes = await context.services.people.codes()
    if not codes:
        return say("command.pair_none", context.language)
    now = context.services.clock.now()
    return "\n".join(
        say(
            f"waiting.{code.purpose}",
            context.language,
            code=code.code,
            name=_name(code),
            identity=code.identity or "",
            minutes=max(1, round((code.expires_at - now).total_seconds() / 60)),
        )
        for code in codes
    )


async def _approve(context: CommandContext, code: str) -> str:
    if not code and not context.message.is_direct:
        title = context.message.chat_title or context.chat.chat_id
        await context.services.people.set_group(context.chat, title, GroupState.APPROVED)
        return say("group.opened", context.language)
    approved = await context.services.people.approve(code)
    if approved is None or approved.chat is None:
        return say("command.pair_unknown", context.language, code=code)
    said = "group.opened" if approved.purpose == "group" else "access.welcome"
    await context.services.outbox.post(approved.chat, say(said, context.language, name=approved.name))
    return say("command.pair_approved", context.language, name=_name(approved))


async def _deny(context: CommandContext, code: str) -> str:
    denied = await context.services.people.deny(code)
    if denied is None:
        return say("command.pair_unknown", context.language, code=code)
    return say("command.pair_denied", context.language, name=_name(denied) or denied.code)


async def _invite(context: CommandContext, role: str) -> str:
    if role.lower() not in {"", "admin"}:
        return say("command.pair_usage", context.language)
    code = await context.services.people.invite(Role.ADMIN if role else Role.USER)
    return say("command.pair_invited", context.language, code=code, minutes=context.services.people.code_minutes)


def _name(code: Code) -> str:
    return f"{code.name} (@{code.username})" if code.username and code.purpose == "pair" else code.name


def _person_line(person: KnownPerson, language: str) -> str:
    return say(
        "command.users_person",
        language,
        name=person.name,
        identities=", ".join(person.identities),
        role=say(f"role.{person.role}", language),
    )
