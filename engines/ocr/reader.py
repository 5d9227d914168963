"""How a picture is read: straightened, lit, turned, and tried again where the result is poor."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from engines.errors import EngineFailed
from engines.ocr.enhance import levelled, without_noise, without_shadows
from engines.ocr.image import Grey
from engines.ocr.layout import Word, believable, confidence, is_level, worth
from engines.ocr.letters import unread_share
from engines.ocr.page import cut_out_page

# OpenCV's own threads would compete with Tesseract for the two cores of a small machine.
cv2.setNumThreads(1)

_MUCH_THE_SAME = 0.9
_FEWEST_WORDS = 5
"""Fewer do not tell where up is, nor whether there is writing at all."""

_LEAST_PAGE_CONFIDENCE = 50.0
"""A page read with less is more guess than text."""


class PageReader(Protocol):
    """An engine that reads a level page."""

    @property
    def good_confidence(self) -> float:
        """Above it another way of looking is not worth its time."""
        ...

    @property
    def clear_confidence(self) -> float:
        """Above it the page stands upright: what was read makes sense."""
        ...

    @property
    def most_unread(self) -> float:
        """The share of letters, 0 to 1, above which lines may have been overlooked."""
        ...

    def sized(self, grey: Grey) -> Grey:
        """The picture with letters of the size that is read best."""
        ...

    def read(self, page: Grey) -> list[Word]:
        """The words in reading order. Raises EngineFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What one way of looking at a picture gave."""

    page: Grey
    """The level page that was read."""
    words: list[Word]
    is_good: bool
    """Whether another way of looking is not worth its time."""
    is_clear: bool
    """Whether it makes sense."""

    @property
    def text_words(self) -> list[Word]:
        """The words that are believed."""
        words = believable(self.words)
        return words if confidence(words) >= _LEAST_PAGE_CONFIDENCE else []

    @property
    def is_writing(self) -> bool:
        """Whether there is more than a few specks, believed or not."""
        return len(self.words) >= _FEWEST_WORDS

    @property
    def is_upright(self) -> bool:
        """Whether the picture stood upright, as far as can be told."""
        return (self.is_clear and is_level(self.words)) or len(self.words) < _FEWEST_WORDS

    @property
    def quarter_turns(self) -> int:
        """How often a picture that is not upright has to be turned clockwise.

        Lines that run up or down are found, but only those that run down are understood.
        """
        if is_level(self.words):
            return 2
        return 3 if self.is_clear else 1


class Reader:
    """Reads one picture with one engine."""

    def __init__(self, engine: PageReader) -> None:
        self._engine = engine

    def read(self, grey: Grey, *, most_tries: int) -> Reading:
        """The best of as many ways of looking as are allowed and needed. Raises EngineFailed."""
        try:
            return self._read(grey, most_tries)
        except cv2.error as error:
            raise EngineFailed("engine.failed", detail=str(error)) from error

    def _read(self, grey: Grey, most_tries: int) -> Reading:
        readings: list[Reading] = []
        for prepared, _ in zip(_preparations(grey), range(most_tries), strict=False):
            readings.append(self.read_prepared(prepared))
            if readings[-1].is_good:
                break
        return best(readings)

    def read_prepared(self, grey: Grey) -> Reading:
        """Reading tells by itself whether a picture stands upright; only if not, it is turned and read again."""
        reading = self._read_page(grey)
        if reading.is_upright:
            return reading
        turned = self._read_page(np.rot90(grey, -reading.quarter_turns))
        return turned if worth(turned.words) >= _MUCH_THE_SAME * worth(reading.words) else reading

    def _read_page(self, grey: Grey) -> Reading:
        engine = self._engine
        page = levelled(np.ascontiguousarray(grey))
        sized = engine.sized(page)
        words = engine.read(sized)
        sure = confidence(words)
        is_good = sure >= engine.good_confidence and unread_share(sized, words) <= engine.most_unread
        return Reading(page, words, is_good=is_good, is_clear=sure >= engine.clear_confidence)


def best(readings: list[Reading]) -> Reading:
    """The one that gives the most text the most surely."""
    return max(readings, key=lambda reading: worth(reading.text_words))


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
