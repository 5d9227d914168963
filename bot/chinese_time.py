"""Chinese words for times, written in the English ones that dateparser reads: `周五下午三点半` to `friday 15:30`."""

import re
from datetime import date, timedelta

_NUMBER = r"(?:\d{1,4}|[零一二两三四五六七八九十]{1,3})"
_SPAN = rf"(?:{_NUMBER}个?半?|半个?)(?:秒钟?|分钟|小时|钟头|天|周|星期|月)"
PHRASE = (
    rf"(?:再?过(?P<through>(?:{_SPAN})+)|(?P<after>(?:{_SPAN})+)[之以]?后"
    rf"|(?:(?P<iso>\d{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))|(?P<near>今天|今日|明天|明日|大后天|后天|今(?=[早晚])|明(?=[早晚]))"
    r"|(?P<week>下下|下|这|本)?个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天])"
    rf"|(?:(?P<year>\d{{4}})年)?(?P<month>{_NUMBER})月(?P<day>{_NUMBER})[日号])?"
    r"\s*(?P<part>凌晨|早上|早晨|清晨|上午|中午|下午|傍晚|晚上|早|晚)?"
    rf"\s*(?:(?P<hour>{_NUMBER})(?:[:：](?P<minute>\d{{2}})|[点點时](?:(?P<half>半)|(?P<quarter>[一三])刻"
    rf"|(?P<minutes>{_NUMBER})分?)?)[整钟]?)?)"
)
"""A duration from now, or a day and a part of it and a clock, each of which may be absent."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_DAYS_AWAY = {"今": 0, "今天": 0, "今日": 0, "明": 1, "明天": 1, "明日": 1, "后天": 2, "大后天": 3}
_WEEKS_AWAY = {"这": 0, "本": 0, "下": 1, "下下": 2}
_UNITS = {"秒": "seconds", "分": "minutes", "小时": "hours", "钟头": "hours", "天": "days",
          "周": "weeks", "星期": "weeks", "月": "months"}  # fmt: skip
_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}


def translated(match: re.Match[str], today: date) -> str:
    """What a match of `PHRASE` says, in English; empty where it says nothing."""
    span = match["through"] or match["after"]
    if span:
        return "in " + " ".join(_from_now(part) for part in re.findall(_SPAN, span))
    return f"{_day(match, today)} {_clock(match)}".strip()


def _from_now(part: str) -> str:
    amount = re.match(_NUMBER, part)
    unit = next(name for sign, name in _UNITS.items() if sign in part)
    value = (_number(amount[0]) if amount else 0) + (0.5 if "半" in part else 0)
    return f"{value:g} {unit}"


def _day(match: re.Match[str], today: date) -> str:
    if match["near"]:
        return (today + timedelta(days=_DAYS_AWAY[match["near"]])).isoformat()
    if match["weekday"]:
        weekday = "一二三四五六日".index(match["weekday"].replace("天", "日"))
        if not match["week"]:
            return _WEEKDAYS[weekday]
        days = 7 * _WEEKS_AWAY[match["week"]] + weekday - today.weekday()
        return (today + timedelta(days=days)).isoformat()
    if match["month"]:
        month = _number(match["month"])
        name = _MONTHS[month - 1] if 1 <= month <= 12 else ""
        return f"{_number(match['day'])} {name} {match['year'] or ''}".strip() if name else "never"
    return match["iso"] or ""


def _clock(match: re.Match[str]) -> str:
    part = match["part"] or ""
    if match["hour"] is None:
        return "12:00" if part == "中午" else ""
    hour = _number(match["hour"])
    if part in {"下午", "傍晚", "晚上", "晚"} and hour <= 12:
        # Twelve at night belongs to the next day for some and to this one for others: no time at all.
        hour = hour + 12 if hour < 12 else 12 if part == "下午" else 24
    elif part == "中午" and hour < 3:
        hour += 12
    elif part == "凌晨" and hour == 12:
        hour = 0
    return f"{hour}:{_minute(match):02}"


def _minute(match: re.Match[str]) -> int:
    if match["half"]:
        return 30
    if match["quarter"]:
        return 15 * _number(match["quarter"])
    return _number(match["minute"] or match["minutes"] or "0")


def _number(text: str) -> int:
    """A number below 100 in Chinese characters, or one in digits."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (10 * _DIGITS.get(tens[-1:], 1) if ten else 0) + _DIGITS.get(ones[-1:], 0)
