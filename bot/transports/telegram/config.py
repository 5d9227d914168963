"""The settings of the Telegram bot."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import SecretStr

CLOUD = "https://api.telegram.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramConfig:
    """The Telegram bot. It runs when there is a token."""

    token: SecretStr | None = None
    """From INGLENOOK_TELEGRAM_TOKEN or the file named by INGLENOOK_TELEGRAM_TOKEN_FILE; none: no Telegram."""
    mode: Literal["polling", "webhook"] = "polling"
    """How messages arrive. Polling needs no open port; a webhook needs an HTTPS address that Telegram can reach."""
    webhook_url: str = ""
    """The public HTTPS address of the webhook, with a path; a reverse proxy leads it to webhook_listen."""
    webhook_listen: str = "127.0.0.1:8443"
    """Where the webhook listens on this machine, HOST:PORT, without TLS."""
    streaming: Literal["edits", "drafts"] = "edits"
    """How an answer grows: by edits of one message with a stop button, or, in private chats, as Telegram's drafts,
    which look livelier, have no button, and flicker in some clients."""
    poll_seconds: Annotated[int, Ge(1), Le(50)] = 30
    """How long one question for new messages stays open. Shorter costs more requests, longer notices a dead
    connection later."""
    base_url: str = f"{CLOUD}/bot"
    """The Bot API; the token follows. Another one for a Bot API server of your own."""
    base_file_url: str = f"{CLOUD}/file/bot"
    """Where files are downloaded; the token follows."""
    local_mode: bool = False
    """The Bot API server of your own runs with --local, on this machine: files of any size, read from the disk."""
