"""Tesseract as a reader of pages: in several languages, and once more in one where it lost its way."""

from collections.abc import Sequence
from dataclasses import replace

from engines.ocr.image import WORKING_PIXELS, Grey
from engines.ocr.layout import Word, confidence, is_mostly_wide, lines
from engines.ocr.letters import with_large_letters
from engines.ocr.tesseract import LINE, Tesseract

_DOUBTFUL_LINE = 50.0
_MOST_LINES_AGAIN = 8
_LINE_MARGIN_PIXELS = 8
_WIDE_SCRIPTS = ("chi_", "jpn", "kor")


class TesseractPages:
    """Reads pages of one picture."""

    clear_confidence = 70.0
    """Upside-down text had 33 to 52."""

    most_unread = 0.2

    def __init__(self, tesseract: Tesseract, languages: str, *, good_confidence: float) -> None:
        self.good_confidence = good_confidence
        self._tesseract = tesseract
        self._languages = languages

    def sized(self, grey: Grey) -> Grey:
        """The picture with letters of the size that is read best."""
        return with_large_letters(grey, WORKING_PIXELS)

    def read(self, page: Grey) -> list[Word]:
        """The words in reading order. Raises EngineFailed."""
        return self._again_in_one_language(page, self._tesseract.read(page, self._languages))

    def _again_in_one_language(self, page: Grey, words: Sequence[Word]) -> list[Word]:
        """Between two languages Tesseract sometimes reads a whole Chinese line as English."""
        wide = [language for language in self._languages.split("+") if language.startswith(_WIDE_SCRIPTS)]
        if not wide or not is_mostly_wide(words):
            return list(words)
        doubtful = [line for line in lines(words) if confidence(line) < _DOUBTFUL_LINE][:_MOST_LINES_AGAIN]
        better = {line[0].line: self._read_line(page, line, wide[0]) for line in doubtful}
        return [word for line in lines(words) for word in max(line, better.get(line[0].line, []), key=confidence)]

    def _read_line(self, page: Grey, line: Sequence[Word], language: str) -> list[Word]:
        left = max(0, min(word.left for word in line) - _LINE_MARGIN_PIXELS)
        top = max(0, min(word.top for word in line) - _LINE_MARGIN_PIXELS)
        right = max(word.left + word.width for word in line) + _LINE_MARGIN_PIXELS
        bottom = max(word.top + word.height for word in line) + _LINE_MARGIN_PIXELS
        found = self._tesseract.read(page[top:bottom, left:right], language, segmentation=LINE)
        return [replace(word, line=line[0].line, left=word.left + left, top=word.top + top) for word in found]
