"""TextStream: bytes to text, nothing half."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.llm.text_stream import TextStream


def told(pieces, stop=()):
    stream = TextStream(stop)
    return [*map(stream.push, pieces), stream.finish()]


def test_half_a_character_waits_for_its_other_half():
    """Three bytes of one Chinese character come out together."""
    assert told([b"\xe4", b"\xbd", b"\xa0"]) == ["", "", "你", ""]


def test_half_a_character_at_the_end_is_dropped():
    """No replacement character for an answer that was cut inside one."""
    assert "".join(told(["早".encode(), "🌍".encode()[:3]])) == "早"


def test_bytes_that_are_no_character_are_replaced():
    """A model that writes nonsense bytes does not stop the stream."""
    assert "".join(told([b"a\xff", b"b"])) == "a�b"


def test_a_stop_string_across_tokens_ends_the_text_before_it():
    """The string may begin in one token and end in another."""
    stream = TextStream(["STOP"])

    assert [stream.push(piece) for piece in (b"one S", b"TO", b"P two")] == ["one ", "", ""]
    assert stream.stopped
    assert stream.push(b"three") + stream.finish() == ""


def test_what_only_looked_like_a_stop_string_is_told_later():
    """Held text comes out when it turns out to be harmless, or at the end."""
    assert told([b"ST", b"AND ", b"STO"], ["STOP"]) == ["", "STAND ", "", "STO"]


def test_the_earliest_of_several_stop_strings_wins():
    """Whichever appears first in the text ends it."""
    assert "".join(told([b"abcdef"], ["e", "cd"])) == "ab"


@pytest.mark.parametrize(
    ("pieces", "stop", "verbatim"),
    [([b"abc"], (), True), ([b"a\xe4"], (), False), ([b"ab"], ("b",), False), ([b"ab"], ("bc",), True)],
)
def test_verbatim_says_whether_the_text_says_all(pieces, stop, verbatim):
    """A text that was cut anywhere is not verbatim."""
    stream = TextStream(stop)
    for piece in pieces:
        stream.push(piece)

    assert stream.verbatim is verbatim


@given(st.text(alphabet="abc你🌍\n"), st.lists(st.text("abc你", min_size=1, max_size=3), max_size=3), st.data())
def test_cutting_the_bytes_elsewhere_changes_nothing(text, stop, data):
    """However the bytes are cut into tokens, the text is the same: up to the first stop string."""
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    pieces = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    ends = [at for at in map(text.find, stop) if at >= 0]

    assert "".join(told(pieces, stop)) == text[: min(ends, default=len(text))]
