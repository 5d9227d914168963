"""What a homeserver and the SDK answer instead of a result, as the errors of this project."""

from collections.abc import Mapping
from typing import Any

from aiohttp import ClientError
from nio import ErrorResponse
from nio.exceptions import EncryptionError, LocalProtocolError, ProtocolError

from bot.errors import TransportError

PLATFORM = "matrix"
NETWORK = (ClientError, TimeoutError, OSError)
"""What the HTTP client raises when the homeserver cannot be reached."""
SDK = (*NETWORK, EncryptionError, LocalProtocolError, ProtocolError)
"""Everything that a call of the SDK raises on purpose."""
_LOGGED_OUT = {"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"}


def failed(detail: str) -> TransportError:
    """A failure that may pass."""
    return TransportError("transport.failed", platform=PLATFORM, detail=detail)


def refused(code: str | None, detail: str) -> TransportError:
    """What the homeserver's error code means."""
    if code in _LOGGED_OUT:
        return TransportError("transport.unauthorized", platform=PLATFORM, detail=detail)
    return failed(f"{code or 'error'} {detail}")


def translated(error: Exception) -> TransportError:
    """An exception of the SDK."""
    detail = str(error) or type(error).__name__
    if isinstance(error, NETWORK):
        return TransportError("transport.unreachable", platform=PLATFORM, detail=detail)
    return failed(detail)


def of_response(response: ErrorResponse) -> TransportError:
    """An error that the SDK returns instead of raising."""
    return refused(response.status_code, response.message)


def of_answer(answer: Mapping[str, Any]) -> TransportError:
    """An error answer in the homeserver's own words."""
    return refused(str(answer.get("errcode", "")), str(answer.get("error", "")))


def is_logged_out(error: TransportError) -> bool:
    """Whether trying again is useless: the account's token is no longer accepted."""
    return error.code == "transport.unauthorized"
