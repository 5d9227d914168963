"""What can go wrong in the conversation.

BotError
├── ConfigError
├── StoreError
├── AttachmentError
├── ChatBusy
├── FeatureMissing
├── ReminderError
└── TransportError

An error is a stable `code` and the `arguments` of its sentence. The sentences here are for the log; what a user reads
stands in `bot/texts/` under the same code, with the same argument names.
"""

from collections.abc import Mapping
from typing import ClassVar


class BotError(Exception):
    """Root of everything the conversation raises on purpose."""

    sentences: ClassVar[Mapping[str, str]] = {}

    def __init__(self, code: str, **arguments: str | float) -> None:
        super().__init__(code)
        self.code = code
        self.arguments = arguments
        self.sentence = self.sentences[code].format(**arguments)

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class ConfigError(BotError):
    """The configuration cannot be used; the sentence names the key path, what was found and what is accepted."""

    sentences = {
        "config.missing": "no configuration file at {path}",
        "config.unreadable": "{path} cannot be read: {detail}",
        "config.syntax": "{path} is not YAML: {detail}",
        "config.value": "{key}: found {found}; {accepted}",
        "config.unknown_key": "{key} is not a setting; {accepted}",
        "config.secret_file": "{key}: the file {path} cannot be read: {detail}",
        "config.secret_in_file": "{key} is a secret and belongs in the environment as {variable}",
    }


class StoreError(BotError):
    """The database or the data directory cannot be used."""

    sentences = {
        "store.newer": "{path} was written by a newer version (schema {found})",
        "store.broken": "{path} does not open: {detail}",
        "store.disk_full": "the disk of {path} is full",
        "store.locked": "another Inglenook (process {pid}) uses {path}",
        "store.forbidden": "no permission to write to {path}",
    }


class AttachmentError(BotError):
    """An attachment that is not taken."""

    sentences = {
        "attachment.too_large": "{name} has {size_mb:.1f} MB, {limit_mb:.0f} MB are allowed",
        "attachment.platform_limit": "{name}: {platform} gives bots files up to {limit_mb:.0f} MB",
        "attachment.missing": "no file at {name}",
        "attachment.unreadable": "no permission to read {name}",
    }


class ChatBusy(BotError):
    """The chat's queue is full; the message was not taken."""

    sentences = {"chat.busy": "{waiting} messages of this chat are waiting"}


class FeatureMissing(BotError):
    """Something that this machine cannot do."""

    sentences = {"feature.missing": "not on this machine: {reason}"}


class ReminderError(BotError):
    """A reminder that is not made."""

    sentences = {
        "remind.unclear": "no clear time in it",
        "remind.past": "the time is past",
        "remind.no_text": "nothing to be reminded of",
        "remind.every": "a repeated reminder",
        "remind.too_long": "more than {limit} characters",
        "remind.too_many": "{limit} reminders of this person wait",
    }


class TransportError(BotError):
    """A platform refused or failed."""

    sentences = {
        "transport.failed": "{platform} failed: {detail}",
        "transport.blocked": "{platform} does not let us write to this chat: {detail}",
        "transport.closed": "{platform} is gone",
        "transport.unreachable": "{platform} cannot be reached: {detail}",
        "transport.unauthorized": "{platform} does not accept the token: {detail}",
        "transport.conflict": "another program takes the messages of this {platform} account: {detail}",
        "transport.flood": "{platform} wants no messages for {seconds:.0f} s",
        "transport.unencrypted": "the {platform} room {room} is not of the configured kind, encrypted or not",
        "transport.unreadable": "messages of {count} senders on {platform} cannot be decrypted",
        "transport.foreign_identity": "the {platform} account {account} has a cross-signing identity from elsewhere",
    }
