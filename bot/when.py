"""Words that say when, in English and Chinese: `tomorrow 9:00 call the dentist` to a time and what is left.

Two steps. A pattern finds the words that can only be a time, at the beginning or the end of the text; dateparser turns
them into a date. The pattern comes first because dateparser guesses: it makes a month of `at 9` and 17:00 of
`tonight at 8` at 17:00. Chinese words are written in English ones for it, since it knows few of them.

Importing dateparser takes a fifth of a second: call from a thread.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from typing import Any, Final

from bot import chinese_time
from bot.errors import ReminderError

MAX_TEXT_CHARS: Final = 1000

_UNIT = r"(?:seconds?|secs?|minutes?|mins?|m|hours?|hrs?|h|days?|weeks?|months?)"
_SPAN = rf"(?:(?:\d{{1,4}}(?:\.\d)?|an?|half an) ?{_UNIT})"
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:[a-z]{2,6})?\.?"
_WEEKDAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
_ISO_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_ORDINAL = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_PART = r"(?:morning|afternoon|evening|night)"
_DATE = (
    rf"(?:on )?(?:the )?(?:{_ISO_DATE}|{_ORDINAL} (?:of )?{_MONTH}(?: \d{{4}})?"
    rf"|{_MONTH} {_ORDINAL}(?:,? \d{{4}})?)"
)
_DAY = (
    rf"(?:{_DATE}|today|tonight|this {_PART}|(?:the )?day after tomorrow|tomorrow|(?:on )?(?:next |this )?{_WEEKDAY})"
    rf"(?: (?:in the )?{_PART})?"
)
_CLOCK = r"(?:(?:at )?(?:\d{1,2}:\d{2}(?: ?[ap]m)?|\d{1,2} ?[ap]m|noon|midnight)|at \d{1,2}(?: o'?clock)?)"
_ENGLISH = rf"(?:in {_SPAN}(?:(?:,? and |,? ){_SPAN})*|{_DAY}|{_CLOCK})"

_ENGLISH_PHRASE = rf"{_ENGLISH}(?:,? {_ENGLISH}){{0,2}}"
_BEGINS = re.compile(rf"(?P<phrase>{_ENGLISH_PHRASE})(?!\w|[:.-]\w)[ ,:]*(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(rf"(?P<rest>.*?\S)[ ,]+(?P<phrase>{_ENGLISH_PHRASE})[.!]?", re.IGNORECASE | re.DOTALL)
_CHINESE_BEGINS = re.compile(rf"(?P<phrase>{chinese_time.PHRASE})[\s，,：:]*(?P<rest>.*)", re.DOTALL)
_CHINESE_ENDS = re.compile(rf"(?P<rest>.*?\S)[\s，,]+(?P<phrase>{chinese_time.PHRASE})[。！]?", re.DOTALL)
_COURTESY = re.compile(r"(?:me |to |that |请?(?:提醒|叫)我)\s*", re.IGNORECASE)
_STOPWATCH = re.compile(r"in .*(?:sec|min|hour|hr|\d ?[hm]\b)")
_EVERY = re.compile(r"every\b|每", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be reminded of."""

    due: datetime
    """Aware, UTC."""
    text: str


def parted(text: str, now: datetime, zone: tzinfo) -> Wish:
    """The time in the text and the rest of it. `now` is aware; times are those of clocks in the zone.

    Raises ReminderError where there is no clear time, no text, or the time is past.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise ReminderError("remind.too_long", limit=MAX_TEXT_CHARS)
    text = _without_courtesy(text)
    if _EVERY.match(text):
        raise ReminderError("remind.every")
    for phrase, rest in _candidates(text, now.astimezone(zone).date()):
        due = _due(phrase, now, zone)
        if due is None:
            continue
        if due <= now:
            raise ReminderError("remind.past")
        if not rest:
            raise ReminderError("remind.no_text")
        return Wish(due, rest)
    raise ReminderError("remind.unclear")


def _candidates(text: str, today: date) -> Iterator[tuple[str, str]]:
    """English phrases of time with the rest of the text, the likeliest first."""
    in_chinese: Callable[[re.Match[str]], str] = partial(chinese_time.translated, today=today)
    for pattern, translated in (
        (_BEGINS, _plain),
        (_CHINESE_BEGINS, in_chinese),
        (_ENDS, _plain),
        (_CHINESE_ENDS, in_chinese),
    ):
        match = pattern.fullmatch(text)
        phrase = translated(match) if match else ""
        if match and phrase:
            yield phrase, _without_courtesy(match["rest"])


def _without_courtesy(text: str) -> str:
    return _COURTESY.sub("", text.strip(), count=1) if _COURTESY.match(text.strip()) else text.strip()


def _plain(match: re.Match[str]) -> str:
    """An English phrase in the words that dateparser reads right."""
    phrase = re.sub(r"\bhalf an hour", "30 minutes", match["phrase"].lower())
    phrase = re.sub(r"\b(next|this|the) (?=[a-z])(?!morning|afternoon|evening|night)|o'?clock", "", phrase)
    evening = re.search(r"tonight|afternoon|evening|night\b", phrase)
    half = "pm" if evening else "am" if "morning" in phrase else ""
    phrase = re.sub(r"tonight|this (morning|afternoon|evening|night)", "today", phrase)
    phrase = re.sub(r"(in the )?\b(morning|afternoon|evening|night)\b", "", phrase)
    phrase = re.sub(r"\bat (\d{1,2})(?!\d|:| ?[ap]m)", r"at \1:00", phrase)
    if half:
        phrase = re.sub(r"\b(0?\d|1[0-2])(:\d\d)(?! ?[ap]m)", rf"\1\2 {half}", phrase)
    return " ".join(phrase.split())


def _due(phrase: str, now: datetime, zone: tzinfo) -> datetime | None:
    """When that is; none without a clear time. Hours and minutes from now pass as they do on a stopwatch."""
    stopwatch = _STOPWATCH.match(phrase) and not re.search(_CLOCK, phrase)
    # dateparser takes the time that it is now for none at all; no phrase names this microsecond.
    base = now.astimezone(UTC if stopwatch else zone).replace(microsecond=1, tzinfo=None)
    try:
        found = _parser_from(base).get_date_data(phrase)
        clear = found.period == "time" or (phrase.startswith("in ") and found.period in {"day", "week", "month"})
        if found.date_obj is None or not clear:
            return None
        # An hour that the clock shows twice is the first one, unless that is past.
        first, second = (_utc(found.date_obj.replace(fold=fold), UTC if stopwatch else zone) for fold in (0, 1))
    except (ValueError, OverflowError):
        return None
    return first if first > now else second


def _utc(naive: datetime, zone: tzinfo) -> datetime:
    return naive.replace(microsecond=0, tzinfo=zone).astimezone(UTC)


def _parser_from(base: datetime) -> Any:
    from dateparser.date import DateDataParser  # noqa: PLC0415 - a fifth of a second

    return DateDataParser(
        languages=["en"],
        settings={
            "RELATIVE_BASE": base,
            "PREFER_DATES_FROM": "future",
            "RETURN_TIME_AS_PERIOD": True,
            "PARSERS": ["relative-time", "absolute-time"],
        },
    )
