"""Text of any encoding, and Markdown."""

import pytest

from knowledge.formats.outline import Outline
from knowledge.formats.plain import decode, read_markdown, read_text
from knowledge.formats.tables import as_markdown
from knowledge.types import Block

GERMAN = "Die Heizung läuft über Nacht. Für den Garten brauchen wir größere Töpfe und schöne Blätter."
RUSSIAN = "Давление в системе отопления должно быть от одного до двух бар, иначе котёл отключается."
CHINESE = "洗衣机的保修期为三年,保修卡放在厨房第二个抽屉里。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-32"),
        (CHINESE, "gb18030"),
        ("名称,大小\n锅炉,三百升\n", "gbk"),
        (GERMAN, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        ("洗濯機の保証期間は三年です。保証書は台所の引き出しにあります。", "shift_jis"),
    ],
)
def test_encodings_are_recognised(text, encoding):
    """The text comes out as it was written."""
    assert text == decode(text.encode(encoding))


def test_web_page_says_its_encoding():
    """A declared encoding goes before guessing."""
    page = '<meta charset="big5"><p>保固三年</p>'
    assert page == decode(page.encode("big5"))


def test_newlines_are_unified():
    """Windows and old Macintosh line ends become plain ones."""
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80\x81\xff\xfe\x90" * 50, b"a\x80b", b"\xef\xbb\xbf"])
def test_any_bytes_decode(content):
    """Decoding gives some text for everything."""
    assert isinstance(decode(content), str)


def test_plain_text_is_one_block():
    """There are no headings to go by."""
    assert read_text("\n a # b \n") == [Block(text="a # b")]
    assert read_text(" \n") == []


def test_markdown_sections_carry_their_headings():
    """Each section knows the headings above it."""
    text = "Before.\n# One\nFirst.\n## Two\nSecond.\n# Three #\nThird.\n"
    assert [(block.text, block.heading) for block in read_markdown(text)] == [
        ("Before.", ""),
        ("First.", "One"),
        ("Second.", "One > Two"),
        ("Third.", "Three"),
    ]


def test_underlined_headings():
    """The older form of headings, which only a paragraph of one line can have."""
    text = "Title\n=====\n\nText.\n\nPart\n----\n\nMore.\n\nTwo\nlines\n---\nrule"
    assert [(block.text, block.heading) for block in read_markdown(text)] == [
        ("Text.", "Title"),
        ("More.\n\nTwo\nlines\n---\nrule", "Title > Part"),
    ]


def test_code_is_not_a_heading():
    """A comment inside a fence stays where it is; a longer fence is not closed by a shorter one."""
    text = "# One\n````\n# comment\n```\n# more\n````\n"
    assert [Block(text="````\n# comment\n```\n# more\n````", heading="One")] == read_markdown(text)


def test_headings_without_text_are_text():
    """A list of headings, such as of things to do, is not lost; a heading with subsections is not repeated."""
    text = "# House\n## Paint the door\n## Mow the lawn\nBy Sunday.\n# Garden\n"
    assert [(block.text, block.heading) for block in read_markdown(text)] == [
        ("Paint the door", "House"),
        ("By Sunday.", "House > Mow the lawn"),
        ("Garden", ""),
    ]


def test_outline_of_skipped_levels():
    """A heading of a higher level ends all deeper ones, whatever was left out between."""
    outline = Outline()
    for level, title in ((1, "A"), (3, "B"), (2, " C \n c ")):
        outline.heading(level, title)
        outline.text(title.lower())
    assert [block.heading for block in outline.finish()] == ["A", "A > B", "A > C c"]


def test_tables_become_markdown():
    """Cells are one line each, empty rows are left out, the first row is the header."""
    assert as_markdown([["a", "b\nc"], ["", " "], ["1|2", ""]]) == "| a | b c |\n| --- | --- |\n| 1/2 |  |"
    assert as_markdown([]) == ""
