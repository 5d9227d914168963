"""Markdown becomes text with entities that Telegram accepts."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.transports.markdown import MAX_SOURCE_CHARS
from bot.transports.telegram.formatting import formatted, pieces

MARKS = {"bold", "italic", "strikethrough"}

SIGNS = (
    "** * __ _ ~~ ` `` ``` ~~~ # ## > - 1. + | |- --- [ ]( ) ![ http://a.b mailto:a@b.c <b> </b> & &lt; \\ 家庭 😀 word"
)
FRAGMENTS = st.sampled_from([*SIGNS.split(), "```py\n", "\n", "\n\n", "\t", " ", "    "])
SOURCES = st.lists(FRAGMENTS | st.text(max_size=8), max_size=60).map("".join)


def marked(message):
    """What each entity covers, with its type."""
    text = message.text.encode("utf-16-le")
    return [
        (entity.type, text[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le"))
        for entity in message.entities
    ]


def check(message):
    """Telegram's rules for one message."""
    assert message.text == message.text.strip("\n").rstrip()
    units = len(message.text.encode("utf-16-le")) // 2
    for entity, (kind, words) in zip(message.entities, marked(message), strict=True):
        assert 0 <= entity.offset < entity.offset + entity.length <= units
        assert words == (words.rstrip().strip("\n") if kind == "pre" else words.strip())
        assert (entity.url is not None) == (kind == "text_link")
    for place, first in enumerate(message.entities):
        for second in message.entities[place + 1 :]:
            check_pair(first, second)


def check_pair(outer, inner):
    """The rules for two entities, the first of which begins first."""
    end = outer.offset + outer.length
    assert outer.offset <= inner.offset
    if inner.offset < end:
        assert inner.offset + inner.length <= end, "they nest properly"
        assert inner.type != outer.type
        assert outer.type not in {"code", "pre"}, "code contains nothing"
        assert inner.type not in {"code", "pre"} or outer.type == "blockquote"
        assert inner.type != "blockquote" or outer.type in MARKS


def words(text):
    return re.findall(r"\w", text)


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("plain", "plain", []),
        ("**b**", "b", [("bold", "b")]),
        ("*i* and _j_", "i and j", [("italic", "i"), ("italic", "j")]),
        ("~~s~~", "s", [("strikethrough", "s")]),
        ("***both***", "both", [("italic", "both"), ("bold", "both")]),
        ("`a*b*`", "a*b*", [("code", "a*b*")]),
        ("**b `c` d**", "b c d", [("bold", "b"), ("code", "c"), ("bold", "d")]),
        ("# Head", "Head", [("bold", "Head")]),
        ("# Head **x**\nbody", "Head x\n\nbody", [("bold", "Head x")]),
        ("[l](https://a.b)", "l", [("text_link", "l")]),
        ("[**l** `c`](https://a.b)", "l c", [("text_link", "l c"), ("bold", "l")]),
        ("[w](mailto:a@b.c)", "w (a@b.c)", []),
        ("<a@b.c>", "a@b.c", []),
        ("[x](javascript:alert)", "[x](javascript:alert)", []),
        ("[x](file:///etc)", "[x](file:///etc)", []),
        ("![alt](https://a.b/i.png)", "alt", [("text_link", "alt")]),
        ("![](https://a.b/i.png)", "https://a.b/i.png", [("text_link", "https://a.b/i.png")]),
        ("[![alt](https://i)](https://l)", "alt", [("text_link", "alt")]),
        ("[1]: https://a.b", "[1]: https://a.b", []),
        ("<b>raw</b> &amp; <!-- c -->", "<b>raw</b> & <!-- c -->", []),
        ("one\ntwo", "one\ntwo", []),
        ("- a\n- b", "• a\n• b", []),
        ("- a\n  - b\n- c", "• a\n  • b\n• c", []),
        ("3. a\n4. b\n   more", "3. a\n4. b\n   more", []),
        ("- a\n\n  b", "• a\n\n  b", []),
        ("> q\n> r", "q\nr", [("blockquote", "q\nr")]),
        ("> q\n> > r", "q\n\n> r", [("blockquote", "q\n\n> r")]),
        ("> `c`", "c", [("blockquote", "c"), ("code", "c")]),
        ("- one\n  `c`", "• one\n  c", [("code", "c")]),
        ("a\n\n---\n\nb", "a\n\n——————————\n\nb", []),
        ("```\n  x\n\ny\n```", "  x\n\ny", [("pre", "  x\n\ny")]),
        ("- a\n\n  ```\n  x\n  ```", "• a\n\nx", [("pre", "x")]),
        ("😀 **x**", "😀 x", [("bold", "x")]),
        ("snake_case_name 2*3*4", "snake_case_name 234", [("italic", "3")]),
        ("", "", []),
        (" \n ", "", []),
    ],
)
def test_examples(source, text, entities):
    """Each kind of Markdown has its form."""
    message = formatted(source)
    check(message)
    assert message.text == text
    assert marked(message) == entities


