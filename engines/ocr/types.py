"""What the OCR engine answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizedText:
    """What was read. Empty `text` means nothing readable: an answer, not an error."""

    text: str
    confidence: float
    """Mean word confidence weighted by word length, 0 to 100; 0 without text."""
    language: str
    """The Tesseract languages used, joined with `+`."""
