"""How an answer appears."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import Citation
from bot.ports import ReplyLimits
from bot.reply import ReplyWriter, cited, source_lines, split
from engines.llm.request import Finished, FinishReason, Prefilling, Queued, TextDelta, Usage
from tests.fakes.clock import HandClock
from tests.fakes.transport import RecordingTransport, incoming


def limits(max_length, measure=len):
    return ReplyLimits(max_length=max_length, measure=measure, min_edit_seconds=1)


def citation(number, **other):
    return Citation(number=number, path=f"/d/{number}.md", **{"heading": "", "page": None, "snippet": ""} | other)


async def stream(*events):
    for event in events:
        yield event


DONE = Finished(reason=FinishReason.STOP, usage=Usage())


async def test_progress_then_text():
    """Queue and reading progress come as status, words as drafts, and the end is returned."""
    transport = RecordingTransport()
    async with transport.open_reply(incoming("hi")) as sink:
        writer = ReplyWriter(sink, HandClock(), "en")
        events = (Queued(2), Queued(0), Prefilling(0, 3100, 40.0), TextDelta("Hel"), TextDelta("lo"), DONE)
        assert await writer.write(stream(*events)) == DONE
    assert sink.statuses == ["2 before you", "thinking …", "reading 3100 tokens, about 40 s …"]
    assert sink.drafts == ["Hel", "Hello"]
    assert writer.text == "Hello"


async def test_edits_are_paced():
    """Between two edits the platform's interval passes; words in between come with the next one."""
    transport = RecordingTransport()
    transport.limits = limits(4096)
    clock = HandClock()

    async def words():
        for word in "abcdef":
            yield TextDelta(word)
            clock.advance(0.4)
        yield DONE

    async with transport.open_reply(incoming("hi")) as sink:
        await ReplyWriter(sink, clock, "en").write(words())
    assert sink.drafts == ["a", "abcd"]


async def test_the_head_stands_before_the_words():
    """The echo of a transcript is part of every draft."""
    transport = RecordingTransport()
    async with transport.open_reply(incoming("hi")) as sink:
        writer = ReplyWriter(sink, HandClock(), "en")
        writer.head = "heard: hi\n\n"
        await writer.write(stream(TextDelta("Hello"), DONE))
    assert sink.drafts == ["heard: hi\n\nHello"]


async def test_a_stream_without_an_end_is_a_mistake_of_the_engine():
    """An engine that breaks its promise is not taken for an answer."""
    transport = RecordingTransport()
    async with transport.open_reply(incoming("hi")) as sink:
        with pytest.raises(RuntimeError):
            await ReplyWriter(sink, HandClock(), "en").write(stream(TextDelta("Hel")))


def utf16(text):
    return len(text.encode("utf-16-le")) // 2


@given(st.text(alphabet="ab \n.。家😀", max_size=400), st.integers(20, 60), st.sampled_from([len, utf16]))
def test_pieces_fit_and_lose_nothing(text, length, measure):
    """Every piece fits in the platform's own measure, and together they are the text."""
    pieces = split(text, limits(length, measure))
    assert all(measure(piece) <= length for piece in pieces)
    assert "".join(text.split()) == "".join("".join(pieces).split())


def test_short_text_is_one_piece():
    """What fits is sent as it is."""
    assert split("a\n\nb", limits(100)) == ["a\n\nb"]


def test_cut_at_a_paragraph():
    """A paragraph border is the best place to cut."""
    assert split("a" * 30 + "\n\n" + "b" * 30, limits(50)) == ["a" * 30, "b" * 30]


def test_code_blocks_are_closed_and_opened_again():
    """A code block that is cut stays a code block in both pieces, in its language."""
    code = "```python\n" + "\n".join(f"line_{number} = {number}" for number in range(20)) + "\n```"
    pieces = split(code, limits(120))
    assert len(pieces) > 2
    for piece in pieces:
        assert piece.startswith("```python\n")
        assert piece.endswith("```")
        assert piece.count("```") == 2
        assert len(piece) <= 120


def test_marked_sources_are_listed():
    """Only sources whose number stands in the answer are listed; invented numbers are not."""
    given_sources = (citation(1), citation(2, page=7), citation(3))
    used = cited("So it is [2], surely [9].", given_sources)
    assert source_lines(used, "en") == "Sources:\n[2] /d/2.md, page 7"


def test_all_sources_are_listed_when_none_is_marked():
    """An answer without marks still says where to look."""
    given_sources = (citation(1, heading="Boiler"), citation(2))
    assert given_sources == cited("So it is.", given_sources)
    assert "[1] /d/1.md, Boiler" in source_lines(given_sources, "en")


def test_no_passages_no_list():
    """An answer without documents ends with its words."""
    assert source_lines(cited("So it is [1].", ()), "en") == ""
