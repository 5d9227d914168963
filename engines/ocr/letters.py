"""Letters as spots of ink, found without reading them."""

from collections.abc import Sequence
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.ocr.image import Grey, scaled
from engines.ocr.layout import Word

BEST_PIXELS = 32.0
"""The height of letters that Tesseract reads best."""

_SMALL_PIXELS = 28.0
_LARGEST_FACTOR = 4.0
_LEAST_PIXELS, _MOST_PIXELS, _LEAST_AREA = 6, 200, 12
_WORD_MARGIN_PIXELS = 5


def with_large_letters(grey: Grey, most_pixels: float) -> Grey:
    """Enlarged if the letters are small."""
    height = letter_height(grey)
    factor = min(BEST_PIXELS / height, _LARGEST_FACTOR, (most_pixels / grey.size) ** 0.5)
    if height >= _SMALL_PIXELS or factor <= 1:
        return grey
    return scaled(grey, factor)


def letter_height(grey: Grey) -> float:
    """How high most letters are, in pixels; a usual height where there are none."""
    spots = find_letters(grey)
    return float(np.median(spots[:, cv2.CC_STAT_HEIGHT])) if len(spots) else _SMALL_PIXELS


def unread_share(grey: Grey, words: Sequence[Word]) -> float:
    """How many of the letters, 0 to 1, no word covers.

    Tesseract is sure of what it reads and silent about lines that it did not see; this tells.
    """
    spots = find_letters(grey)
    if words:
        # Smaller spots than those of the text are grain.
        spots = spots[spots[:, cv2.CC_STAT_HEIGHT] >= median(word.height for word in words) / 3]
    if not len(spots):
        return 0.0
    is_read = np.zeros(grey.shape, bool)
    for word in words:
        left, top = max(0, word.left - _WORD_MARGIN_PIXELS), max(0, word.top - _WORD_MARGIN_PIXELS)
        is_read[
            top : word.top + word.height + _WORD_MARGIN_PIXELS, left : word.left + word.width + _WORD_MARGIN_PIXELS
        ] = True
    rows = spots[:, cv2.CC_STAT_TOP] + spots[:, cv2.CC_STAT_HEIGHT] // 2
    columns = spots[:, cv2.CC_STAT_LEFT] + spots[:, cv2.CC_STAT_WIDTH] // 2
    return 1 - float(is_read[rows, columns].mean())


def find_letters(grey: Grey) -> NDArray[np.int32]:
    """Rows of OpenCV's statistics for each connected spot of ink that may be a letter."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(ink(grey), connectivity=8)
    spots = statistics[1:].astype(np.int32)
    heights, widths, areas = (spots[:, column] for column in (cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH, cv2.CC_STAT_AREA))
    is_letter = (
        (heights >= _LEAST_PIXELS) & (heights <= _MOST_PIXELS) & (widths <= 5 * heights) & (areas >= _LEAST_AREA)
    )
    return spots[is_letter]


def ink(grey: Grey) -> Grey:
    """1 where there is ink, 0 elsewhere."""
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    return cv2.adaptiveThreshold(smooth, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 15)
