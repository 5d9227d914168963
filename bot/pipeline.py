"""How one message travels.

`Pipeline.handle` takes an event that the inbox has stored and sees it answered exactly once. The numbers are the nine
steps of `docs/architecture.md`; step 1, the platform's update becoming an event, happened in the transport.
"""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog
from structlog.contextvars import bound_contextvars

from bot.access import Visitor
from bot.commands import AskAgain, Command, CommandContext, CommandOutcome, GoOn, Say, SendFile, unknown, usable
from bot.commands.services import Services
from bot.commands.table import COMMANDS
from bot.conversation import trimmed
from bot.decide import decide
from bot.desk import Stopped, Ticket
from bot.domain import (
    Action,
    ChatSettings,
    Conversation,
    Ignore,
    IncomingEvent,
    IncomingMessage,
    MessageEdited,
    Refuse,
    Rewind,
    RunCommand,
    Turn,
)
from bot.errors import BotError, StoreError
from bot.exchange import Answer, Exchange
from bot.outbox import Outbox
from bot.ports import Transport
from bot.prompt import citations, messages, system_text, user_text
from bot.reply import ReplyWriter, split
from bot.texts import for_error, language_of, say
from engines.errors import EngineError
from engines.llm.request import ChatMessage, GenerationRequest, SamplingParams
from knowledge.errors import KnowledgeError
from knowledge.types import EVERYONE

log = structlog.get_logger()

