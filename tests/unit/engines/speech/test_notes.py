"""What is understood of a recording, piece by piece."""

from dataclasses import replace

import pytest

from engines.speech.audio import SAMPLE_RATE
from engines.speech.gate import Heard, ScoredSegment
from engines.speech.notes import Notes
from engines.speech.types import Segment, Transcript
from engines.speech.vad import Region
from engines.speech.writing import join, write


def heard(language, *texts):
    segments = tuple(
        ScoredSegment(segment=Segment(index, index + 1, text), log_probability=-0.2, compression_ratio=1)
        for index, text in enumerate(texts)
    )
    return Heard(segments=segments, language=language, is_language_sure=True)


def piece(start_seconds):
    return Region(start_seconds * SAMPLE_RATE, (start_seconds + 10) * SAMPLE_RATE)


def notes(hint=None):
    return Notes(hint=hint)


def test_times_are_those_of_the_recording():
    """Segments of a piece are moved to where the piece was."""
    collected = notes()
    collected.add(heard("en", " One.", " Two."), piece(30))
    assert [Segment(30, 31, " One."), Segment(31, 32, " Two.")] == collected.segments


def test_a_hole_heard_later_goes_where_it_belongs():
    """Text is in the order of the recording, not of its discovery."""
    collected = notes()
    collected.add(heard("en", " First."), piece(0))
    collected.add(heard("en", " Third."), piece(20))
    collected.add(heard("en", " Second."), piece(10))
    assert collected.text == "First. Second. Third."


def test_the_language_is_the_one_with_most_speech():
    """One foreign sentence does not change the language of a memo."""
    collected = notes()
    collected.add(heard("de", " Ja."), piece(0))
    collected.add(heard("en", " Well,", " then."), piece(10))
    assert collected.language == "en"


def test_the_hint_is_expected_until_something_is_heard():
    """What has been heard is better evidence than a hint."""
    collected = notes(hint="fr")
    assert collected.expected_language == "fr"
    assert collected.language is None
    collected.add(heard("en", " Hello."), piece(0))
    assert collected.expected_language == "en"


@pytest.mark.parametrize(
    ("language", "script", "expected"),
    [
        pytest.param("zh", "simplified", "广州市房地产", id="simplified"),
        pytest.param("yue", "simplified", "广州市房地产", id="Cantonese too"),
        pytest.param("zh", "as_heard", "廣州市房地產", id="left alone"),
        pytest.param("ja", "simplified", "廣州市房地產", id="Japanese has its own characters"),
    ],
)
def test_chinese_script(language, script, expected):
    """Chinese is written in the script that the household reads."""
    assert expected == write("廣州市房地產", language, script)


def test_traditional_script():
    """The other direction."""
    assert write("广州市房地产", "zh", "traditional") == "廣州市房地產"


def test_text_of_languages_without_spaces():
    """Segments are joined as Whisper spaced them."""
    assert join([Segment(0, 1, "你好"), Segment(1, 2, "吗?")]) == "你好吗?"


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        pytest.param("例如,你好吗? 好!", "zh", "例如，你好吗？好！", id="Chinese"),
        pytest.param("用 Python 3.11, 好", "zh", "用 Python 3.11, 好", id="after other letters"),
        pytest.param("well, yes", "en", "well, yes", id="English"),
    ],
)
def test_chinese_punctuation(text, language, expected):
    """Chinese has its own punctuation, whatever the model writes."""
    assert write(text, language, "as_heard") == expected


def test_confidence():
    """The whole is as sure as its text is on average, and unsure below a limit; a piece keeps its confidence."""
    taken = notes()
    sure = ScoredSegment(segment=Segment(0, 1, "twelve chars", 0.9), log_probability=-0.1, compression_ratio=1)
    guess = ScoredSegment(segment=Segment(1, 2, "four", 0.1), log_probability=-0.1, compression_ratio=1)
    taken.add(Heard(segments=(sure, guess), language="en", is_language_sure=True), piece(5))
    whole = Transcript(text="", language="en", audio_seconds=9, speech_seconds=2, segments=tuple(taken.segments))
    assert whole.confidence == pytest.approx(0.7)
    assert not whole.is_unsure
    assert replace(whole, segments=whole.segments[1:]).is_unsure
    assert not replace(whole, segments=()).is_unsure
