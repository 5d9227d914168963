"""Pure: what to do with an event. No I/O, so that every rule is a row of a table in its test."""

from bot.domain import (
    Action,
    Converse,
    Identity,
    Ignore,
    IncomingEvent,
    IncomingMessage,
    MessageEdited,
    MessageRemoved,
    Refuse,
    Rewind,
    RunCommand,
)


def decide(event: IncomingEvent, identity: Identity) -> Action:
    """The action for an event."""
    match event:
        case MessageRemoved():
            return Rewind(event.ref.message_id, answer=False)
        case MessageEdited():
            return _decide_message(event.message, identity, edited=True)
        case IncomingMessage():
            return _decide_message(event, identity, edited=False)
        case _:
            return Ignore("nothing to answer")


def _decide_message(message: IncomingMessage, identity: Identity, *, edited: bool) -> Action:
    if message.sender.user_id == identity.user_id:
        return Ignore("own message")
    if not message.is_direct and not message.mentions_bot and not message.text.startswith("/"):
        return Ignore("not addressed")
    if message.text.startswith("/") and not message.attachments:
        name, _, arguments = message.text[1:].partition(" ")
        name, _, addressee = name.partition("@")
        if addressee and addressee.lower() != identity.name.lower():
            return Ignore("a command for another bot")
        return RunCommand(name.lower(), arguments.strip())
    if not message.text and not message.attachments:
        return Refuse("message.unreadable")
    return Rewind(message.ref.message_id) if edited else Converse()
