"""What a document is, told by its content first."""

import io
import zipfile

import pytest

from knowledge.errors import DocumentUnreadable
from knowledge.extract import Kind, extract, kind_of
from knowledge.formats.pdf import without_running_lines


def archive(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for member in members:
            file.writestr(member, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "content", "name"),
    [
        (Kind.PDF, b"%PDF-1.7 ...", "letter.txt"),
        (Kind.PDF, b"\r\n junk %PDF-1.4", "letter"),
        (Kind.DOCX, archive("word/document.xml"), "contract.pdf"),
        (Kind.HTML, b"<!DOCTYPE HTML><p>hello", "page.txt"),
        (Kind.HTML, b"\n<!-- saved -->\n<html lang=en>", "page"),
        (Kind.HTML, b"<p>a fragment</p>", "page.HTM"),
        (Kind.MARKDOWN, b"# Title", "notes.md"),
        (Kind.TEXT, b"# not a heading", "script.py"),
        (Kind.TEXT, "wide".encode("utf-16"), "wide.txt"),
    ],
)
def test_content_decides(kind, content, name):
    """The name counts only where the content leaves it open."""
    assert kind is kind_of(content, name)


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("document.unsupported", b"\x89PNG\r\n\x1a\n"),
        ("document.unsupported", b"text\x00with\x00nulls"),
        ("document.unsupported", archive("xl/workbook.xml")),
        ("document.unsupported", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old Word file"),
        ("document.encrypted", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")),
        ("document.damaged", archive("word/document.xml")[:-20]),
        ("document.empty", b""),
        ("document.empty", b" \r\n\t"),
        ("document.no_text", b"<html><script>x</script></html>"),
    ],
)
def test_what_cannot_be_read_says_why(code, content):
    """Each kind of refusal has its own code."""
    with pytest.raises(DocumentUnreadable) as caught:
        extract(content, "thing")
    assert code == caught.value.code


def test_headers_and_footers_are_dropped():
    """Lines at the edge of most pages go, their page numbers aside; the same words inside a page stay."""
    words = ("one", "two", "three", "four")
    pages = [
        ["Manual", f"text {word}", "middle", "Manual", f"more {word}", f"Page {number} of 9"]
        for number, word in enumerate(words, start=1)
    ]
    assert without_running_lines(pages)[2] == ["text three", "middle", "Manual", "more three"]


def test_lines_that_differ_in_other_numbers_stay():
    """Amounts at the top of a page are not its number."""
    pages = [["Balance 4,100.50", "paid"], ["Balance 310.20", "lent"], ["Balance 77.00", "owed"]]
    assert pages == without_running_lines(pages)


def test_two_pages_have_no_headers():
    """Repetition says nothing in so short a document."""
    pages = [["Dear Sir", "x"], ["Dear Sir", "y"]]
    assert pages == without_running_lines(pages)
