"""What can go wrong with documents.

KnowledgeError
├── DocumentUnreadable
├── SourceUnavailable
└── IndexBroken

An error is a stable `code` and the `arguments` of its sentence. The sentences here are for the log; what a user reads
stands in `bot/texts/` under the same code, with the same argument names.
"""

from collections.abc import Mapping
from typing import ClassVar


class KnowledgeError(Exception):
    """Root of everything the knowledge base raises on purpose."""

    sentences: ClassVar[Mapping[str, str]] = {}

    def __init__(self, code: str, **arguments: str | float) -> None:
        super().__init__(code)
        self.code = code
        self.arguments = arguments
        self.sentence = self.sentences[code].format(**arguments)

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class DocumentUnreadable(KnowledgeError):
    """One document that gives no text; the others are not affected."""

    sentences = {
        "document.unsupported": "{name} is of a kind that cannot be read ({kind})",
        "document.empty": "{name} is empty",
        "document.no_text": "{name} has no text, only pictures",
        "document.encrypted": "{name} is protected by a password",
        "document.damaged": "{name} is damaged: {detail}",
        "document.too_large": "{name} has {size_mb:.0f} MB, {limit_mb:.0f} MB are allowed",
        "document.too_long": "{name} has {characters} characters of text, {limit} are allowed",
        "document.timeout": "{name} took longer than {seconds:g} s to read",
    }


class SourceUnavailable(KnowledgeError):
    """A folder or file that cannot be opened."""

    sentences = {
        "source.missing": "{path} does not exist",
        "source.forbidden": "no permission to read {path}",
        "source.unknown": "{path} is not one of the knowledge base's sources",
        "source.configured": "{path} is named in the configuration; take it out there",
    }


class IndexBroken(KnowledgeError):
    """The table on disk cannot be used."""

    sentences = {
        "index.unusable": "the knowledge base at {path} does not open: {detail}",
        "index.disk_full": "the disk of {path} is full",
    }
