"""The model's part of an answer: the prompt that fits, the engine, and the streamed reply."""

from contextlib import aclosing
from dataclasses import replace

from bot.conversation import trimmed
from bot.domain import ChatSettings, Conversation, Turn
from bot.exchange import Answer, Exchange
from bot.ports import Generator
from bot.prompt import messages, system_text
from bot.texts import say
from engines.llm.request import ChatMessage, GenerationRequest, SamplingParams


class Answering:
    """Asks the model. Persona, language and sampling apply where a chat has not chosen otherwise."""

    def __init__(self, generator: Generator, persona: str, language: str, sampling: SamplingParams) -> None:
        self._generator = generator
        self._persona = persona
        self._language = language
        self._sampling = sampling

    async def answer(self, exchange: Exchange, conversation: Conversation, asked: Turn) -> Answer:
        """The answer to a turn that goes after those of `conversation`. Raises EngineError."""
        # 7. The engine.
        fitted, prompt = await self._fitted(conversation, asked)
        exchange.ask(fitted, asked)
        dropped = fitted.trimmed_turns - conversation.trimmed_turns
        notice = say("notice.trimmed", exchange.language, turns=dropped) if dropped else ""
        request = GenerationRequest(
            session_id=conversation.conversation_id, messages=prompt, sampling=self._sampling_for(exchange.settings)
        )
        # 8. The streamed reply. Leaving the stream aborts the sequence.
        async with aclosing(self._generator.stream(request)) as events:
            finished = await exchange.writer.write(events)
        return exchange.answered(finished, notice)

    def system(self, conversation: Conversation) -> str:
        """The conversation's standing orders."""
        # One language for all: were it the message's, a change of language would move the prefix.
        return system_text(conversation.persona or self._persona, self._language)

    async def _fitted(self, conversation: Conversation, asked: Turn) -> tuple[Conversation, tuple[ChatMessage, ...]]:
        """The conversation, shortened where it must be, and its prompt."""
        room = max(self._generator.context_tokens - self._sampling.max_tokens, self._generator.context_tokens // 2)
        while True:
            prompt = messages(self.system(conversation), conversation, asked.sent)
            tokens = await self._generator.count_tokens(prompt)
            if tokens <= room or not conversation.turns:
                return conversation, prompt
            conversation = trimmed(conversation, prompt, tokens, room)

    def _sampling_for(self, settings: ChatSettings) -> SamplingParams:
        if settings.temperature is None:
            return self._sampling
        return replace(self._sampling, temperature=settings.temperature)
