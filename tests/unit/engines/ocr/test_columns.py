"""Stretches of text -> columns, paragraphs and lines."""

from engines.ocr.columns import in_reading_order
from engines.ocr.layout import is_level, to_text
from engines.ocr.types import Line, RecognizedText
from tests.unit.engines.ocr.test_layout import line, word


def stretch(text, left, top):
    return line(text, 0, left=left, top=top)


def test_a_receipt_is_read_row_by_row():
    """Names and prices of one height are one line, whatever the order in which they were found."""
    names = [stretch(name, 0, 50 * row) for row, name in enumerate(["Bread", "Green tea", "Milk", "Total"])]
    prices = [stretch(price, 600, 50 * row + 4) for row, price in enumerate(["2.40", "3.10", "1.00", "6.50"])]
    assert to_text(in_reading_order([*prices, *names])).split("\n") == [
        "Bread 2.40",
        "Green tea 3.10",
        "Milk 1.00",
        "Total 6.50",
    ]


def test_columns_of_prose_are_read_one_after_the_other():
    """Long lines beside each other are columns."""
    left = [stretch(f"the left column has line {row}", 0, 50 * row) for row in range(5)]
    right = [stretch(f"the right column has line {row}", 700, 50 * row) for row in range(5)]
    rows = [one for pair in zip(left, right, strict=True) for one in pair]
    text = to_text(in_reading_order(rows))
    assert text.index("the left column has line 4") < text.index("the right column has line 0")
    assert "\n\nthe right" in text


def test_an_empty_space_parts_paragraphs():
    """Lines far apart belong to two paragraphs."""
    lines = [stretch("one", 0, 0), stretch("two", 0, 40), stretch("three", 0, 160)]
    assert to_text(in_reading_order(lines)) == "one\ntwo\n\nthree"


def test_a_page_on_its_side_is_noticed():
    """Lines that run down stay apart, so that the page is seen to lie on its side."""
    upended = [[word("a long line", left=40 * number, width=30, height=400)] for number in range(3)]
    assert not is_level(in_reading_order(upended))


def test_unsure_lines_are_marked():
    """A mark stands behind a line that may be wrong, and nowhere else."""
    lines = (Line("clear", 95.0), Line("", 0.0), Line("blurred", 45.0))
    found = RecognizedText(text="clear\n\nblurred", confidence=70, language="eng", lines=lines)
    assert found.marked_text == "clear\n\nblurred [?]"
    assert RecognizedText(text="bare", confidence=90, language="eng").marked_text == "bare"
