"""Pure: what to do with an event. No I/O, so that every rule is a row of a table in its test."""

import re
from dataclasses import dataclass, field

from bot.access import GroupState, Role, Visitor, may_press, may_talk, over_limit
from bot.domain import (
    Action,
    AskAdmins,
    ButtonPressed,
    ChatMoved,
    ChatSettings,
    CloseChat,
    Converse,
    Identity,
    Ignore,
    IncomingEvent,
    IncomingMessage,
    Joined,
    LeaveGroup,
    Left,
    MessageEdited,
    MessageRemoved,
    MoveChat,
    OfferCode,
    OpenGroup,
    Redeem,
    Refuse,
    Rewind,
    RunCommand,
    Withdraw,
)

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@(\S+))?(?:\s+(.*))?", re.DOTALL)
"""`/name`, `/name@bot`, `/name arguments`. A path like /etc/hosts is none."""

UNREADABLE = frozenset({"sticker", "location", "contact", "poll"})
"""Kinds that have a sentence of their own."""

FREE = frozenset({"stop", "cancel", "help", "start", "sources"})
"""Commands that no limit stops: they cost next to nothing, and `stop` saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a decision depends on besides the event."""

    identity: Identity
    visitor: Visitor
    """Whoever caused the event."""
    group: GroupState | None = None
    """None: never heard of, or no group."""
    settings: ChatSettings = field(default_factory=ChatSettings)
    before_edit: IncomingMessage | None = None
    """An edited message as it was; none when it is unknown."""
    was_asked: bool = False
    """Whether an edited message has a turn in any conversation of the chat."""
    last_question_id: str | None = None
    """The message that the newest turn of the conversation answers."""
    is_busy: bool = False
    """Whether earlier messages of the chat are not answered yet."""
    asker: str = ""
    """`str()` of whoever is answered by the message under which a button was pressed."""
    is_stale: bool = False
    """Whether the event is so old that an answer would come as a surprise."""
    stale_was_told: bool = False
    """Whether the chat has heard of it."""

    @property
    def is_stranger(self) -> bool:
        """Whether nothing is known here of whoever caused the event, and nothing is to be kept."""
        return self.group is not GroupState.APPROVED and self.visitor.role in {Role.UNKNOWN, Role.BANNED}


def decide(event: IncomingEvent, situation: Situation) -> Action:
    """The action for an event."""
    match event:
        case IncomingMessage():
            return _message(event, situation)
        case MessageEdited(message=message):
            return _edited(message, situation)
        case MessageRemoved(ref=ref):
            return Withdraw(ref.message_id)
        case ButtonPressed():
            return _pressed(event, situation)
        case Joined() | Left() | ChatMoved():
            return _place(event, situation)


def _message(message: IncomingMessage, situation: Situation) -> Action:
    if message.sender.user_id == situation.identity.user_id:
        return Ignore("own message")
    command = _command(message.text, situation.identity)
    if isinstance(command, Ignore):
        return command
    if not may_talk(situation.visitor, situation.group, is_direct=message.is_direct):
        return _stranger(message, command, situation)
    if command is None and not _addressed(message, situation):
        return Ignore("not addressed")
    if situation.is_stale:
        return Ignore("old") if situation.stale_was_told else Refuse("notice.backlog")
    return _limited(command, situation) or command or _readable(message)


def _edited(message: IncomingMessage, situation: Situation) -> Action:
    """An edit counts as the message it has become, as long as nothing was said after it."""
    before = situation.before_edit
    if before is not None and _content(before) == _content(message):
        return Ignore("nothing has changed")
    action = _message(message, situation)
    if not isinstance(action, Converse):
        return action
    if situation.was_asked and message.ref.message_id != situation.last_question_id:
        return Refuse("edit.older")
    return Rewind(message.ref.message_id)


def _pressed(event: ButtonPressed, situation: Situation) -> Action:
    name, _, arguments = event.data.partition(" ")
    if not may_talk(situation.visitor, situation.group, is_direct=event.is_direct):
        return Ignore("a stranger")
    if not may_press(situation.visitor, str(event.sender), situation.asker):
        return Refuse("press.not_yours")
    if name == "retry" and situation.is_busy:
        return Refuse("press.busy")
    if name == "retry" and arguments and arguments != situation.last_question_id:
        return Refuse("press.older")
    command = RunCommand(name, arguments)
    return _limited(command, situation) or command


def _place(event: Joined | Left | ChatMoved, situation: Situation) -> Action:
    match event:
        case Joined():
            return _joined(situation)
        case Left():
            return CloseChat()
        case ChatMoved(to=to):
            return MoveChat(to)


def _joined(situation: Situation) -> Action:
    if situation.visitor.role is Role.BANNED or (
        situation.group is GroupState.REFUSED and not situation.visitor.is_admin
    ):
        return LeaveGroup()
    if situation.visitor.is_admin or situation.group is GroupState.APPROVED:
        return OpenGroup()
    return AskAdmins()


def _stranger(message: IncomingMessage, command: RunCommand | None, situation: Situation) -> Action:
    """Somebody who may not talk here."""
    if situation.visitor.role is Role.BANNED:
        return Ignore("banned")
    if message.is_direct:
        invited = command is not None and command.name == "start" and command.arguments
        return Redeem(command.arguments) if command and invited else OfferCode()
    if situation.group is None and (command or message.mentions_bot):
        return AskAdmins()
    return Ignore("a closed group")


def _command(text: str, identity: Identity) -> RunCommand | Ignore | None:
    found = _COMMAND.fullmatch(_without_address(text, identity))
    if found is None:
        return None
    name, addressee, arguments = found.groups()
    if addressee and addressee.lower() != identity.name.lower():
        return Ignore("a command for another bot")
    return RunCommand(name.lower(), (arguments or "").strip())


def _without_address(text: str, identity: Identity) -> str:
    """`@assistant /help` is a command as well."""
    address = f"@{identity.name}"
    return text[len(address) :].lstrip(" ,:") if text.lower().startswith(address.lower()) else text.strip()


def _addressed(message: IncomingMessage, situation: Situation) -> bool:
    return message.is_direct or message.mentions_bot or situation.settings.activation == "always"


def _limited(command: RunCommand | None, situation: Situation) -> Action | None:
    if command is not None and command.name in FREE:
        return None
    refusal = over_limit(situation.visitor)
    return Ignore(refusal.code) if refusal and situation.visitor.told else refusal


def _readable(message: IncomingMessage) -> Action:
    if message.text or message.attachments:
        return Converse()
    known = message.unreadable in UNREADABLE
    return Refuse(f"unreadable.{message.unreadable}" if known else "message.unreadable")


def _content(message: IncomingMessage) -> tuple[object, ...]:
    """What an edit can change. Handles may differ from one delivery to the next."""
    files = tuple((file.kind, file.file_name, file.size_bytes) for file in message.attachments)
    return message.text, files, message.mentions_bot
