"""The newest user turn: what was written, heard and read, what it replies to, and the passages that may answer it."""

from datetime import datetime

from bot.domain import Conversation, Turn
from bot.exchange import Exchange
from bot.ports import Retriever
from bot.prompt import citations, quoted_text, user_text
from knowledge.types import EVERYONE


async def question(
    exchange: Exchange, conversation: Conversation, retriever: Retriever, max_passages: int, now: datetime
) -> Turn:
    """The turn, to go after those of `conversation`; `now` is aware, in the user's time zone.

    Only documents of everybody and of this chat are searched.
    """
    message, reading = exchange.message, exchange.reading
    query = "\n".join(filter(None, (message.text, reading.text("heard"))))
    scopes = (EVERYONE, str(message.chat))
    passages = await retriever.search(query, scopes, max_passages) if query else []
    sent = user_text(
        conversation,
        message.text,
        reading.pieces,
        passages,
        now=now,
        language=exchange.language,
        author="" if message.is_direct else message.sender.name,
        quoted=quoted_text(message, conversation),
        forwarded_from=message.forwarded_from,
    )
    return Turn(
        role="user",
        sent=sent,
        shown="\n".join(filter(None, (message.text, *(piece.text for piece in reading.pieces)))),
        at=now,
        message_id=message.ref.message_id,
        author=message.sender.name,
        author_id=str(message.sender),
        citations=citations(passages),
    )
