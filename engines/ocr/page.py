"""A photographed sheet of paper -> the sheet alone, seen from straight above."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.ocr.image import Grey, shrunk

_SEARCH_SIDE = 700
_SMALLEST_SHARE, _LARGEST_SHARE = 0.12, 0.97
_SMALLEST_ANGLE, _LARGEST_ANGLE = 50.0, 130.0
_LEAST_CONTRAST = 12.0
_RING_PIXELS = 15

Corners = NDArray[np.float32]
"""Four points (x, y): top left, top right, bottom right, bottom left."""


def cut_out_page(grey: Grey) -> Grey | None:
    """The page in the picture, straightened; none when there is no sheet that stands out from what it lies on."""
    small = shrunk(grey, _SEARCH_SIDE)
    corners = max(_candidates(small), key=cv2.contourArea, default=None)
    return None if corners is None else _straighten(grey, corners * (max(grey.shape) / max(small.shape)))


def _candidates(small: Grey) -> Iterator[Corners]:
    blurred = cv2.GaussianBlur(small, (5, 5), 0)
    for mask in _masks(blurred):
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:4]:
            corners = _four_corners(contour)
            if corners is not None and _looks_like_a_page(corners, blurred):
                yield corners


def _masks(blurred: Grey) -> Iterator[Grey]:
    """Outlines and bright areas; either may have the page as one connected shape."""
    kernel = np.ones((7, 7), np.uint8)
    for low in (30, 60):
        edges = cv2.Canny(blurred, low, 3 * low)
        yield cv2.morphologyEx(edges, cv2.MORPH_CLOSE, kernel)
    _, bright = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    yield cv2.morphologyEx(cv2.morphologyEx(bright, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel)


def _four_corners(contour: Grey) -> Corners | None:
    hull = cv2.convexHull(contour)
    for tolerance in (0.02, 0.03, 0.05):
        corners = cv2.approxPolyDP(hull, tolerance * cv2.arcLength(hull, closed=True), closed=True)
        if len(corners) == 4:
            return _ordered(corners.reshape(4, 2).astype(np.float32))
    return None


def _ordered(corners: Corners) -> Corners:
    """Clockwise from the corner nearest to the origin."""
    centre = corners.mean(axis=0)
    angles = np.arctan2(corners[:, 1] - centre[1], corners[:, 0] - centre[0])
    clockwise = corners[np.argsort(angles)]
    return np.roll(clockwise, -int(clockwise.sum(axis=1).argmin()), axis=0)


def _looks_like_a_page(corners: Corners, picture: Grey) -> bool:
    share = cv2.contourArea(corners) / picture.size
    if not _SMALLEST_SHARE <= share <= _LARGEST_SHARE:
        return False
    if not all(_SMALLEST_ANGLE <= angle <= _LARGEST_ANGLE for angle in _angles(corners)):
        return False
    return _contrast(corners, picture) >= _LEAST_CONTRAST


def _angles(corners: Corners) -> list[float]:
    """The angle at each corner, in degrees."""
    towards_next, towards_last = np.roll(corners, -1, axis=0) - corners, np.roll(corners, 1, axis=0) - corners
    lengths = np.linalg.norm(towards_next, axis=1) * np.linalg.norm(towards_last, axis=1)
    cosines = (towards_next * towards_last).sum(axis=1) / np.maximum(lengths, 1e-6)
    return [float(angle) for angle in np.degrees(np.arccos(np.clip(cosines, -1, 1)))]


def _contrast(corners: Corners, picture: Grey) -> float:
    """How much brighter the paper is along its border than what lies around it."""
    inside = cv2.fillConvexPoly(np.zeros(picture.shape, np.uint8), corners.astype(np.int32), 255)
    kernel = np.ones((_RING_PIXELS, _RING_PIXELS), np.uint8)
    outer_ring = cv2.dilate(inside, kernel) - inside
    inner_ring = inside - cv2.erode(inside, kernel)
    if not outer_ring.any() or not inner_ring.any():
        return 0.0
    return float(np.median(picture[inner_ring > 0])) - float(np.median(picture[outer_ring > 0]))


def _straighten(grey: Grey, corners: Corners) -> Grey:
    top_left, top_right, bottom_right, bottom_left = corners
    width = round(max(_distance(top_left, top_right), _distance(bottom_left, bottom_right)))
    height = round(max(_distance(top_left, bottom_left), _distance(top_right, bottom_right)))
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    transform = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    return cv2.warpPerspective(grey, transform, (width, height), flags=cv2.INTER_CUBIC)


def _distance(one: Corners, other: Corners) -> float:
    return float(np.linalg.norm(one - other))
