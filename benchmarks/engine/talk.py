"""A conversation that goes on, with whatever the contender answered in it."""

from dataclasses import dataclass, field

from benchmarks.engine.contenders import Contender, Timing
from benchmarks.workload import SYSTEM
from engines.llm import ChatMessage


@dataclass(slots=True)
class Talk:
    """The messages so far, and the tokens that the contender has seen of them."""

    session_id: str
    messages: list[ChatMessage] = field(default_factory=lambda: [SYSTEM])
    seen_tokens: int = 0

    async def turn(self, contender: Contender, question: str, tokens: int) -> tuple[Timing, int]:
        """The answer, and how many prompt tokens were new."""
        self.messages.append(ChatMessage("user", question))
        timing = await contender.ask(self.session_id, self.messages, tokens)
        self.messages.append(ChatMessage("assistant", timing.text))
        new_tokens = timing.prompt_tokens - self.seen_tokens
        self.seen_tokens = timing.prompt_tokens + timing.completion_tokens
        return timing, new_tokens
