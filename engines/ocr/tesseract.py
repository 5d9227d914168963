"""The Tesseract program, through pytesseract: a grey picture -> words.

Each call is a process of its own, so a crash or a hang inside of Tesseract is an error here and nothing more.
"""

import os
import time
from typing import Any

import pytesseract
from PIL import Image, ImageOps

from engines.errors import EngineFailed, UnsupportedMedia
from engines.ocr.image import Grey
from engines.ocr.layout import Word

# pytesseract hands this mapping to the program. OpenMP makes a page ten times as slow on a busy machine with two
# cores, and the limit must not reach the OpenMP of this process.
pytesseract.pytesseract.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}

_BORDER_PIXELS = 15
PAGE, LINE = 3, 7
"""Tesseract's modes of page segmentation: find blocks and lines by itself, take the picture as one line."""


class Tesseract:
    """The installed program, for one picture. Raises UnsupportedMedia when it is not there."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        try:
            self.languages = frozenset(pytesseract.get_languages())
        except pytesseract.TesseractNotFoundError as error:
            raise UnsupportedMedia("ocr.missing_program") from error

    def check_languages(self, languages: str) -> None:
        """Raises UnsupportedMedia for the first language that is not installed."""
        for language in languages.split("+"):
            if language not in self.languages:
                package = f"tesseract-ocr-{language.lower().replace('_', '-')}"
                raise UnsupportedMedia("ocr.missing_language", language=language, package=package)

    def read(self, grey: Grey, languages: str, *, segmentation: int = PAGE) -> list[Word]:
        """The words in reading order. Raises EngineFailed."""
        table = self._call(grey, lang=languages, config=f"--oem 1 --psm {segmentation} --dpi 300")
        columns = ("text", "conf", "block_num", "par_num", "line_num", "left", "top", "width", "height")
        return [
            Word(
                text=text,
                confidence=float(confidence),
                line=(block, paragraph, line),
                left=left - _BORDER_PIXELS,
                top=top - _BORDER_PIXELS,
                width=width,
                height=height,
            )
            for text, confidence, block, paragraph, line, left, top, width, height in zip(
                *(table[column] for column in columns), strict=True
            )
            if text.strip()
        ]

    def _call(self, grey: Grey, **arguments: str) -> dict[str, list[Any]]:
        image = ImageOps.expand(Image.fromarray(grey), border=_BORDER_PIXELS, fill=255)
        image.format = "PPM"  # how pytesseract hands it over; its default, PNG, takes longer to pack
        remaining = max(self._deadline - time.monotonic(), 0.001)
        try:
            table: dict[str, list[Any]] = pytesseract.image_to_data(
                image, timeout=remaining, output_type=pytesseract.Output.DICT, **arguments
            )
        except pytesseract.TesseractError as error:
            raise EngineFailed("engine.failed", detail=error.message) from error
        except RuntimeError as error:  # how pytesseract reports its timeout
            raise EngineFailed("engine.timeout", seconds=self._timeout_seconds) from error
        except OSError as error:
            raise EngineFailed("engine.failed", detail=str(error)) from error
        return table
