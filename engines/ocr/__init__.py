"""Reading: pictures in, text out."""

from engines.ocr.config import OcrConfig
from engines.ocr.recognizer import PictureRecognizer, open_text_recognizer
from engines.ocr.types import Line, RecognizedText

__all__ = ["Line", "OcrConfig", "PictureRecognizer", "RecognizedText", "open_text_recognizer"]
