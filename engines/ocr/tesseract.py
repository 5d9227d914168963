"""The Tesseract program, through pytesseract: a grey picture -> words, or its orientation.

Each call is a process of its own, so a crash or a hang inside of Tesseract is an error here and nothing more.
"""

import os
from typing import Any

import pytesseract
from PIL import Image

from engines.errors import EngineFailed, UnsupportedMedia
from engines.ocr.layout import Word

# pytesseract hands this mapping to the program. OpenMP makes a page ten times as slow on a busy machine with two
# cores, and the limit must not reach the OpenMP of this process.
pytesseract.pytesseract.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}

_SURE_ORIENTATION = 1.0
"""Below this Tesseract turned receipts upside down; above it all of 7 turned pages were right."""


class Tesseract:
    """The installed program. Raises UnsupportedMedia when it is not there."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
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

    def read(self, image: Image.Image, languages: str, *, page_segmentation: int = 3) -> list[Word]:
        """The words in reading order. Raises EngineFailed."""
        table = self._call(
            pytesseract.image_to_data,
            image,
            lang=languages,
            config=f"--oem 1 --psm {page_segmentation} --dpi 300",
            output_type=pytesseract.Output.DICT,
        )
        return [
            Word(text=text, confidence=float(confidence), block=block, paragraph=paragraph, line=line)
            for text, confidence, block, paragraph, line in zip(
                table["text"], table["conf"], table["block_num"], table["par_num"], table["line_num"], strict=True
            )
            if text.strip()
        ]

    def quarter_turns(self, image: Image.Image) -> int:
        """How often the picture must be turned clockwise by 90 degrees to stand upright; 0 when in doubt."""
        if "osd" not in self.languages:
            return 0
        try:
            found = self._call(pytesseract.image_to_osd, image, config="--dpi 300", output_type=pytesseract.Output.DICT)
        except EngineFailed:
            # Too few characters to tell.
            return 0
        return found["rotate"] // 90 if found["orientation_conf"] >= _SURE_ORIENTATION else 0

    def _call(self, function: Any, image: Image.Image, **arguments: Any) -> Any:
        try:
            return function(image, timeout=self._timeout_seconds, **arguments)
        except pytesseract.TesseractError as error:
            raise EngineFailed("engine.failed", detail=error.message) from error
        except RuntimeError as error:  # how pytesseract reports its timeout
            raise EngineFailed("engine.timeout", seconds=self._timeout_seconds) from error
        except OSError as error:
            raise EngineFailed("engine.failed", detail=str(error)) from error
