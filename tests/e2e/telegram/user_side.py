"""What a person at the other end of Telegram can do and see, whoever plays Telegram."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

REASONS = {403: "blocked by the user", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway"}
"""What the server says when a call fails on purpose."""
_MIME_TYPES = {".ogg": "audio/ogg", ".jpg": "image/jpeg", ".png": "image/png", ".pdf": "application/pdf"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as its readers have it now."""

    message_id: int
    from_bot: bool
    text: str
    """Or the caption."""
    buttons: dict[str, str]
    """What each button carries, by its label."""
    reply_to: int | None
    thread: int | None
    file_id: str
    file_name: str
    entities: tuple[str, ...]

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Message":
        """A message in the form of the Bot API."""
        file = raw.get("document") or raw.get("voice") or {}
        rows = raw.get("reply_markup", {}).get("inline_keyboard", [])
        return cls(
            message_id=raw["message_id"],
            from_bot=raw["from"]["is_bot"],
            text=raw.get("text") or raw.get("caption") or "",
            buttons={button["text"]: button.get("callback_data", "") for row in rows for button in row},
            reply_to=raw.get("reply_to_message", {}).get("message_id"),
            thread=raw.get("message_thread_id"),
            file_id=file.get("file_id", ""),
            file_name=file.get("file_name", ""),
            entities=tuple(entity["type"] for entity in raw.get("entities", [])),
        )

    @property
    def commands(self) -> set[str]:
        """What the buttons do."""
        return {data.split(" ")[0] for data in self.buttons.values()}

    @property
    def being_written(self) -> bool:
        """Whether there is still something to stop, or nothing yet to read."""
        return "stop" in self.commands or self.text == "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a chat."""

    seq: int
    at: float
    """Seconds since the epoch."""
    kind: str
    """message, edit, delete, action, reaction, callback_answer; user_message and the like for what people do."""
    chat: int
    message: Message | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a person did: the message it made, and the number of the last event before its consequences."""

    message_id: int
    after: int


class UserSide(Protocol):
    """Telegram from the outside. People are names; a chat is the id of a group, none for the person's private one."""

    address: str
    """Where the Bot API is served, without a path."""
    token: str
    """The bot's."""
    username: str
    """The bot's, without a sign before it."""

    def text(
        self, user: str, text: str, *, chat: int | None = None, reply_to: int | None = None, thread: int | None = None
    ) -> Sent:
        """Writes."""
        ...

    def media(
        self,
        user: str,
        kind: str,
        files: Sequence[Path],
        *,
        caption: str = "",
        chat: int | None = None,
        reply_to: int | None = None,
        claimed_bytes: int | None = None,
    ) -> Sent:
        """Sends files of one kind: voice, photo, document, sticker; several are an album."""
        ...

    def location(self, user: str) -> Sent:
        """Sends where they are."""
        ...

    def edit(self, user: str, message_id: int, text: str) -> Sent:
        """Changes an own message."""
        ...

    def press(self, user: str, data: str, *, message_id: int, chat: int | None = None) -> Sent:
        """Presses the button that carries `data`."""
        ...

    def group(self, title: str, members: Sequence[str], *, topics: Sequence[str] = ()) -> tuple[int, dict[str, int]]:
        """The first member makes a group and puts the bot into it. Its id, and the ids of its topics by name."""
        ...

    def block(self, user: str) -> None:
        """Blocks the bot."""
        ...

    def unblock(self, user: str) -> None:
        """Allows it again."""
        ...

    def user(self, name: str, *, language: str = "") -> int:
        """The id of a person, who is made where there is none yet; also that of their private chat."""
        ...

    def messages(self, chat: int) -> list[Message]:
        """What stands in a chat now, oldest first."""
        ...

    def events(self, after: int = 0) -> list[Event]:
        """What happened since event number `after`."""
        ...

    def file(self, file_id: str) -> bytes:
        """What the bot sent."""
        ...

    def menu(self, user: str, *, language: str = "en") -> list[str]:
        """The commands that this person's client offers in the private chat."""
        ...

    def fault(
        self,
        method: str,
        *,
        times: int = 1,
        code: int | None = None,
        retry_after: int | None = None,
        contains: str = "",
        drop: bool = False,
    ) -> None:
        """The next `times` calls of a method fail: with a status, or by a connection that is dropped."""
        ...

    def tolerate(self, words: str) -> None:
        """Refusals whose text has these words are meant; those of `fault` and `block` are anyway."""
        ...

    def polling(self) -> bool:
        """Whether the bot is waiting for updates, with none pending."""
        ...

    def report(self) -> dict[str, Any]:
        """What the bot did that it should not have."""
        ...


def mime_type(path: Path) -> str:
    """What a client says of a file."""
    return _MIME_TYPES.get(path.suffix, "application/octet-stream")
