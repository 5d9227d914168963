"""Pure: which messages belong together, and the one message that they make.

An album arrives as one message for each picture, and nothing says which is the last. A pasted text that is longer
than the platform's limit arrives in pieces. Both are waited for, and answered as one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.domain import IncomingMessage, MessageEdited, MessageRef, MessageRemoved

WINDOW_SECONDS = 1.0
"""Parts come within a fraction of a second; one that comes later is a message of its own."""
BURST_CHARACTERS = 4000
"""A text of this length may be a piece of a longer one: Telegram cuts at 4,096."""


def expects_more(message: IncomingMessage) -> bool:
    """Whether there may be another part of this message."""
    return message.album is not None or len(message.text) >= BURST_CHARACTERS


def belongs(parts: Sequence[IncomingMessage], message: IncomingMessage) -> bool:
    """Whether the message is the next part of what has been gathered in its chat."""
    last = parts[-1]
    if message.sender.user_id != last.sender.user_id or message.album != last.album:
        return False
    return last.album is not None or (len(last.text) >= BURST_CHARACTERS and not message.text.startswith("/"))


def merged(parts: Sequence[IncomingMessage]) -> IncomingMessage:
    """All parts as one message: that of the first part with words, or of the first."""
    main = next((part for part in parts if part.text), parts[0])
    return replace(
        main,
        text="\n".join(part.text for part in parts if part.text),
        attachments=tuple(attachment for part in parts for attachment in part.attachments),
        mentions_bot=any(part.mentions_bot for part in parts),
        merged=tuple(key for part in parts for key in (part.key, *part.merged) if key != main.key),
    )


def changed(
    parts: Sequence[IncomingMessage], changes: Iterable[MessageEdited | MessageRemoved]
) -> IncomingMessage | None:
    """The message as its sender left it while it waited, with the changes dealt with; none when nothing is left."""
    left: dict[MessageRef, IncomingMessage] = {part.ref: part for part in parts}
    keys = [part.key for part in parts]
    for change in changes:
        keys.append(change.key)
        if isinstance(change, MessageRemoved):
            left.pop(change.ref, None)
        else:
            left[change.message.ref] = change.message
    if not left:
        return None
    message = merged([*left.values()])
    return replace(message, merged=tuple(key for key in keys if key != message.key))
