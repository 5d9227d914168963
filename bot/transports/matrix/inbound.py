"""Pure: a Matrix event, decrypted, as an incoming event of ours or nothing."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from bot.domain import (
    Attachment,
    AttachmentKind,
    ButtonPressed,
    ChatKey,
    IncomingEvent,
    IncomingMessage,
    MessageEdited,
    MessageRef,
    MessageRemoved,
    Person,
)
from bot.transports.matrix.faults import PLATFORM

Event = Mapping[str, Any]
Threads = Literal["off", "inbound", "always"]

CONTROLS = {"🛑": "stop", "⏹": "stop", "✋": "stop", "🔄": "retry", "🔁": "retry", "♻": "retry"}
"""What a reaction to a message of the assistant does."""
_OTHER = {
    "m.sticker": "sticker",
    "m.location": "location",
    "m.poll.start": "poll",
    "org.matrix.msc3381.poll.start": "poll",
}
MESSAGES = frozenset({"m.room.message", *_OTHER})
"""The types that carry words of people; in encrypted rooms they count only when they came encrypted."""
_COMMAND = re.compile(r"^!(?=[a-zA-Z])")
_VARIATION = "\ufe0f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What must be known of a room to understand its events."""

    room_id: str
    own_id: str
    own_name: str
    """The assistant's display name."""
    is_direct: bool
    title: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    """Display names by Matrix id."""


@dataclass(frozen=True, slots=True)
class Target:
    """A message that another event refers to."""

    sender: str
    thread_id: str | None
    text: str


def target_id(event: Event) -> str | None:
    """The message that the event answers, edits, removes or marks."""
    content = _mapping(event.get("content"))
    if event.get("type") == "m.room.redaction":
        return _text(content.get("redacts")) or _text(event.get("redacts")) or None
    relation = _mapping(content.get("m.relates_to"))
    if relation.get("rel_type") in {"m.replace", "m.annotation"}:
        return _text(relation.get("event_id")) or None
    if relation.get("rel_type") == "m.thread" and relation.get("is_falling_back"):
        return None
    return _text(_mapping(relation.get("m.in_reply_to")).get("event_id")) or None


def described(event: Event) -> Target:
    """The event as a target of others."""
    content = _mapping(event.get("content"))
    return Target(_text(event.get("sender")), _thread_root(content), _body(content))


def read(event: Event, room: Room, threads: Threads, target: Target | None = None) -> IncomingEvent | None:
    """What happened, for those who answer; None for what is nobody's question.

    `target` describes the message with the id that `target_id` gave; None where it is unknown.
    """
    if event.get("sender") == room.own_id or "state_key" in event:
        return None
    match event.get("type"):
        case "m.room.redaction":
            return _removed(event, room, threads, target)
        case "m.reaction":
            return _pressed(event, room, threads, target)
        case kind if kind in MESSAGES:
            return _message_or_edit(event, room, threads, target)
    return None


def _removed(event: Event, room: Room, threads: Threads, target: Target | None) -> MessageRemoved | None:
    removed = target_id(event)
    if not removed or (target and target.sender == room.own_id):
        return None
    chat = _chat(room, threads, removed, target.thread_id if target else None)
    return MessageRemoved(ref=MessageRef(chat, removed), sender=_person(event, room))


def _pressed(event: Event, room: Room, threads: Threads, target: Target | None) -> ButtonPressed | None:
    key = _text(_mapping(_mapping(event.get("content")).get("m.relates_to")).get("key"))
    data = CONTROLS.get(key.replace(_VARIATION, ""))
    marked = target_id(event)
    if not data or not marked or not target or target.sender != room.own_id:
        return None
    return ButtonPressed(
        ref=MessageRef(_chat_of_answer(room, threads, target), marked),
        sender=_person(event, room),
        press_id=_text(event.get("event_id")),
        data=data,
        is_direct=room.is_direct,
    )


def _message_or_edit(
    event: Event, room: Room, threads: Threads, target: Target | None
) -> IncomingMessage | MessageEdited | None:
    content = _mapping(event.get("content"))
    event_id = _text(event.get("event_id"))
    if _mapping(content.get("m.relates_to")).get("rel_type") != "m.replace":
        root = _thread_root(content)
        return _message(event, event_id, content, room, thread_id=root, threads=threads, target=target)
    edited = target_id(event)
    if not edited or (target and target.sender != event.get("sender")):
        return None
    fresh = _mapping(content.get("m.new_content"))
    thread_id = target.thread_id if target else None
    message = _message(event, edited, fresh, room, thread_id=thread_id, threads=threads, target=None)
    return MessageEdited(message=message) if message else None


