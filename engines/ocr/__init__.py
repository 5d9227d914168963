"""Reading: pictures in, text out."""

from engines.ocr.config import OcrConfig
from engines.ocr.recognizer import TesseractRecognizer, open_text_recognizer
from engines.ocr.types import RecognizedText

__all__ = ["OcrConfig", "RecognizedText", "TesseractRecognizer", "open_text_recognizer"]
