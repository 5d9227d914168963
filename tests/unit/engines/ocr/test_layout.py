"""Words with their places -> text."""

import pytest

from engines.ocr.layout import Word, believable, confidence, is_level, is_mostly_wide, to_text, worth


def word(text, left=0, top=0, *, line=(1, 1, 1), confidence=95.0, width=None, height=30):
    return Word(
        text=text,
        confidence=confidence,
        line=line,
        left=left,
        top=top,
        width=20 * len(text) if width is None else width,
        height=height,
    )


def line(text, number, *, block=1, paragraph=1, left=0, top=None, confidence=95.0):
    """A line of words, as Tesseract numbers it."""
    words, place = [], left
    for part in text.split():
        where = 40 * number if top is None else top
        words.append(word(part, place, where, line=(block, paragraph, number), confidence=confidence))
        place += 20 * len(part) + 20
    return words


def test_lines_and_paragraphs():
    """Lines stay lines, paragraphs are apart."""
    words = line("the first line", 1) + line("the second", 2) + line("another paragraph", 3, paragraph=2)
    assert to_text(words) == "the first line\nthe second\n\nanother paragraph"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param("网 络 支付 。", "网络支付。", id="Chinese"),
        pytest.param("安装 Python 3", "安装 Python 3", id="mixed"),
        pytest.param("two words", "two words", id="English"),
    ],
)
def test_spaces(parts, expected):
    """There are no spaces between Chinese characters."""
    assert to_text(line(parts, 1)) == expected


def test_a_table_is_read_row_by_row():
    """Names and prices that Tesseract took for two columns of text come out beside each other."""
    names = [line(name, 1, block=row, top=50 * row) for row, name in enumerate(["Bread", "Green tea", "Total"])]
    prices = [
        line(price, 1, block=9, paragraph=row, left=600, top=50 * row + 3)
        for row, price in enumerate(["2.40", "3.10", "5.50"])
    ]
    words = [word for found in names + prices for word in found]
    assert to_text(words) == "Bread  2.40\nGreen tea  3.10\nTotal  5.50"


def test_columns_of_prose_are_read_one_after_the_other():
    """Long lines beside each other are a newspaper, not a table."""
    left = [line("these are many words of one column", row, block=1) for row in range(4)]
    right = [line("and these the words of another one", row, block=2, left=900) for row in range(4)]
    text = to_text([word for found in left + right for word in found])
    assert text.splitlines()[:4] == ["these are many words of one column"] * 4


def test_guessed_lines_are_dropped():
    """A line that was merely guessed is no text, its neighbours are."""
    words = line("a clear line", 1) + line("~ ee wy", 2, confidence=25)
    assert to_text(believable(words)) == "a clear line"


def test_specks_are_no_text():
    """Two letters in a whole picture that may be letters are nothing."""
    assert believable(line("ats", 1, confidence=63)) == []
    assert believable(line("OK", 1, confidence=90)) != []


def test_confidence_is_weighted_by_length():
    """A long word counts more than a short one."""
    assert confidence([word("a", confidence=50), word("abc", confidence=90)]) == 80
    assert confidence([]) == 0


def test_worth():
    """Sure letters count for a reading, guesses against it, punctuation not at all."""
    assert worth([word("ab", confidence=90)]) == 80
    assert worth([word("ab", confidence=90), word("xyz", confidence=30)]) == 20
    assert worth([word("...", confidence=90)]) == 0


def test_level_lines():
    """Lines that are higher than wide belong to a picture that lies on its side."""
    assert is_level(line("some level words", 1))
    assert not is_level([word("some", 0, place, width=30, height=80) for place in (0, 90, 180)])
    assert is_level([])


@pytest.mark.parametrize(("text", "expected"), [("网络 and", False), ("网络支付 a", True), ("", False)])
def test_mostly_wide(text, expected):
    """More than half of the characters decide."""
    assert is_mostly_wide(line(text, 1)) is expected
