"""Documents are cut where the text pauses, and nothing is lost."""

import re

from hypothesis import given
from hypothesis import strategies as st

from knowledge.chunking import chunk, width_of
from knowledge.types import Block

WIDTH = 120


def texts(*blocks, width=WIDTH):
    return [part.text for part in chunk("/a.md", blocks, width)]


def test_width_counts_wide_characters_twice():
    """A Chinese character weighs as much as two Latin ones."""
    assert width_of("abc") == 3
    assert width_of("锅炉。ab") == 8


def test_short_document_is_one_chunk():
    """Paragraphs that fit stay together."""
    assert texts(Block(text="One.\n\nTwo.")) == ["One.\n\nTwo."]


def test_paragraphs_are_packed_until_full():
    """A paragraph that does not fit begins the next chunk."""
    assert texts(Block(text=f"{'a' * 50}\n\n{'b' * 50}\n\n{'c' * 50}")) == [f"{'a' * 50}\n\n{'b' * 50}", "c" * 50]


def test_long_paragraph_is_cut_at_sentences():
    """Sentences stay whole in both kinds of punctuation."""
    english = "The first sentence is here. " * 8
    assert all(part.endswith(".") for part in texts(Block(text=english)))
    chinese = "这是一个比较长的句子，用来测试。" * 8
    assert all(part.endswith("。") for part in texts(Block(text=chinese)))


def test_text_without_any_pause_is_cut_at_the_width():
    """Not even a line of ten thousand characters makes a chunk too wide."""
    assert [len(part) for part in texts(Block(text="x" * 300))] == [120, 120, 60]
    assert [len(part) for part in texts(Block(text="字" * 150))] == [60, 60, 30]


def test_heading_begins_a_chunk_of_its_own():
    """Sections that are large enough are not mixed."""
    blocks = [Block(text="a" * 50, heading="One"), Block(text="b" * 50, heading="Two")]
    assert [(part.text, part.heading) for part in chunk("/a", blocks, WIDTH)] == [("a" * 50, "One"), ("b" * 50, "Two")]


def test_small_sections_share_a_chunk():
    """A few words alone are not found; their headings move into the text, the common ones stay above."""
    blocks = [Block(text="Off.", heading="Lamp > Night"), Block(text="On.", heading="Lamp > Day")]
    (part,) = chunk("/a", blocks, WIDTH)
    assert part.heading == "Lamp"
    assert part.text == "Night\n\nOff.\n\nDay\n\nOn."


def test_text_under_a_heading_keeps_its_subsection():
    """The introduction of a section is joined with its first small subsection."""
    blocks = [Block(text="Intro.", heading="Lamp"), Block(text="On.", heading="Lamp > Day")]
    (part,) = chunk("/a", blocks, WIDTH)
    assert (part.heading, part.text) == ("Lamp", "Intro.\n\nDay\n\nOn.")


def test_pages_are_not_mixed():
    """A chunk has one page to cite."""
    parts = chunk("/a.pdf", [Block(text="One.", page=1), Block(text="Two.", page=2)], WIDTH)
    assert [part.page for part in parts] == [1, 2]


def test_table_repeats_its_header():
    """Each part of a long table says what its columns mean."""
    rows = [f"| F{number} | fault number {number} |" for number in range(10)]
    parts = texts(Block(text="\n".join(["| code | meaning |", "| --- | --- |", *rows])))
    assert len(parts) > 1
    assert all(part.startswith("| code | meaning |\n| --- | --- |\n| F") for part in parts)
    assert rows == [line for part in parts for line in part.split("\n")[2:]]


def test_code_fence_stays_whole():
    """Empty lines inside a fence do not cut it."""
    code = "```\nfirst\n\nsecond\n```"
    assert code in texts(Block(text=f"{'a' * 110}\n\n{code}\n\n{'b' * 110}"))


def test_ids_are_stable_and_differ_by_place():
    """The same document has the same ids again; the same text elsewhere has others."""
    blocks = [Block(text="Same."), Block(text="Same.", page=2)]
    first, again, moved = chunk("/a", blocks, WIDTH), chunk("/a", blocks, WIDTH), chunk("/b", blocks, WIDTH)
    assert [part.chunk_id for part in first] == [part.chunk_id for part in again]
    assert len({part.chunk_id for part in (*first, *moved)}) == 4
    assert [part.position for part in first] == [0, 1]


words = st.text(alphabet="abc字。. \n|`-", max_size=400)
blocks_of_text = st.lists(
    st.builds(Block, text=words, heading=st.sampled_from(["", "One", "One > Two", "Three"]), page=st.none()), max_size=6
)


@given(blocks_of_text, st.integers(100, 300))
def test_no_chunk_is_too_wide_and_no_text_is_lost(blocks, width):
    """Whatever the text, chunks fit and together hold every character in order."""
    parts = chunk("/a", blocks, width)
    assert all(width_of(part.text) <= width for part in parts)
    whole = iter(re.sub(r"\s", "", "".join(part.text for part in parts)))
    assert all(character in whole for block in blocks for character in re.sub(r"\s", "", block.text))
