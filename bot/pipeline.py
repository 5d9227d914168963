"""How one message travels.

`Pipeline.handle` takes an event that the inbox has stored and sees it answered exactly once. The numbers are the nine
steps of `docs/architecture.md`; step 1, the platform's update becoming an event, happened in the transport; steps 7
and 8, the engine and the streamed reply, are in `bot/answering.py`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from structlog.contextvars import bound_contextvars

from bot.answering import Answering
from bot.commands import AskAgain, Command, CommandContext, CommandOutcome, GoOn, Say, SendFile
from bot.commands.services import Services
from bot.commands.table import find
from bot.decide import Situation, decide
from bot.desk import Stopped, Ticket
from bot.domain import (
    Action,
    ButtonPressed,
    Converse,
    Ignore,
    IncomingEvent,
    IncomingMessage,
    MessageEdited,
    MessageRef,
    MessageRemoved,
    Refuse,
    Rewind,
    RunCommand,
    Withdraw,
    author_of,
)
from bot.doorway import Doorway, language
from bot.errors import BotError, StoreError
from bot.exchange import Answer, Exchange
from bot.gathering import changed
from bot.outbox import Outbox
from bot.ports import ReplySink, Transport
from bot.question import question
from bot.reply import ReplyWriter, split
from bot.replying import draft_buttons, refusal, replied
from bot.texts import for_error, say
from bot.zones import zone_of
from engines.errors import EngineError
from engines.llm.request import SamplingParams
from knowledge.errors import KnowledgeError

log = structlog.get_logger()

EXPECTED = (BotError, EngineError, KnowledgeError)
MAX_ATTEMPTS = 2
"""A message whose answer was cut off this often by the end of the program is given up, and the user is told."""


class Withdrawn(Exception):
    """The message was taken back while it waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """What applies to every chat that has not chosen otherwise."""

    persona: str
    language: str
    sampling: SamplingParams
    max_passages: int
    max_backlog_hours: float = 12