def _message(
    event: Event,
    message_id: str,
    content: Event,
    room: Room,
    *,
    thread_id: str | None,
    threads: Threads,
    target: Target | None,
) -> IncomingMessage | None:
    kind = _text(content.get("msgtype")) or _text(event.get("type"))
    if kind == "m.notice" or not message_id:
        return None
    attachment = _attachment(kind, content)
    replied = target_id(event) if target_id(event) != message_id else None
    text, quoted = _without_fallback(_caption(content) if attachment else _body(content), replied=bool(replied))
    chat = _chat(room, threads, message_id, thread_id)
    unreadable = "" if attachment or kind in {"m.text", "m.emote"} else _OTHER.get(kind, kind)
    return IncomingMessage(
        ref=MessageRef(chat, message_id),
        sender=_person(event, room),
        sent_at=_sent_at(event),
        text="" if unreadable else _as_command(_without_address(text, room)),
        attachments=(attachment,) if attachment else (),
        reply_to=MessageRef(chat, replied) if replied else None,
        quoted=(target.text if target else "") or quoted,
        unreadable=unreadable,
        is_direct=room.is_direct,
        mentions_bot=_mentions(content, text, room) or (target is not None and target.sender == room.own_id),
        chat_title="" if room.is_direct else room.title,
    )


def _chat(room: Room, threads: Threads, message_id: str, thread_id: str | None) -> ChatKey:
    if threads == "off":
        return ChatKey(PLATFORM, room.room_id)
    if threads == "always" and thread_id is None:
        return ChatKey(PLATFORM, room.room_id, message_id)
    return ChatKey(PLATFORM, room.room_id, thread_id)


def _chat_of_answer(room: Room, threads: Threads, target: Target) -> ChatKey:
    return ChatKey(PLATFORM, room.room_id, None if threads == "off" else target.thread_id)


def _attachment(kind: str, content: Event) -> Attachment | None:
    info = _mapping(content.get("info"))
    file = _mapping(content.get("file"))
    url = _text(file.get("url")) or _text(content.get("url"))
    if kind not in {"m.audio", "m.video", "m.image", "m.file"} or not url:
        return None
    mime_type = _text(info.get("mimetype"))
    duration_ms = _number(info.get("duration"))
    secret = {"key": _mapping(file.get("key")).get("k"), "iv": file.get("iv"), "hashes": file.get("hashes")}
    return Attachment(
        kind=_attachment_kind(kind, mime_type),
        handle=json.dumps({"url": url, **(secret if file else {})}),
        file_name=_text(content.get("filename")) or _text(content.get("body")),
        mime_type=mime_type,
        size_bytes=None if (size := _number(info.get("size"))) is None else int(size),
        duration_seconds=None if duration_ms is None else duration_ms / 1000,
    )


def _attachment_kind(kind: str, mime_type: str) -> AttachmentKind:
    family = kind.removeprefix("m.") if kind != "m.file" else mime_type.partition("/")[0]
    if family in {"audio", "video"}:
        return AttachmentKind.VOICE
    return AttachmentKind.IMAGE if family == "image" else AttachmentKind.DOCUMENT


def _caption(content: Event) -> str:
    """Where a file name stands of its own, the body is a caption."""
    name, body = _text(content.get("filename")), _text(content.get("body"))
    return body if name and name != body else ""


def _without_fallback(body: str, *, replied: bool) -> tuple[str, str]:
    """The text, and what older clients quote above it."""
    lines = body.split("\n")
    quoted = [line for line in lines if line.startswith("> ")]
    if not replied or not body.startswith("> <") or "" not in lines:
        return body, ""
    first, *more = quoted
    return "\n".join(lines[lines.index("") + 1 :]), "\n".join([first.partition("> ")[2], *(m[2:] for m in more)][1:])


def _without_address(text: str, room: Room) -> str:
    """The text without the assistant's name in front."""
    for name in _own_names(room):
        found = re.match(rf"@?{re.escape(name)}(?:\s*[:,]\s*|\s+(?=[/!]))", text, re.IGNORECASE)
        if found:
            return text[found.end() :]
    return text


def _mentions(content: Event, text: str, room: Room) -> bool:
    listed = _mapping(content.get("m.mentions")).get("user_ids")
    if isinstance(listed, list) and room.own_id in listed:
        return True
    if f"matrix.to/#/{room.own_id}" in _text(content.get("formatted_body")):
        return True
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) for name in _own_names(room))


def _own_names(room: Room) -> list[str]:
    localpart = room.own_id[1:].partition(":")[0]
    return [name for name in (room.own_id, room.own_name, localpart) if name]


def _as_command(text: str) -> str:
    """Clients keep the slash for themselves; an exclamation mark does the same."""
    return _COMMAND.sub("/", text)


def _thread_root(content: Event) -> str | None:
    relation = _mapping(content.get("m.relates_to"))
    return _text(relation.get("event_id")) or None if relation.get("rel_type") == "m.thread" else None


def _person(event: Event, room: Room) -> Person:
    user_id = _text(event.get("sender"))
    return Person(PLATFORM, user_id, room.names.get(user_id) or user_id, user_id.removeprefix("@"))


def _sent_at(event: Event) -> datetime:
    return datetime.fromtimestamp((_number(event.get("origin_server_ts")) or 0) / 1000, UTC)


def _body(content: Event) -> str:
    return _text(content.get("body"))


def _mapping(value: Any) -> Event:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
