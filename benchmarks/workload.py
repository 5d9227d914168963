"""Seeded conversations: the same seed gives the same texts everywhere."""

import random
from dataclasses import dataclass

from engines.llm.request import ChatMessage

_TEXT = """the boiler kitchen garden letter winter morning paper window bread neighbour river street engine market
music summer doctor village mountain story question answer child water light table house green quiet small early bright
old carries opens reads writes finds keeps turns brings follows remembers under near behind after before with without
and but because while where often never slowly already"""

SYSTEM = ChatMessage("system", "You are a helpful assistant in a family's home. Answer briefly.")


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation's questions, in order."""

    session_id: str
    questions: tuple[str, ...]

    def opening(self) -> tuple[ChatMessage, ...]:
        """The messages of its first turn."""
        return SYSTEM, ChatMessage("user", self.questions[0])


def chats(count: int, *, turns: int = 1, words: int = 40, seed: int = 1) -> list[Chat]:
    """Chats whose every question has so many words, about as many tokens."""
    generator, vocabulary = random.Random(seed), _TEXT.split()
    return [
        Chat(f"chat {number}", tuple(" ".join(generator.choices(vocabulary, k=words)) + "?" for _ in range(turns)))
        for number in range(count)
    ]


def endless(count: int, *, seed: int = 1) -> list[Chat]:
    """Chats whose answers are longer than anybody measures."""
    starts = random.Random(seed).sample(range(1000, 9000), count)
    return [
        Chat(f"endless {start}", (f"Write all whole numbers from {start} to {start + 900}, one on each line.",))
        for start in starts
    ]


def visits(people: int, turns: int, *, seed: int = 1) -> list[int]:
    """Who comes, turn by turn: few come often and many seldom, by Zipf's law."""
    weights = [1 / rank for rank in range(1, people + 1)]
    return random.Random(seed).choices(range(people), weights, k=turns)
