"""Words that say when."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ReminderError
from bot.when import MAX_TEXT_CHARS, parted
from bot.zones import nearest_zone, zone_named, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
"""A Sunday; 17:00 in Berlin."""

WORDS = (
    "in at on next every tomorrow tonight today noon friday sunday may dec december 3rd 9 9:00 25:00 6pm am an half "
    "hour 20 minutes days 2026-12-01 call me to the 明天 后天 下周一 周五 上午 下午 晚上 九点 9点半 20分钟后 过 半小时 "
    "12月24日 给妈妈打电话 提醒我 每天 , ， : - 十 x"
)


def local(text, now=NOW, zone=BERLIN):
    """When, on the clocks of the zone, and what."""
    wish = parted(text, now, zone)
    return f"{wish.due.astimezone(zone):%Y-%m-%d %H:%M}", wish.text


@pytest.mark.parametrize(
    ("text", "when", "what"),
    [
        ("tomorrow 9:00 call the dentist", "2026-11-23 09:00", "call the dentist"),
        ("call the dentist tomorrow at 9", "2026-11-23 09:00", "call the dentist"),
        ("me to call mum at 6pm", "2026-11-22 18:00", "call mum"),
        ("in 20 minutes tea", "2026-11-22 17:20", "tea"),
        ("in 20 minutes 5 eggs", "2026-11-22 17:20", "5 eggs"),
        ("in half an hour tea", "2026-11-22 17:30", "tea"),
        ("in an hour and 30 minutes tea", "2026-11-22 18:30", "tea"),
        ("in 5m tea", "2026-11-22 17:05", "tea"),
        ("in 3 days bins", "2026-11-25 17:00", "bins"),
        ("in a week at 10:00 bins", "2026-11-29 10:00", "bins"),
        ("tonight at 8 film", "2026-11-22 20:00", "film"),
        ("tomorrow evening at 7:30 run", "2026-11-23 19:30", "run"),
        ("next monday at 8 gym", "2026-11-23 08:00", "gym"),
        ("on friday at noon lunch", "2026-11-27 12:00", "lunch"),
        ("friday 17:30, pub", "2026-11-27 17:30", "pub"),
        ("day after tomorrow 9am: bins", "2026-11-24 09:00", "bins"),
        ("24 dec 18:00 gifts", "2026-12-24 18:00", "gifts"),
        ("march 3 2027, 9:00 party", "2027-03-03 09:00", "party"),
        ("2026-12-01 09:00 rent", "2026-12-01 09:00", "rent"),
        ("9:00 roll", "2026-11-23 09:00", "roll"),
        ("18:00 roll", "2026-11-22 18:00", "roll"),
        ("明天上午9点 给牙医打电话", "2026-11-23 09:00", "给牙医打电话"),
        ("明天上午9点给牙医打电话", "2026-11-23 09:00", "给牙医打电话"),
        ("给妈妈打电话 明天晚上八点", "2026-11-23 20:00", "给妈妈打电话"),
        ("提醒我明天9点吃药", "2026-11-23 09:00", "吃药"),
        ("20分钟后喝茶", "2026-11-22 17:20", "喝茶"),
        ("二十分钟后 喝茶", "2026-11-22 17:20", "喝茶"),
        ("过半个小时 关火", "2026-11-22 17:30", "关火"),
        ("一个半小时后 关火", "2026-11-22 18:30", "关火"),
        ("1小时30分钟后 关火", "2026-11-22 18:30", "关火"),
        ("3天后 看病", "2026-11-25 17:00", "看病"),
        ("后天下午三点半 开会", "2026-11-24 15:30", "开会"),
        ("大后天9点 开会", "2026-11-25 09:00", "开会"),
        ("下周一上午10点 开会", "2026-11-23 10:00", "开会"),
        ("周五下午5点一刻 开会", "2026-11-27 17:15", "开会"),
        ("今晚8点看电影", "2026-11-22 20:00", "看电影"),
        ("明早7点跑步", "2026-11-23 07:00", "跑步"),
        ("中午12点吃饭", "2026-11-23 12:00", "吃饭"),
        ("12月24日18点 圣诞", "2026-12-24 18:00", "圣诞"),
        ("十一月二十五日早上八点 吃药", "2026-11-25 08:00", "吃药"),
        ("2027年3月3日上午9点 过生日", "2027-03-03 09:00", "过生日"),
    ],
)
def test_phrases(text, when, what):
    """A time at either end is parted from what is to be said."""
    assert (when, what) == local(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "remind.unclear"),
        ("buy milk", "remind.unclear"),
        ("tomorrow buy milk", "remind.unclear"),
        ("next week buy milk", "remind.unclear"),
        ("1/2/2027 10:00 party", "remind.unclear"),
        ("25:00 party", "remind.unclear"),
        ("32 december 9:00 party", "remind.unclear"),
        ("2026-02-30 9:00 party", "remind.unclear"),
        ("may 5 people come", "remind.unclear"),
        ("明天 交房租", "remind.unclear"),
        ("晚上12点睡觉", "remind.unclear"),
        ("十三月一日八点 吃药", "remind.unclear"),
        ("today 9:00 party", "remind.past"),
        ("2020-01-01 9:00 party", "remind.past"),
        ("今天上午9点 开会", "remind.past"),
        ("tomorrow 9:00", "remind.no_text"),
        ("20分钟后", "remind.no_text"),
        ("every day 9:00 pills", "remind.every"),
        ("每天9点 吃药", "remind.every"),
        ("x" * (MAX_TEXT_CHARS + 1), "remind.too_long"),
    ],
)
def test_what_is_not_clear_is_not_guessed(text, code):
    """Without a clear time to come and something to say there is no reminder."""
    with pytest.raises(ReminderError) as failure:
        local(text)
    assert code == failure.value.code


@pytest.mark.parametrize(
    ("now", "text", "due"),
    [
        # On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00, on 2026-10-25 from 03:00 to 02:00.
        ("2026-03-28T20:00", "tomorrow 9:00 x", "2026-03-29T07:00"),
        ("2026-03-28T08:00", "tomorrow 9:00 x", "2026-03-29T07:00"),
        ("2026-03-29T00:30", "in 1 hour x", "2026-03-29T01:30"),
        ("2026-03-28T20:00", "tomorrow 2:30 x", "2026-03-29T01:30"),
        ("2026-03-28T08:00", "in 1 day x", "2026-03-29T07:00"),
        ("2026-10-24T20:00", "tomorrow 9:00 x", "2026-10-25T08:00"),
        ("2026-10-25T00:30", "in 90 minutes x", "2026-10-25T02:00"),
        ("2026-10-24T20:00", "tomorrow 2:30 x", "2026-10-25T00:30"),
        ("2026-10-25T00:45", "today 2:30 x", "2026-10-25T01:30"),
    ],
)
def test_the_days_on_which_clocks_change(now, text, due):
    """Nine is nine on both sides of a change; hours and minutes from now pass as on a stopwatch."""
    now, due = (datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (now, due))
    assert due == parted(text, now, BERLIN).due


def test_the_zone_decides():
    """The same words are another moment elsewhere, and there it may be tomorrow already."""
    assert local("tomorrow 9:00 x", zone=ZoneInfo("Asia/Shanghai")) == ("2026-11-24 09:00", "x")
    assert parted("明天上午9点 x", NOW, ZoneInfo("Asia/Shanghai")).due == datetime(2026, 11, 24, 1, tzinfo=UTC)


@given(st.lists(st.sampled_from(WORDS.split()) | st.text(max_size=4), max_size=12), st.sampled_from(["", " "]))
@settings(max_examples=200, deadline=None)
def test_nothing_else_is_raised(words, between):
    """Whatever somebody writes is a time to come with a text, or a sentence."""
    try:
        wish = parted(between.join(words), NOW, BERLIN)
    except ReminderError:
        return
    assert wish.due > NOW
    assert wish.text == wish.text.strip() != ""


@pytest.mark.parametrize(
    ("name", "zone", "near"),
    [
        ("Europe/Berlin", "Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin", "Europe/Berlin"),
        ("new york", "America/New_York", "America/New_York"),
        ("Europe/Berln", None, "Europe/Berlin"),
        ("shangai", None, "Asia/Shanghai"),
        ("qqqq", None, None),
    ],
)
def test_names_of_zones(name, zone, near):
    """Case does not matter, a city is enough, and for a typo there is the nearest name."""
    assert (zone, near) == (zone_named(name), nearest_zone(name))


def test_a_zone_is_always_found():
    """A name that is no longer known, like none, does not keep anybody from being reminded."""
    assert zone_of("Europe/Berlin") == BERLIN
    assert zone_of("Europe/Atlantis") == ZoneInfo("UTC")
    assert zone_of(None) is not None
