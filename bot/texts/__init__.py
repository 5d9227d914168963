"""Every sentence that a user can read, by code and language."""

import re
from datetime import datetime
from typing import Literal, Protocol

from bot.texts import en, zh

Language = Literal["en", "zh"]

LANGUAGES: dict[str, dict[str, str]] = {"en": en.SENTENCES, "zh": zh.SENTENCES}

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_JAPANESE = re.compile(r"[\u3040-\u30ff]")


class Sayable(Protocol):
    """An error of one of the three packages."""

    code: str
    arguments: dict[str, str | float]


def say(code: str, language: str = "en", /, **arguments: str | float) -> str:
    """The sentence; English where the language has none. An unknown code is a KeyError: a mistake of the program."""
    sentences = LANGUAGES.get(language, en.SENTENCES)
    return sentences[code].format(**arguments)


def for_error(error: Exception, language: str = "en", request_id: str = "") -> str:
    """What to tell the user about an error: its own sentence, or the general apology for one that nobody expected."""
    code = getattr(error, "code", "")
    if code not in en.SENTENCES:
        return say("error.unexpected", language, request_id=request_id or "-")
    return say(code, language, **getattr(error, "arguments", {}))


def moment(at: datetime, language: str) -> str:
    """A day with its weekday, and the time on it, in the zone that `at` has."""
    weekday = say(f"weekday.{at.weekday()}", language)
    return say("moment", language, weekday=weekday, date=f"{at:%Y-%m-%d}", time=f"{at:%H:%M}")


def language_of(text: str, default: str) -> str:
    """The language to answer in: Chinese for a text with Chinese characters, else the default."""
    if _CHINESE.search(text) and not _JAPANESE.search(text):
        return "zh"
    return "en" if default == "zh" and text.strip() and text.isascii() else default
