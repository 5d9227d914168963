"""What the Bot API refuses, in our terms."""

import inspect

import httpx
import pytest
from telegram import error as sdk

from bot.transports.telegram.faults import Fault, translated

TOKEN = "123456789:AAFakeTokenForTestsOnly-0123456789abcd"


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault", "code"),
    [
        (sdk.RetryAfter(7), Fault.FLOOD, "transport.flood"),
        (sdk.ChatMigrated(-1001), Fault.MOVED, "transport.failed"),
        (sdk.InvalidToken("Unauthorized"), Fault.UNAUTHORIZED, "transport.unauthorized"),
        (sdk.Conflict("terminated by other getUpdates request"), Fault.CONFLICT, "transport.conflict"),
        (sdk.Forbidden("bot was blocked by the user"), Fault.BLOCKED, "transport.blocked"),
        (sdk.BadRequest("Chat not found"), Fault.BLOCKED, "transport.blocked"),
        (sdk.BadRequest("Message is not modified: specified new"), Fault.UNCHANGED, "transport.failed"),
        (sdk.BadRequest("Message to edit not found"), Fault.GONE, "transport.failed"),
        (sdk.BadRequest("Can't parse entities: byte offset 3"), Fault.UNPARSABLE, "transport.failed"),
        (sdk.BadRequest("File is too big"), Fault.TOO_LARGE, "transport.failed"),
        (sdk.BadRequest("BUTTON_DATA_INVALID"), Fault.REFUSED, "transport.failed"),
        (sdk.EndPointNotFound("no such call"), Fault.REFUSED, "transport.failed"),
        (sdk.NetworkError("Bad Gateway"), Fault.UNANSWERED, "transport.unreachable"),
        (caused(sdk.NetworkError("x"), httpx.ConnectError("x")), Fault.NOT_SENT, "transport.unreachable"),
        (caused(sdk.TimedOut(), httpx.ConnectTimeout("x")), Fault.NOT_SENT, "transport.unreachable"),
        (caused(sdk.TimedOut(), httpx.ReadTimeout("x")), Fault.UNANSWERED, "transport.unreachable"),
        (sdk.TelegramError("Invalid server response"), Fault.UNANSWERED, "transport.unreachable"),
        (sdk.PassportDecryptionError("x"), Fault.UNANSWERED, "transport.unreachable"),
    ],
    ids=repr,
)
def test_each_error_of_the_sdk(error, fault, code):
    """What to do about it, and under which code it is told."""
    assert (translated(error).fault, translated(error).code) == (fault, code)


def test_no_error_of_the_sdk_is_left_out():
    """The table above has a row for every class."""
    rows = next(mark for mark in test_each_error_of_the_sdk.pytestmark if mark.name == "parametrize").args[1]
    classes = {item for item in vars(sdk).values() if inspect.isclass(item) and issubclass(item, Exception)}
    assert {item for item in classes if item.__module__ == "telegram.error"} == {type(error) for error, *_ in rows}


def test_details_are_kept():
    """How long to wait, where the group went."""
    assert translated(sdk.RetryAfter(7)).retry_seconds == 7.0
    assert translated(sdk.ChatMigrated(-1001)).moved_to == -1001


def test_the_token_does_not_get_through():
    """An address in the text of an error has the token in it."""
    fault = translated(sdk.NetworkError(f"cannot connect to https://api.telegram.org/bot{TOKEN}/getMe"))
    assert TOKEN.partition(":")[2] not in f"{fault!s} {fault!r} {fault.arguments}"
    assert "cannot connect" in str(fault)
