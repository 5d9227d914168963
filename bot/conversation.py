"""Pure: how a conversation that outgrows its memory is shortened.

The model's cache holds the beginning of the conversation, so the beginning must rarely move: whole oldest exchanges
go, and many at once, so that the next turns fit without another cut.
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain import Conversation, Turn
from engines.llm.request import ChatMessage

SPARE_FRACTION = 0.25
"""Of the room for the prompt: a trim frees at least about this much more than it must."""


def trimmed(
    conversation: Conversation, prompt: Sequence[ChatMessage], prompt_tokens: int, room_tokens: int
) -> Conversation:
    """The conversation without its oldest exchanges, so that its prompt fits into `room_tokens`.

    Itself when `prompt_tokens` fit. Otherwise at least one exchange goes; single turns are not counted but estimated
    by their length, so the caller counts the new prompt and calls again if the estimate was too low.
    """
    if prompt_tokens <= room_tokens:
        return conversation
    characters_per_token = sum(len(message.text) for message in prompt) / prompt_tokens
    to_free = (prompt_tokens - room_tokens * (1 - SPARE_FRACTION)) * characters_per_token
    freed, count = 0, 0
    for exchange in _exchanges(conversation.turns):
        if freed >= to_free:
            break
        freed += sum(len(turn.sent) for turn in exchange)
        count += len(exchange)
    return replace(conversation, turns=conversation.turns[count:], trimmed_turns=conversation.trimmed_turns + count)


def _exchanges(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Each question with its answers: an answer never stays without its question."""
    exchanges: list[list[Turn]] = []
    for turn in turns:
        if turn.role == "user" or not exchanges:
            exchanges.append([])
        exchanges[-1].append(turn)
    return exchanges
