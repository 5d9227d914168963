"""What makes letters easier to read: even light, little noise, level lines."""

import cv2
import numpy as np

from engines.ocr.image import Grey, shrunk
from engines.ocr.letters import ink

_WIDEST_SKEW_DEGREES = 15.0
_BACKGROUND_SIDE = 600


def without_shadows(grey: Grey) -> Grey:
    """The paper made evenly white, if it is uneven or dark; flat scans get worse by it and are left alone."""
    background = _background(grey)
    dark, bright = np.percentile(background, (10, 95))
    if dark >= 0.85 * bright and np.median(background) >= 200:
        return grey
    return cv2.divide(grey, background, scale=255)


def _background(grey: Grey) -> Grey:
    """The picture without its letters, found on a small copy."""
    closed = cv2.morphologyEx(shrunk(grey, _BACKGROUND_SIDE), cv2.MORPH_CLOSE, np.ones((21, 21), np.uint8))
    smooth = cv2.medianBlur(closed, 21)
    return cv2.resize(smooth, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)


def without_noise(grey: Grey) -> Grey:
    """Slightly blurred if the sensor was noisy.

    The estimate is the median absolute deviation of the Laplacian, divided by its gain over white noise.
    """
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    sigma = float(np.median(np.abs(laplacian))) / 0.6745 / np.sqrt(20)
    return cv2.GaussianBlur(grey, (3, 3), 0) if sigma > 5 else grey


def levelled(grey: Grey) -> Grey:
    """Turned by a few degrees so that lines of text are level."""
    angle = _skew_degrees(grey)
    if abs(angle) < 0.2:
        return grey
    height, width = grey.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    return cv2.warpAffine(grey, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _skew_degrees(grey: Grey) -> float:
    """The angle whose row profile is the sharpest: level lines of text make rows either full of ink or empty."""
    spots = ink(shrunk(grey, 800))
    coarse = max(np.arange(-_WIDEST_SKEW_DEGREES, _WIDEST_SKEW_DEGREES + 0.5, 1.0), key=lambda a: _sharpness(spots, a))
    return float(max(np.arange(coarse - 1, coarse + 1.01, 0.2), key=lambda angle: _sharpness(spots, angle)))


def _sharpness(ink: Grey, angle: float) -> float:
    height, width = ink.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    profile = cv2.warpAffine(ink, turn, (width, height), flags=cv2.INTER_NEAREST).sum(axis=1, dtype=np.float64)
    return float(np.square(np.diff(profile)).sum())
