"""How a picture is read: straightened, lit, turned, and tried again where the result is poor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from engines.errors import EngineFailed
from engines.ocr.enhance import levelled, without_noise, without_shadows
from engines.ocr.image import WORKING_PIXELS, Grey
from engines.ocr.layout import Word, believable, confidence, is_level, is_mostly_wide, lines, worth
from engines.ocr.letters import unread_share, with_large_letters
from engines.ocr.page import cut_out_page
from engines.ocr.tesseract import LINE, Tesseract

# OpenCV's own threads would compete with Tesseract for the two cores of a small machine.
cv2.setNumThreads(1)

_GOOD_CONFIDENCE = 85.0
_MOST_UNREAD = 0.2
_UPRIGHT_CONFIDENCE = 70.0
"""Upside-down text had 33 to 52."""

_MUCH_THE_SAME = 0.9
_FEWEST_WORDS = 5
"""Fewer do not tell where up is."""

_DOUBTFUL_LINE = 50.0
_MOST_LINES_AGAIN = 8
_LINE_MARGIN_PIXELS = 8
_WIDE_SCRIPTS = ("chi_", "jpn", "kor")


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one way of looking at the picture gave."""

    words: list[Word]
    unread_share: float

    @property
    def is_clear(self) -> bool:
        """Whether it makes sense."""
        return confidence(self.words) >= _UPRIGHT_CONFIDENCE

    @property
    def is_upright(self) -> bool:
        """Whether the picture stood upright, as far as can be told."""
        return (self.is_clear and is_level(self.words)) or len(self.words) < _FEWEST_WORDS

    @property
    def quarter_turns(self) -> int:
        """How often a picture that is not upright has to be turned clockwise.

        Tesseract finds lines that run up or down, but understands only those that run down.
        """
        if is_level(self.words):
            return 2
        return 3 if self.is_clear else 1

    @property
    def is_good(self) -> bool:
        """Whether another way of looking is not worth its time."""
        return confidence(self.words) >= _GOOD_CONFIDENCE and self.unread_share <= _MOST_UNREAD


class Reader:
    """Reads one picture."""

    def __init__(self, tesseract: Tesseract, languages: str) -> None:
        self._tesseract = tesseract
        self._languages = languages

    def read(self, grey: Grey) -> list[Word]:
        """The words that are believed, in reading order. Raises EngineFailed."""
        try:
            return self._read(grey)
        except cv2.error as error:
            raise EngineFailed("engine.failed", detail=str(error)) from error

    def _read(self, grey: Grey) -> list[Word]:
        best: list[Word] = []
        for prepared in _preparations(grey):
            reading = self._read_upright(prepared)
            best = max(best, believable(reading.words), key=worth)
            if reading.is_good:
                break
        return best

    def _read_upright(self, grey: Grey) -> _Reading:
        """Reading tells by itself whether a picture stands upright; only if not, it is turned and read again."""
        reading = self._read_page(grey)
        if reading.is_upright:
            return reading
        turned = self._read_page(np.rot90(grey, -reading.quarter_turns))
        return turned if worth(turned.words) >= _MUCH_THE_SAME * worth(reading.words) else reading

    def _read_page(self, grey: Grey) -> _Reading:
        page = with_large_letters(levelled(np.ascontiguousarray(grey)), WORKING_PIXELS)
        words = self._again_in_one_language(page, self._tesseract.read(page, self._languages))
        return _Reading(words, unread_share(page, words))

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


def _preparations(grey: Grey) -> Iterator[Grey]:
    """The picture made ready to read, the likeliest way first."""
    page = cut_out_page(grey)
    if page is None:
        yield grey
        lit = without_shadows(grey)
        if lit is not grey:
            yield lit
    else:
        yield without_shadows(without_noise(page))
        yield grey
