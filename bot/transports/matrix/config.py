"""The settings of the Matrix account."""

from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixConfig:
    """The Matrix account."""

    homeserver: str = ""
    """Address of the homeserver, like https://matrix.example.org; empty: no Matrix."""
    user_id: str = ""
    """The assistant's own account, in full, like @inglenook:example.org."""
    password: SecretStr | None = None
    """From INGLENOOK_MATRIX_PASSWORD or the file named by INGLENOOK_MATRIX_PASSWORD_FILE; needed to log in once."""
    access_token: SecretStr | None = None
    """From INGLENOOK_MATRIX_ACCESS_TOKEN or the file named by INGLENOOK_MATRIX_ACCESS_TOKEN_FILE, instead of the
    password; its device must be used by nobody else."""
    encryption: Literal["required", "optional", "off"] = "required"
    """required: no word in unencrypted rooms; optional: both kinds of rooms; off: unencrypted rooms only."""
    unsigned_devices: Literal["refuse", "accept"] = "refuse"
    """What to do with messages from devices that their owner has not verified, or whose owner's identity changed:
    refuse says so and does nothing else."""
    threads: Literal["off", "inbound", "always"] = "inbound"
    """inbound: a thread is a conversation of its own; always: each question in a room's main timeline starts a thread;
    off: threads belong to the room's one conversation."""
    answers_as: Literal["text", "notice"] = "text"
    """The message type of answers. Notices notify nobody, and other bots leave them alone."""
    invites_from: tuple[str, ...] = ()
    """Whose invitations are accepted, as Matrix ids where * stands for anything, like "@*:example.org"; empty: those of
    people on the assistant's own homeserver."""
    refused_invites: Literal["ignore", "reject"] = "ignore"
    """What happens to all other invitations; to reject one tells its sender that the account is in use."""
    ignored_senders: tuple[str, ...] = ("@_*",)
    """Accounts that are never answered: other bots, and the puppets of bridges. Matrix ids, * stands for anything."""
