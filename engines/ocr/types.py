"""What the OCR engine answers."""

from dataclasses import dataclass

UNSURE_BELOW = 60.0
"""A line read with less confidence is marked."""

UNSURE_MARK = "[?]"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page, empty between two paragraphs."""

    text: str
    confidence: float
    """0 to 100."""

    @property
    def marked(self) -> str:
        """The text, with UNSURE_MARK behind it where it may be wrong."""
        return f"{self.text} {UNSURE_MARK}" if self.text and self.confidence < UNSURE_BELOW else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizedText:
    """What was read. Empty `text` means nothing readable: an answer, not an error."""

    text: str
    confidence: float
    """Mean word confidence weighted by word length, 0 to 100; 0 without text."""
    language: str
    """The Tesseract languages used, joined with `+`."""
    lines: tuple[Line, ...] = ()
    """The text line by line."""
    is_unclear: bool = False
    """Whether there is writing that is too blurred or too dark to be read; then there is no text."""

    @property
    def marked_text(self) -> str:
        """The text with a mark behind each line that may be wrong."""
        return "\n".join(line.marked for line in self.lines) or self.text
