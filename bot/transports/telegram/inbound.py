"""Pure: an update as the Bot API sends it -> what happened, or nothing.

Updates are read as plain JSON: a field that a newer Bot API adds changes nothing here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.domain import (
    Attachment,
    AttachmentKind,
    ButtonPressed,
    ChatKey,
    ChatMoved,
    IncomingEvent,
    IncomingMessage,
    Joined,
    Left,
    MessageEdited,
    MessageRef,
    Person,
)
from bot.transports.telegram.faults import PLATFORM

Json = Mapping[str, Any]

GROUPS = ("group", "supergroup")
UNREADABLE = ("sticker", "animation", "location", "contact", "poll", "dice", "game", "story")
"""Kinds of messages that hold neither text nor a file that can be read. A place ("venue") has a location too."""


@dataclass(frozen=True, slots=True)
class Account:
    """The bot's own account."""

    user_id: int
    username: str = ""
    """Without @; empty before the first contact."""
    sees_everything: bool = False
    """Whether group privacy is off."""


def events(update: Json, account: Account) -> tuple[IncomingEvent, ...]:
    """What happened; nothing for what does not concern the assistant."""
    if "message" in update:
        return tuple(_message_events(update["message"], account))
    if "edited_message" in update:
        return tuple(_edits(update["edited_message"], account))
    if "callback_query" in update:
        return tuple(_presses(update["callback_query"]))
    if "my_chat_member" in update:
        return tuple(_memberships(update["my_chat_member"], str(update["update_id"]), account))
    return ()


def _message_events(message: Json, account: Account) -> Iterator[IncomingEvent]:
    here = str(message["chat"]["id"])
    # Both halves of the move tell it; the key is the same, so it happens once.
    if "migrate_to_chat_id" in message:
        yield ChatMoved(chat=ChatKey(PLATFORM, here), to=ChatKey(PLATFORM, str(message["migrate_to_chat_id"])))
    elif "migrate_from_chat_id" in message:
        yield ChatMoved(chat=ChatKey(PLATFORM, str(message["migrate_from_chat_id"])), to=ChatKey(PLATFORM, here))
    elif (read := _message(message, account)) is not None:
        yield read


def _edits(message: Json, account: Account) -> Iterator[IncomingEvent]:
    read = _message(message, account, at=message.get("edit_date"))
    # A live location "edits" its message all the time.
    if read is not None and not read.unreadable:
        yield MessageEdited(message=read)


def _presses(query: Json) -> Iterator[IncomingEvent]:
    message = query.get("message")
    if message is None or "data" not in query:
        return
    yield ButtonPressed(
        ref=_ref(message),
        sender=_person(query["from"]),
        press_id=query["id"],
        data=query["data"],
        is_direct=message["chat"]["type"] == "private",
        language=_language(query["from"]),
    )


def _memberships(change: Json, event_id: str, account: Account) -> Iterator[IncomingEvent]:
    chat = change["chat"]
    if chat["type"] not in (*GROUPS, "private"):
        return
    key = ChatKey(PLATFORM, str(chat["id"]))
    was, now = _is_member(change["old_chat_member"]), _is_member(change["new_chat_member"])
    if was and not now:
        yield Left(chat=key, event_id=event_id)
    elif now and not was and chat["type"] in GROUPS:
        yield Joined(
            chat=key,
            event_id=event_id,
            by=_person(change["from"]),
            title=chat.get("title", ""),
            sees_everything=account.sees_everything or change["new_chat_member"]["status"] == "administrator",
            language=_language(change["from"]),
        )


def _is_member(member: Json) -> bool:
    status = member["status"]
    return status in {"creator", "administrator", "member"} or (status == "restricted" and member["is_member"])


def _message(message: Json, account: Account, at: int | None = None) -> IncomingMessage | None:
    sender = message.get("from")
    if sender is None or sender["is_bot"] or message.get("is_automatic_forward"):
        return None
    text, mentions_bot = _text(message, account)
    attachments = tuple(_attachments(message))
    unreadable = "" if text or attachments else next((kind for kind in UNREADABLE if kind in message), "")
    if not (text or attachments or unreadable or mentions_bot):
        return None  # a service message
    answered = _answered(message)
    return IncomingMessage(
        ref=_ref(message),
        sender=_person(sender),
        sent_at=datetime.fromtimestamp(at or message["date"], UTC),
        text=text,
        attachments=attachments,
        reply_to=_ref(answered) if answered else None,
        quoted=_quoted(message, answered),
        quoted_attachments=tuple(_attachments(answered)) if answered else (),
        forwarded_from=_origin(message.get("forward_origin")),
        unreadable=unreadable,
        album=message.get("media_group_id"),
        is_direct=message["chat"]["type"] == "private",
        mentions_bot=mentions_bot or (answered or {}).get("from", {}).get("id") == account.user_id,
        chat_title=message["chat"].get("title", ""),
        language=_language(sender),
    )