class Pipeline:
    """Answers events."""

    def __init__(
        self,
        config: PipelineConfig,
        services: Services,
        transports: Mapping[str, Transport],
        outbox: Outbox,
    ) -> None:
        self._config = config
        self._services = services
        self._store = services.store
        self._transports = transports
        self._outbox = outbox
        self._answering = Answering(services.generator, config.persona, config.language, config.sampling)
        self._doorway = Doorway(services, config.language, config.max_backlog_hours)

    async def handle(self, event: IncomingEvent) -> Answer:
        """Answers the event. Raises TransportError when not even that it failed can be said."""
        author = author_of(event)
        with (
            self._services.desk.ticket(event.chat, str(author) if author else "") as ticket,
            bound_contextvars(chat=str(event.chat)),
        ):
            try:
                return await self._answer(event, ticket)
            except StoreError as error:
                # What cannot be written down can still be said. The event stays open and is tried after a restart.
                log.exception("not stored", code=error.code)
                said = for_error(error, self._config.language)
                await self._transports[event.chat.platform].send(event.chat, said)
                return Answer(text=said, shown=said, error_code=error.code)

    async def _answer(self, event: IncomingEvent, ticket: Ticket) -> Answer:
        # 2. Seen before?
        if isinstance(event, MessageEdited | MessageRemoved):
            await ticket.called()  # what it means depends on what has been answered by then
        attempt = await self._store.inbox.begin(event)
        if attempt == 0:
            return Answer()
        # 3. Decide.
        transport = self._transports[event.chat.platform]
        situation = await self._doorway.situation(event, transport.identity, ticket)
        action = decide(event, situation)
        self._doorway.note(event, action, situation.visitor)
        if isinstance(event, ButtonPressed) and not await self._doorway.acknowledge(
            event, action, situation, transport
        ):
            action = Ignore("the press has had its effect")
        match action:
            case Ignore(reason):
                log.debug("ignored", reason=reason)
            case Withdraw(message_id):
                return await self._take_back(event, message_id, ticket)
            case Converse() | Rewind() | RunCommand() | Refuse():
                return await self._reply(event, action, situation, ticket, attempt)
            case admission:
                said = await self._doorway.admit(event, admission, transport, again=attempt > 1)
                if said:
                    return await self._reply(event, said, situation, ticket, attempt)
        await self._store.inbox.done(event)
        return Answer()

    async def _reply(
        self, event: IncomingEvent, action: Action | str, situation: Situation, ticket: Ticket, attempt: int
    ) -> Answer:
        message, reply_key = replied(event, action)
        spoken = language(message, situation.settings, self._config.language)

        async def keep_sent(sent: Sequence[MessageRef]) -> None:
            await self._store.replies.keep(reply_key, event.chat, sent)
            ticket.seen()

        opened = self._transports[event.chat.platform].open_reply(
            message,
            sent=await self._store.replies.sent(reply_key),
            keep_sent=keep_sent,
            buttons=draft_buttons(action, spoken),
        )
        try:
            async with opened as sink:
                writer = ReplyWriter(sink, self._services.clock, spoken)
                exchange = Exchange(message, situation, spoken, writer, self._services.clock)
                with bound_contextvars(request_id=exchange.request_id):
                    answer = await self._guarded(exchange, action, ticket, attempt)
                    await self._last_word(event, exchange, answer, reply_key, sink)
        except Withdrawn:
            await self._store.inbox.done(event)
            return Answer()
        return answer

    async def _last_word(
        self, event: IncomingEvent, exchange: Exchange, answer: Answer, reply_key: str, sink: ReplySink
    ) -> None:
        # 9. Remember, then say the last word.
        parts = split(answer.shown, sink.limits)
        entry_id = await self._store.conclude(
            event,
            parts,
            answer.conversation,
            answer.turns,
            absorbed=exchange.message.merged,
            buttons=answer.buttons,
            reply_key=reply_key,
            spent=answer.spent,
        )
        await self._outbox.deliver(entry_id, event.chat, sink, parts, answer.buttons)

    async def _guarded(self, exchange: Exchange, action: Action | str, ticket: Ticket, attempt: int) -> Answer:
        """The one place where errors become replies. Cancellation passes through: the program ends."""
        if attempt > MAX_ATTEMPTS:
            return exchange.plain(say("notice.interrupted", exchange.language, text=exchange.message.text[:80]))
        try:
            return await self._perform(exchange, action, ticket)
        except Stopped:
            return exchange.stopped()
        except Withdrawn:
            raise
        except EXPECTED as error:
            log.info("answered with an error", code=error.code, error=str(error))
            return exchange.plain(for_error(error, exchange.language), error.code)
        except Exception as error:
            log.exception("unexpected error")
            return exchange.plain(for_error(error, exchange.language, exchange.request_id), "error.unexpected")

    async def _perform(self, exchange: Exchange, action: Action | str, ticket: Ticket) -> Answer:
        match action:
            case str(said):
                return exchange.plain(said)
            case Refuse(code):
                return exchange.plain(refusal(action, exchange.language), code)
            case RunCommand(name, arguments):
                return await self._run(exchange, name, arguments, ticket)
            case Rewind(message_id):
                return await self._converse(exchange, ticket, rewind_to=message_id)
            case _:
                return await self._converse(exchange, ticket)

    async def _converse(self, exchange: Exchange, ticket: Ticket, rewind_to: str = "") -> Answer:
        # 4. Take the chat's turn.
        self._services.desk.check_room(ticket)
        await ticket.below()
        if ticket.ahead:
            await exchange.writer.status("status.waiting", ahead=ticket.ahead)
        elif not exchange.message.attachments:
            # At once: the replies to later messages wait for this one to stand in the chat.
            await exchange.writer.status("status.thinking")
        async with ticket.turn():
            await self._catch_up(exchange)
            conversation, _ = await self._store.chats.load(exchange.message.chat)
            # 5. Voice, picture and document to text.
            if not await self._read(exchange):
                return exchange.plain("\n".join(exchange.reading.notices))
            # 6. Conversation turn and retrieval.
            conversation = conversation.before(rewind_to)
            zone = await asyncio.to_thread(zone_of, exchange.settings.time_zone)
            now = self._services.clock.now().astimezone(zone)
            retriever = self._services.retriever
            asked = await question(exchange, conversation, retriever, self._config.max_passages, now)
            # 7. and 8.
            return await self._answering.answer(exchange, conversation, asked)

    async def _catch_up(self, exchange: Exchange) -> None:
        """Edits and removals that came while the message waited count as if it had been written so."""
        message = exchange.message
        changes = await self._store.inbox.changes(message)
        if changes:
            found = await self._store.inbox.find((message.key, *message.merged))
            now = changed([part for part in found if isinstance(part, IncomingMessage)], changes)
            if now is None:
                raise Withdrawn
            exchange.message = now

    async def _read(self, exchange: Exchange) -> bool:
        """Hears and reads what came with the message; whether there is anything to answer."""
        message = exchange.message
        transport = self._transports[message.chat.platform]
        exchange.reading = await self._services.attachments.read(
            message.attachments, transport.fetch, exchange.writer.status, exchange.language
        )
        return bool(message.text or exchange.reading.pieces)

    async def _run(self, exchange: Exchange, name: str, arguments: str, ticket: Ticket) -> Answer:
        """A command, in the chat's turn where it must wait for earlier messages."""
        message = exchange.message
        command = find(name, exchange.visitor, is_direct=message.is_direct, language=exchange.language)
        if isinstance(command, str):
            return exchange.plain(command)
        if not command.waits:
            return await self._come_of(exchange, await self._call(command, exchange, arguments))
        async with ticket.turn():
            return await self._come_of(exchange, await self._call(command, exchange, arguments))

    async def _come_of(self, exchange: Exchange, outcome: CommandOutcome) -> Answer:
        match outcome:
            case AskAgain(conversation, turn, into, notice):
                answer = await self._answering.answer(exchange, conversation, turn)
                if into is None:
                    return answer
                return replace(answer, conversation=into, shown=f"{answer.shown}\n\n{notice}", buttons=())
            case GoOn(text, conversation, turns):
                return replace(exchange.plain(text), conversation=conversation, turns=turns)
            case SendFile(name, content, caption):
                chat = exchange.message.chat
                await self._transports[chat.platform].send_file(chat, name, content)
                return exchange.plain(caption)
            case Say(text, buttons):
                return exchange.plain(text, buttons=buttons)
            case text:
                return exchange.plain(text)

    async def _call(self, command: Command, exchange: Exchange, arguments: str) -> CommandOutcome:
        conversation, settings = await self._store.chats.load(exchange.message.chat)
        context = CommandContext(
            message=exchange.message,
            visitor=exchange.visitor,
            conversation=conversation,
            settings=settings,
            system=self._answering.system(conversation),
            language=exchange.language,
            services=self._services,
            transport=self._transports[exchange.message.chat.platform],
        )
        return await command.function(context, arguments)

    async def _take_back(self, event: IncomingEvent, message_id: str, ticket: Ticket) -> Answer:
        """The user removed a message: the conversation goes on as if it had never been."""
        async with ticket.turn():
            conversation, _ = await self._store.chats.load(event.chat)
            await self._store.rewrite(event, conversation.before(message_id), conversation.after(message_id))
        return Answer()
