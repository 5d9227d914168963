"""Who comes in: what is known around an event, and everything that concerns people and groups rather than talk."""

from dataclasses import replace

import structlog

from bot.access import GroupState, Role, Visitor
from bot.commands.services import Services
from bot.decide import FREE, Situation
from bot.desk import Ticket
from bot.domain import (
    Action,
    Admission,
    AskAdmins,
    ButtonPressed,
    ChatKey,
    ChatSettings,
    CloseChat,
    Conversation,
    Converse,
    Identity,
    IncomingEvent,
    IncomingMessage,
    Joined,
    LeaveGroup,
    MessageEdited,
    MoveChat,
    OfferCode,
    OpenGroup,
    Redeem,
    Refuse,
    Rewind,
    RunCommand,
    answered_message,
    author_of,
)
from bot.errors import TransportError
from bot.ports import Transport
from bot.replying import refusal
from bot.texts import language_of, say

log = structlog.get_logger()

NOBODY = Visitor(person_id="", role=Role.UNKNOWN, name="")


class Doorway:
    """Looks at everybody who comes, and opens or closes the door."""

    def __init__(self, services: Services, language: str, max_backlog_hours: float) -> None:
        self._services = services
        self._people = services.people
        self._store = services.store
        self._language = language
        self._max_backlog_seconds = max_backlog_hours * 3600
        self._told_of_backlog: set[ChatKey] = set()

    async def situation(self, event: IncomingEvent, identity: Identity, ticket: Ticket) -> Situation:
        """Everything that the decision about an event depends on. Of strangers nothing is loaded, nor kept."""
        person, message = author_of(event), answered_message(event)
        direct = event.chat if message is not None and message.is_direct else None
        situation = Situation(
            identity=identity,
            visitor=await self._people.visitor(person, direct) if person else NOBODY,
            group=None if direct else await self._people.group(event.chat),
            is_busy=ticket.ahead > 0,
            is_stale=isinstance(event, IncomingMessage | MessageEdited) and self._is_stale(message),
            stale_was_told=event.chat in self._told_of_backlog,
        )
        if situation.is_stranger:
            return situation
        conversation, settings = await self._store.chats.load(event.chat)
        last = conversation.last_question
        situation = replace(situation, settings=settings, last_question_id=last.message_id if last else None)
        if isinstance(event, MessageEdited):
            was_asked = await self._store.chats.was_asked(event.chat, event.message.ref.message_id)
            return replace(situation, before_edit=await self._store.inbox.before(event), was_asked=was_asked)
        if isinstance(event, ButtonPressed):
            return replace(situation, asker=self._asker(event, conversation))
        return situation

    def note(self, event: IncomingEvent, action: Action, visitor: Visitor) -> None:
        """Counts what is taken up, and remembers what has been said often enough."""
        match action:
            case Refuse("notice.backlog"):
                self._told_of_backlog.add(event.chat)
            case Refuse("limit.day" | "limit.minute"):
                self._people.told(visitor)
            case RunCommand(name) if name in FREE:
                pass
            case Converse() | Rewind() | RunCommand() | Refuse():
                self._people.count(visitor)

    async def acknowledge(
        self, pressed: ButtonPressed, action: Action, situation: Situation, transport: Transport
    ) -> bool:
        """Ends the presser's waiting; whether there is more to do than the word that they get with it."""
        spoken = situation.settings.language or pressed.language or self._language
        word = ""
        match action:
            case RunCommand("stop"):
                stopped = self._services.desk.stop(pressed.chat)
                word = say("command.stopped" if stopped else "command.nothing_to_stop", spoken)
            case Refuse():
                word = refusal(action, spoken)
        await transport.acknowledge(pressed, word)
        return isinstance(action, RunCommand) and not word

    async def admit(self, event: IncomingEvent, action: Admission, transport: Transport, *, again: bool) -> str:
        """Opens or closes the door; what to say to whoever wrote, if anything. `again`: an earlier try was cut off."""
        message = answered_message(event)
        match action:
            case OfferCode() if message is not None:
                return await self._offer_code(message, again=again)
            case Redeem(code) if message is not None:
                if await self._people.redeem(code, message.sender, event.chat):
                    return say(
                        "access.welcome", language(message, ChatSettings(), self._language), name=message.sender.name
                    )
                return await self._offer_code(message, again=again)
            case AskAdmins():
                return await self._ask_admins(event, message, again=again)
            case OpenGroup() if isinstance(event, Joined):
                await self._people.set_group(event.chat, event.title, GroupState.APPROVED)
                await self._services.outbox.post(event.chat, self._greeting(event))
            case LeaveGroup():
                await _leave(transport, event.chat)
            case CloseChat():
                await self._store.close_chat(event.chat)
            case MoveChat(to):
                await self._store.move_chat(event.chat, to)
                await self._services.uploads.moved(to)
        return ""

    async def _offer_code(self, message: IncomingMessage, *, again: bool) -> str:
        sender = message.sender
        code = await self._people.ask_in(sender, message.chat, again=again)
        if code is None:
            return ""
        name = f"{sender.name} (@{sender.username})" if sender.username else sender.name
        await self._tell_admins(say("access.person_asks", self._language, name=name, identity=str(sender), code=code))
        spoken = language(message, ChatSettings(), self._language)
        return say("access.code", spoken, code=code, minutes=self._people.code_minutes)

    async def _ask_admins(self, event: IncomingEvent, message: IncomingMessage | None, *, again: bool) -> str:
        """Somebody else brought the assistant into a group, or it was there before it knew of groups."""
        title = event.title if isinstance(event, Joined) else message.chat_title if message else ""
        by = author_of(event)
        code = await self._people.ask_for_group(event.chat, title, by, again=again) if by else None
        if by is None or code is None:
            return ""
        await self._tell_admins(say("access.group_asks", self._language, name=by.name, title=title, code=code))
        said = say("group.asked", self._language)
        if message is not None:
            return said
        await self._services.outbox.post(event.chat, said)
        return ""

    async def _tell_admins(self, text: str) -> None:
        for chat in await self._people.admin_chats():
            await self._services.outbox.post(chat, text)

    def _greeting(self, joined: Joined) -> str:
        spoken = joined.language or self._language
        hint = "" if joined.sees_everything else say("group.privacy", spoken)
        return "\n".join(filter(None, (say("group.opened", spoken), hint)))

    def _asker(self, pressed: ButtonPressed, conversation: Conversation) -> str:
        name, _, message_id = pressed.data.partition(" ")
        if name == "stop":
            return self._services.desk.asker(pressed.chat)
        question = conversation.question(message_id)
        return question.author_id if question else ""

    def _is_stale(self, message: IncomingMessage | None) -> bool:
        if message is None:
            return False
        return (self._services.clock.now() - message.sent_at).total_seconds() > self._max_backlog_seconds


def language(message: IncomingMessage, settings: ChatSettings, default: str) -> str:
    """The language of the assistant's own sentences: the chat's choice, else that of the message, the client, here."""
    # The name of a command is no language.
    written = message.text.partition(" ")[2] if message.text.startswith("/") else message.text
    return settings.language or language_of(written, message.language or default)


async def _leave(transport: Transport, chat: ChatKey) -> None:
    try:
        await transport.leave(chat)
    except TransportError as error:
        log.warning("group not left", chat=str(chat), error=str(error))