EXPECTED = (BotError, EngineError, KnowledgeError)
MAX_ATTEMPTS = 2
"""A message whose answer was cut off this often by the end of the program is given up, and the user is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """What applies to every chat that has not chosen otherwise."""

    persona: str
    language: str
    sampling: SamplingParams
    max_passages: int


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

    async def handle(self, event: IncomingEvent) -> Answer:
        """Answers the event. Raises TransportError when not even that it failed can be said."""
        with self._services.desk.ticket(event.chat) as ticket, bound_contextvars(chat=str(event.chat)):
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
        attempt = await self._store.inbox.begin(event)
        if attempt == 0:
            return Answer()
        # 3. Decide.
        match decide(event, self._transports[event.chat.platform].identity):
            case Ignore(reason):
                log.debug("ignored", reason=reason)
                await self._store.inbox.done(event)
                return Answer()
            case Rewind(message_id, answer=False):
                return await self._take_back(event, message_id, ticket)
            case action:
                return await self._reply(event, action, ticket, attempt)

    async def _reply(self, event: IncomingEvent, action: Action, ticket: Ticket, attempt: int) -> Answer:
        message = _message(event)
        _, settings = await self._store.chats.load(event.chat)
        language = settings.language or language_of(message.text, message.language or self._config.language)
        async with self._transports[event.chat.platform].open_reply(message) as sink:
            writer = ReplyWriter(sink, self._services.clock, language)
            exchange = Exchange(message, settings, language, writer, self._services.clock)
            with bound_contextvars(request_id=exchange.request_id):
                answer = await self._guarded(exchange, action, ticket, attempt)
                # 9. Remember, then say the last word.
                parts = split(answer.shown, sink.limits)
                entry_id = await self._store.conclude(event, parts, answer.conversation, answer.turns)
                await self._outbox.deliver(entry_id, sink, parts, answer.buttons)
        return answer

    async def _guarded(self, exchange: Exchange, action: Action, ticket: Ticket, attempt: int) -> Answer:
        """The one place where errors become replies. Cancellation passes through: the program ends."""
        if attempt > MAX_ATTEMPTS:
            return exchange.plain(say("notice.interrupted", exchange.language, text=exchange.message.text[:80]))
        try:
            return await self._perform(exchange, action, ticket)
        except Stopped:
            return exchange.stopped()
        except EXPECTED as error:
            log.info("answered with an error", code=error.code, error=str(error))
            return exchange.plain(for_error(error, exchange.language), error.code)
        except Exception as error:
            log.exception("unexpected error")
            return exchange.plain(for_error(error, exchange.language, exchange.request_id), "error.unexpected")

    async def _perform(self, exchange: Exchange, action: Action, ticket: Ticket) -> Answer:
        match action:
            case Refuse(code):
                return exchange.plain(say(code, exchange.language), code)
            case RunCommand(name, arguments):
                return await self._run(exchange, name, arguments, ticket)
            case Rewind(message_id):
                return await self._converse(exchange, ticket, rewind_to=message_id)
            case _:
                return await self._converse(exchange, ticket)

    async def _converse(self, exchange: Exchange, ticket: Ticket, rewind_to: str = "") -> Answer:
        # 4. Take the chat's turn.
        self._services.desk.check_room(ticket)
        if ticket.ahead:
            await exchange.writer.status("status.waiting", ahead=ticket.ahead)
        async with ticket.turn():
            conversation, _ = await self._store.chats.load(exchange.message.chat)
            # 5. Voice, picture and document to text.
            if not await self._read(exchange):
                return exchange.plain("\n".join(exchange.reading.notices))
            # 6. Conversation turn and retrieval.
            conversation = conversation.before(rewind_to)
            question = await self._question(exchange, conversation)
            # 7. and 8.
            return await self._generate(exchange, conversation, question)

    async def _read(self, exchange: Exchange) -> bool:
        """Hears and reads what came with the message; whether there is anything to answer."""
        message = exchange.message
        transport = self._transports[message.chat.platform]
        exchange.reading = await self._services.attachments.read(
            message.attachments, transport.fetch, exchange.writer.status, exchange.language
        )
        return bool(message.text or exchange.reading.pieces)

    async def _question(self, exchange: Exchange, conversation: Conversation) -> Turn:
        """The newest user turn, with the passages that may answer it."""
        message, language = exchange.message, exchange.language
        query = "\n".join(filter(None, (message.text, exchange.reading.text("heard"))))
        scopes = (EVERYONE, str(message.chat))
        passages = await self._services.retriever.search(query, scopes, self._config.max_passages) if query else []
        now = self._services.clock.now().astimezone()
        pieces = exchange.reading.pieces
        return Turn(
            role="user",
            sent=user_text(conversation, message.text, pieces, passages, now=now, language=language),
            shown="\n".join(filter(None, (message.text, *(piece.text for piece in pieces)))),
            at=now,
            message_id=message.ref.message_id,
            author=message.sender.name,
            citations=citations(passages),
        )

    async def _generate(self, exchange: Exchange, conversation: Conversation, question: Turn) -> Answer:
        # 7. The engine.
        fitted, prompt = await self._fitted(conversation, question)
        exchange.ask(fitted, question)
        dropped = fitted.trimmed_turns - conversation.trimmed_turns
        notice = say("notice.trimmed", exchange.language, turns=dropped) if dropped else ""
        request = GenerationRequest(
            session_id=conversation.conversation_id, messages=prompt, sampling=self._sampling(exchange.settings)
        )
        # 8. The streamed reply. Leaving the stream aborts the sequence.
        async with aclosing(self._services.generator.stream(request)) as events:
            finished = await exchange.writer.write(events)
        return exchange.answered(finished, notice)

    async def _fitted(self, conversation: Conversation, question: Turn) -> tuple[Conversation, tuple[ChatMessage, ...]]:
        """The conversation, shortened where it must be, and its prompt."""
        generator = self._services.generator
        room = max(generator.context_tokens - self._config.sampling.max_tokens, generator.context_tokens // 2)
        while True:
            prompt = messages(self._system(conversation), conversation, question.sent)
            tokens = await generator.count_tokens(prompt)
            if tokens <= room or not conversation.turns:
                return conversation, prompt
            conversation = trimmed(conversation, prompt, tokens, room)

    async def _run(self, exchange: Exchange, name: str, arguments: str, ticket: Ticket) -> Answer:
        """A command, in the chat's turn where it must wait for earlier messages."""
        message = exchange.message
        visitor = await self._services.people.visitor(message.sender, message.chat if message.is_direct else None)
        allowed = usable(COMMANDS, visitor, is_direct=message.is_direct)
        command = COMMANDS.get(name)
        if command is None or command not in allowed:
            return exchange.plain(unknown(name, allowed, exchange.language))
        if not command.waits:
            return await self._come_of(exchange, await self._call(command, exchange, visitor, arguments))
        async with ticket.turn():
            return await self._come_of(exchange, await self._call(command, exchange, visitor, arguments))

    async def _come_of(self, exchange: Exchange, outcome: CommandOutcome) -> Answer:
        match outcome:
            case AskAgain(conversation, turn, into, notice):
                answer = await self._generate(exchange, conversation, turn)
                shown = "\n\n".join(filter(None, (answer.shown, notice)))
                return replace(answer, conversation=into or answer.conversation, shown=shown)
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

    async def _call(self, command: Command, exchange: Exchange, visitor: Visitor, arguments: str) -> CommandOutcome:
        conversation, settings = await self._store.chats.load(exchange.message.chat)
        context = CommandContext(
            message=exchange.message,
            visitor=visitor,
            conversation=conversation,
            settings=settings,
            system=self._system(conversation),
            language=exchange.language,
            services=self._services,
            transport=self._transports[exchange.message.chat.platform],
        )
        return await command.function(context, arguments)

    async def _take_back(self, event: IncomingEvent, message_id: str, ticket: Ticket) -> Answer:
        """The user removed a message: the conversation goes on as if it had never been."""
        async with ticket.turn():
            conversation, _ = await self._store.chats.load(event.chat)
            await self._store.rewind(event, conversation.before(message_id))
        return Answer()

    def _system(self, conversation: Conversation) -> str:
        # One language for all: were it the message's, a change of language would move the prefix.
        return system_text(conversation.persona or self._config.persona, self._config.language)

    def _sampling(self, settings: ChatSettings) -> SamplingParams:
        if settings.temperature is None:
            return self._config.sampling
        return replace(self._config.sampling, temperature=settings.temperature)


def _message(event: IncomingEvent) -> IncomingMessage:
    match event:
        case MessageEdited(message=message):
            return message
        case IncomingMessage():
            return event
        case _:
            raise TypeError(f"nothing was written: {event.type}")
