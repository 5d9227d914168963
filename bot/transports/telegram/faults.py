"""What the Bot API refuses or fails, as errors of ours; no token gets through."""

import os
import re
from datetime import timedelta
from enum import StrEnum

from telegram import error as sdk

from bot.errors import TransportError

# Durations in errors are timedelta; the SDK warns as long as it is not told so.
os.environ.setdefault("PTB_TIMEDELTA", "1")

PLATFORM = "telegram"

_TOKEN = re.compile(r"\d{3,}:[A-Za-z0-9_-]{16,}")
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid", "message to delete not found")
_NOBODY = (
    "chat not found",
    "user is deactivated",
    "group chat was deactivated",
    "peer_id_invalid",
    "not enough rights",
)
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")


class Fault(StrEnum):
    """What to do about it differs."""

    UNAUTHORIZED = "unauthorized"  # the token is wrong
    CONFLICT = "conflict"  # another instance, or a webhook, takes the updates
    FLOOD = "flood"  # wait `retry_seconds`
    BLOCKED = "blocked"  # nothing can be written to this chat
    MOVED = "moved"  # the group has another id: `moved_to`
    GONE = "gone"  # the message is not there any more
    UNCHANGED = "unchanged"  # it has this form already
    UNPARSABLE = "unparsable"  # the formatting is not understood
    TOO_LARGE = "too_large"  # a file that bots do not get
    REFUSED = "refused"  # any other call that makes no sense to the server
    NOT_SENT = "not_sent"  # no connection: nothing has happened
    UNANSWERED = "unanswered"  # the connection broke or the server failed: nobody knows whether it happened


_CODES = {
    Fault.UNAUTHORIZED: "transport.unauthorized",
    Fault.CONFLICT: "transport.conflict",
    Fault.FLOOD: "transport.flood",
    Fault.BLOCKED: "transport.blocked",
    Fault.NOT_SENT: "transport.unreachable",
    Fault.UNANSWERED: "transport.unreachable",
}

_KINDS = (
    (sdk.InvalidToken, Fault.UNAUTHORIZED),
    (sdk.Conflict, Fault.CONFLICT),
    (sdk.Forbidden, Fault.BLOCKED),
    (sdk.EndPointNotFound, Fault.REFUSED),
)


class TelegramFault(TransportError):
    """A TransportError that knows what to do about it."""

    def __init__(self, fault: Fault, detail: str = "", *, retry_seconds: float = 0.0, moved_to: int = 0) -> None:
        arguments: dict[str, str | float] = {"platform": PLATFORM, "detail": detail, "seconds": retry_seconds}
        super().__init__(_CODES.get(fault, "transport.failed"), **arguments)
        self.fault = fault
        self.retry_seconds = retry_seconds
        self.moved_to = moved_to


def translated(error: Exception) -> TelegramFault:
    """The SDK's error in our terms."""
    detail = without_token(f"{type(error).__name__}: {error}")
    match error:
        case sdk.RetryAfter():
            wait = error.retry_after
            seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
            return TelegramFault(Fault.FLOOD, detail, retry_seconds=seconds)
        case sdk.ChatMigrated():
            return TelegramFault(Fault.MOVED, detail, moved_to=error.new_chat_id)
        case _:
            return TelegramFault(_fault(error), detail)


def _fault(error: Exception) -> Fault:
    for kind, fault in _KINDS:
        if isinstance(error, kind):
            return fault
    if isinstance(error, sdk.BadRequest):
        return _refusal(str(error).lower())
    return Fault.NOT_SENT if type(error.__cause__).__name__ in _NEVER_SENT else Fault.UNANSWERED


def without_token(text: str) -> str:
    """The text without anything that looks like a bot's token."""
    return _TOKEN.sub("[secret]", text)


def _refusal(reason: str) -> Fault:
    if "message is not modified" in reason:
        return Fault.UNCHANGED
    if any(known in reason for known in _GONE):
        return Fault.GONE
    if any(known in reason for known in _NOBODY):
        return Fault.BLOCKED
    if "too big" in reason:
        return Fault.TOO_LARGE
    return Fault.UNPARSABLE if "entit" in reason else Fault.REFUSED
