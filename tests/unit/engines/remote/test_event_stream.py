"""Bytes to events, however they arrive."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import EngineRefused
from engines.remote.event_stream import EventStream

ANSWER = (
    b": a comment\n"
    b'data: {"content": "Gr\xc3\xbc\xc3\x9fe \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x8c\x8d"}\r\n\r\n'
    b"event: message\rid: 7\rdata:no space\r\r"
    b"data: one\ndata: two\n\n"
    b'data: {"content": "a\xe2\x80\xa8b\x0bc"}\n\n'
    b"\n\n"
    b"data: [DONE]\n\n"
    b"data: never ended\n"
)
EVENTS = [
    '{"content": "Grüße 你好 🌍"}',
    "no space",
    "one\ntwo",
    '{"content": "a\u2028b\x0bc"}',
    "[DONE]",
]


@given(st.lists(st.integers(0, len(ANSWER)), max_size=12))
def test_events_do_not_depend_on_how_the_bytes_arrive(cuts):
    """Characters, lines and ends of lines may be cut anywhere."""
    places = [0, *sorted(cuts), len(ANSWER)]
    stream = EventStream("http://nas")

    assert [event for start, end in pairwise(places) for event in stream.push(ANSWER[start:end])] == EVENTS


def test_byte_by_byte():
    """The finest cut of all."""
    stream = EventStream("http://nas")

    assert [event for byte in ANSWER for event in stream.push(bytes([byte]))] == EVENTS


@pytest.mark.parametrize(
    "line", [b"x" * 1024, b"data: " + b"x" * 1018 + b"\n"], ids=["no line's end", "no event's end"]
)
def test_an_event_without_end_is_refused(line):
    """Memory stays bounded whatever the server sends."""
    stream = EventStream("http://nas")

    def push_all():
        for _ in range(2048):
            stream.push(line)

    with pytest.raises(EngineRefused, match="an event has no end"):
        push_all()
