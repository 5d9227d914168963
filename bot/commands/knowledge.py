"""Commands about documents."""

from itertools import pairwise
from pathlib import PurePath

from bot.commands import CommandContext
from bot.domain import Attachment, AttachmentKind
from bot.prompt import citations as numbered
from bot.reply import source_line
from bot.texts import say
from knowledge.types import EVERYONE

FOUND = 5
SNIPPET_CHARACTERS = 300


async def search(context: CommandContext, arguments: str) -> str:
    """What the documents of this chat say, without the model."""
    if not arguments:
        return say("command.search_usage", context.language)
    passages = await context.services.retriever.search(arguments, (EVERYONE, str(context.chat)), FOUND)
    if not passages:
        return say("command.nothing_found", context.language)
    return "\n\n".join(
        f"{source_line(citation, context.language)}\n{_snippet(citation.snippet)}" for citation in numbered(passages)
    )


async def sources(context: CommandContext, arguments: str) -> str:
    """Where the last answer comes from, or that to the message with this id, with the text it was made from."""
    answers = context.conversation.turns[-1:]
    if arguments:
        turns = context.conversation.turns
        answers = tuple(answer for asked, answer in pairwise(turns) if asked.message_id == arguments)
    citations = [citation for answer in answers for citation in answer.citations]
    if not citations:
        return say("command.no_sources", context.language)
    return "\n\n".join(f"{source_line(citation, context.language)}\n{citation.snippet}" for citation in citations)


async def add(context: CommandContext, _arguments: str) -> str:
    """Keeps the files of the message, or of the message that it replies to, among this chat's documents."""
    attachments = context.message.attachments or context.message.quoted_attachments
    if not attachments:
        return say("command.add_usage", context.language)
    return "\n".join([await _add(context, attachment) for attachment in attachments])


async def _add(context: CommandContext, attachment: Attachment) -> str:
    """Documents are kept as they are; of pictures and recordings the text that is in them."""
    fetched = b""

    async def fetch(wanted: Attachment) -> bytes:
        nonlocal fetched
        fetched = await context.transport.fetch(wanted)
        return fetched

    reading = await context.services.attachments.read((attachment,), fetch, _unseen, context.language)
    if not reading.pieces:
        return "\n".join(reading.notices)
    name, content = attachment.file_name, fetched
    if attachment.kind is not AttachmentKind.DOCUMENT:
        stem = PurePath(name).stem or str(attachment.kind)
        name, content = f"{stem}-{context.message.ref.message_id}.txt", reading.pieces[0].text.encode()
    passages = await context.services.uploads.keep(context.chat, context.visitor.person_id, name, content)
    code = "command.added" if passages else "command.added_unread"
    return say(code, context.language, name=name, passages=passages)


async def _unseen(_status: str) -> None:
    """A command shows no progress."""


def _snippet(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET_CHARACTERS else f"{line[: SNIPPET_CHARACTERS - 1]}…"
