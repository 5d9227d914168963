"""One message while it is being answered, and what it came to."""

import secrets
from dataclasses import dataclass, field

from bot.attachments import Reading, echo
from bot.decide import Situation
from bot.domain import AnswerCost, Button, Citation, Conversation, IncomingMessage, Turn
from bot.ports import Clock
from bot.reply import ReplyWriter, cited, source_lines
from bot.replying import answer_buttons
from bot.store import Spent
from bot.texts import say
from engines.errors import EngineFailed
from engines.llm.request import Finished, FinishReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an event came to."""

    text: str = ""
    """What the model or a command said, without echo and sources."""
    shown: str = ""
    """The whole final text."""
    reading: Reading = field(default_factory=Reading)
    citations: tuple[Citation, ...] = ()
    cost: AnswerCost | None = None
    error_code: str | None = None
    conversation: Conversation | None = None
    """Where the turns go; none when there is nothing to remember."""
    turns: tuple[Turn, ...] = ()
    buttons: tuple[Button, ...] = ()
    spent: Spent | None = None
    """What the model did for it; none for sentences of our own."""


class Exchange:
    """What is known of a message so far. Lives as long as its reply is open."""

    def __init__(
        self,
        message: IncomingMessage,
        situation: Situation,
        language: str,
        writer: ReplyWriter,
        clock: Clock,
    ) -> None:
        self.message = message
        """As it is when its turn has come: edits that came before are in it."""
        self.visitor = situation.visitor
        self.settings = situation.settings
        self.language = language
        self.writer = writer
        self.request_id = secrets.token_hex(4)
        self.reading = Reading()
        self.conversation: Conversation | None = None
        """As it is before the question."""
        self.question: Turn | None = None
        self._clock = clock
        self._taken_up_at = clock.monotonic()

    def ask(self, conversation: Conversation, question: Turn) -> None:
        """From here on there is something to remember, even if the answer is stopped."""
        self.conversation, self.question = conversation, question
        heard = echo(self.reading, self.language)
        self.writer.head = f"{heard}\n\n" if heard else ""

    def plain(self, text: str, error_code: str | None = None, buttons: tuple[Button, ...] = ()) -> Answer:
        """A sentence that is no part of the conversation."""
        return Answer(text=text, shown=text, reading=self.reading, error_code=error_code, buttons=buttons)

    def answered(self, finished: Finished, notice: str = "") -> Answer:
        """The model's answer. Raises EngineFailed when it has none."""
        seconds = self._clock.monotonic() - self._taken_up_at
        if finished.reason is FinishReason.FAILED:
            raise EngineFailed(finished.error_code or "engine.failed", detail="the log knows more", seconds=seconds)
        usage = finished.usage
        cost = AnswerCost(
            prompt_tokens=usage.prompt_tokens,
            reused_tokens=usage.reused_tokens,
            evaluated_tokens=usage.evaluated_tokens,
            completion_tokens=usage.completion_tokens,
            first_token_seconds=self.writer.first_token_seconds or seconds,
            seconds=seconds,
            tier=usage.tier,
        )
        cut = say("notice.length", self.language) if finished.reason is FinishReason.LENGTH else ""
        return self._remembered(cost, cut, notice)

    def stopped(self) -> Answer:
        """What there is of an answer that somebody stopped."""
        mark = say("notice.stopped", self.language)
        return self._remembered(None, mark) if self.question else self.plain(mark)

    def _remembered(self, cost: AnswerCost | None, *notices: str) -> Answer:
        if self.conversation is None or self.question is None:
            raise RuntimeError("nothing was asked")
        text = self.writer.text.strip()
        used = cited(text, self.question.citations)
        body = text or say("notice.empty_answer", self.language)
        parts = (self.writer.head + body, *notices, source_lines(used, self.language))
        shown = "\n\n".join(part for part in parts if part)
        answer = Turn(
            role="assistant",
            sent=self.writer.text,
            shown=shown,
            at=self._clock.now(),
            citations=used,
            cost=cost,
        )
        return Answer(
            text=text,
            shown=shown,
            reading=self.reading,
            citations=used,
            cost=cost,
            conversation=self.conversation,
            turns=(self.question, answer),
            buttons=answer_buttons(self.question.message_id or "", used, self.language),
            spent=Spent(person_id=self.visitor.person_id, day=self._clock.now().date(), cost=cost),
        )