def test_the_language_and_the_address_are_kept():
    """A code block names its language, a link its address."""
    assert formatted("```python title=x\nx\n```").entities[0].language == "python"
    assert formatted("```\nx\n```").entities[0].language is None
    assert formatted("[a](tg://user?id=1)").entities[0].url == "tg://user?id=1"


def test_a_table_is_aligned():
    """A table stands in monospace, numbers to the right, and a Chinese character takes two cells."""
    message = formatted("| Name | 数量 |\n|:---|---:|\n| 苹果 | 1 |\n| **pear** | `22` |")
    assert message.text == "Name  数量\n────  ────\n苹果     1\npear    22"
    assert [entity.type for entity in message.entities] == ["pre"]


def test_a_wide_table_becomes_lines():
    """A table that no telephone can show keeps its words and marks, in lines."""
    message = formatted(f"| A | B |\n|---|---|\n| {'wide ' * 20} | **b** |")
    check(message)
    assert message.text == f"A | B\n{('wide ' * 20).strip()} | b"
    assert marked(message) == [("bold", "A"), ("bold", "B"), ("bold", "b")]


@pytest.mark.parametrize(
    ("source", "text", "kinds"),
    [
        ("```py\nx = 1\ny", "x = 1\ny", ["pre"]),
        ("```", "", []),
        ("so **bol", "so **bol", []),
        ("see [the page](https://exa", "see [the page](https://exa", []),
        ("| a | b |\n|--", "| a | b |\n|--", []),
        ("a `cod", "a `cod", []),
    ],
)
def test_half_written_markdown(source, text, kinds):
    """What is still open is text, and an open code block is code already."""
    message = formatted(source)
    assert message.text == text
    assert [entity.type for entity in message.entities] == kinds


@given(SOURCES, st.data())
@settings(max_examples=100, deadline=None)
@example("- \n    \n\tx", None)
def test_any_text_in_any_chunks(source, data):
    """However an answer grows, each draft is valid, and no letter of the whole is lost."""
    ends = sorted(data.draw(st.sets(st.integers(0, len(source)), max_size=4))) if data else []
    for end in [*ends, len(source)]:
        check(formatted(source[:end]))


@given(st.lists(st.sampled_from(["word", "**bold one**", "*i*", "`c d`", "😀", "家庭", "\n\n", "\n", "- ", "> "])))
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost(fragments):
    """Every letter of the text is in the message, in order."""
    source = " ".join(fragments)
    assert words(formatted(source).text) == words(source)


@given(SOURCES, st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_cuts_keep_the_limits(source, limit):
    """Cut anywhere, each message is valid and short enough, and together they say what the whole says."""
    messages = pieces(source, limit)
    for message in messages:
        check(message)
        assert 0 < len(message.text) <= limit
    assert "".join("".join(message.text.split()) for message in messages) == "".join(formatted(source).text.split())


def test_marks_go_on_behind_a_cut():
    """What is marked on both sides of a cut is marked in both messages."""
    first, second = pieces("**aaaa bbbb**", limit=6)
    assert (marked(first), marked(second)) == ([("bold", "aaaa")], [("bold", "bbbb")])


def test_a_cut_stands_between_paragraphs():
    """A paragraph's end is better than a line's, a line's better than a word's."""
    text = "first line\nmore of it\n\nsecond paragraph here"
    assert [piece.text for piece in pieces(text, 30)] == ["first line\nmore of it", "second paragraph here"]


def test_code_is_not_cut_where_it_can_be_helped():
    """A cut comes before or after a code block; one that is too long is code of the same language in each message."""
    block = "```py\na = 1\n\nb = 2\n```"
    before, code = pieces(f"{'x' * 12}\n\n{block}", 20)
    assert (before.text, code.text) == ("x" * 12, "a = 1\n\nb = 2")
    code, after = pieces(f"{block}\n\nand more", 16)
    assert (code.text, after.text) == ("a = 1\n\nb = 2", "and more")
    long = pieces("```py\n" + "    line\n" * 40 + "```", 50)
    assert {(entity.type, entity.language) for piece in long for entity in piece.entities} == {("pre", "py")}
    assert all(piece.text.startswith("    line") for piece in long)


def test_a_message_has_a_hundred_entities():
    """Telegram ignores further ones, so they go into the next message."""
    messages = pieces("**a** b\n" * 250)
    assert [len(message.entities) for message in messages] == [100, 100, 50]


@pytest.mark.parametrize("source", ["> " * 500 + "deep", "- " * 500 + "deep", "*a* " * MAX_SOURCE_CHARS])
def test_what_cannot_be_read_stays_text(source):
    """Text that is nested too deeply or too long is shown as it is."""
    message = formatted(source)
    assert message.text == source.strip()
    assert message.entities == ()