def _ref(message: Json) -> MessageRef:
    thread = message.get("message_thread_id") if message.get("is_topic_message") else None
    chat = ChatKey(PLATFORM, str(message["chat"]["id"]), None if thread is None else str(thread))
    return MessageRef(chat, str(message["message_id"]))


def _person(user: Json) -> Person:
    name = " ".join(part for part in (user["first_name"], user.get("last_name", "")) if part)
    return Person(PLATFORM, str(user["id"]), name, user.get("username", ""))


def _language(user: Json) -> str | None:
    code: str = user.get("language_code", "")
    return code.partition("-")[0].lower() or None


def _text(message: Json, account: Account) -> tuple[str, bool]:
    """The text without a leading "@bot", and whether it names the bot."""
    text = message.get("text") or message.get("caption") or ""
    entities = message.get("entities") or message.get("caption_entities") or ()
    name = f"@{account.username}".lower()
    named = False
    # From the back, so that the offsets before a cut stay right.
    for entity in sorted(entities, key=lambda entity: -int(entity["offset"])):
        start, end = _span(text, entity)
        part = text[start:end].lower()
        mention = entity["type"] == "mention" and part == name
        mention = mention or (entity["type"] == "text_mention" and entity["user"]["id"] == account.user_id)
        named = named or mention or (entity["type"] == "bot_command" and part.endswith(name) and len(name) > 1)
        if mention and not text[:start].strip():
            text = text[end:].lstrip(" ,:\n")
    return text, named


def _span(text: str, entity: Json) -> tuple[int, int]:
    """Where an entity stands. Telegram counts UTF-16 units."""
    coded = text.encode("utf-16-le")
    start = 2 * int(entity["offset"])
    end = start + 2 * int(entity["length"])
    return len(coded[:start].decode("utf-16-le", "ignore")), len(coded[:end].decode("utf-16-le", "ignore"))


def _answered(message: Json) -> Json | None:
    """The message that this one replies to. In a topic every message refers to the topic's first one."""
    answered: Json | None = message.get("reply_to_message")
    return None if answered is None or "forum_topic_created" in answered else answered


def _quoted(message: Json, answered: Json | None) -> str:
    chosen: str = message.get("quote", {}).get("text", "")
    return chosen or (answered or {}).get("text", "") or (answered or {}).get("caption", "")


def _origin(origin: Json | None) -> str:
    if origin is None:
        return ""
    match origin["type"]:
        case "user":
            return _person(origin["sender_user"]).name
        case "hidden_user":
            return str(origin["sender_user_name"])
        case "chat":
            return str(origin["sender_chat"].get("title", ""))
        case _:
            return str(origin.get("chat", {}).get("title", ""))


def _attachments(message: Json) -> Iterator[Attachment]:
    if "photo" in message:
        yield _attachment(AttachmentKind.IMAGE, max(message["photo"], key=lambda size: size["width"]), "image/jpeg")
    for field, mime_type in (
        ("voice", "audio/ogg"),
        ("audio", "audio/mpeg"),
        ("video_note", "video/mp4"),
        ("video", "video/mp4"),
    ):
        if field in message:
            yield _attachment(AttachmentKind.VOICE, message[field], mime_type)
    # An animation comes as a document too.
    if "document" in message and "animation" not in message:
        yield _attachment(_kind(message["document"].get("mime_type", "")), message["document"])


def _attachment(kind: AttachmentKind, file: Json, mime_type: str = "") -> Attachment:
    duration = file.get("duration")
    return Attachment(
        kind=kind,
        handle=file["file_id"],
        file_name=file.get("file_name", ""),
        mime_type=file.get("mime_type", mime_type),
        size_bytes=file.get("file_size"),
        duration_seconds=None if duration is None else float(duration),
    )


def _kind(mime_type: str) -> AttachmentKind:
    match mime_type.partition("/")[0]:
        case "image":
            return AttachmentKind.IMAGE
        case "audio" | "video":
            return AttachmentKind.VOICE
        case _:
            return AttachmentKind.DOCUMENT
