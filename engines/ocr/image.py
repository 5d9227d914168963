"""Foreign image bytes -> an upright grey picture of a sane size."""

import struct
from io import BytesIO

import cv2
import numpy as np
from cv2.typing import MatLike
from PIL import Image, ImageOps

from engines.errors import UnsupportedMedia

WORKING_PIXELS = 16_000_000
"""More detail than this makes Tesseract slower and not better."""

Grey = MatLike
"""Rows of pixels, 0 black to 255 white."""

# Formats that Pillow decodes by itself; EPS and the like would start other programs.
_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP", "AVIF")

_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    OverflowError,
    RuntimeError,
    MemoryError,
    struct.error,
)


def open_image(content: bytes, *, max_megapixels: float, max_bytes: int) -> Grey:
    """The picture, turned as its EXIF orientation says, transparent parts white. Raises UnsupportedMedia."""
    if len(content) > max_bytes:
        raise UnsupportedMedia("image.file_too_large", size_bytes=len(content), limit_bytes=max_bytes)
    # Pillow's own limit would warn or raise without naming the size.
    Image.MAX_IMAGE_PIXELS = None
    Image.init()
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            _check_size(image, max_megapixels)
            return _grey(_upright(_reduced(image)))
    except _DECODER_ERRORS as error:
        raise UnsupportedMedia("image.unreadable", detail=str(error) or type(error).__name__) from error


def scaled(grey: Grey, factor: float) -> Grey:
    """The picture in another size, at least one pixel wide and high."""
    height, width = grey.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def shrunk(grey: Grey, side: int) -> Grey:
    """At most this many pixels on a side."""
    return scaled(grey, side / max(grey.shape)) if max(grey.shape) > side else grey


def _check_size(image: Image.Image, max_megapixels: float) -> None:
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        raise UnsupportedMedia("image.too_large", megapixels=megapixels, limit_megapixels=max_megapixels)
    if not megapixels:
        raise UnsupportedMedia("image.unreadable", detail="it has no pixels")


def _reduced(image: Image.Image) -> Image.Image:
    """At most WORKING_PIXELS; a JPEG is decoded in a smaller size to begin with."""
    factor = (WORKING_PIXELS / (image.width * image.height)) ** 0.5
    if factor < 1:
        size = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
        image.draft("L", size)
        image.thumbnail(size)
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (ValueError, SyntaxError, struct.error, TypeError, ZeroDivisionError):
        # Damaged metadata is no reason to refuse the picture.
        return image


def _grey(image: Image.Image) -> Grey:
    if image.mode.startswith(("I", "F")):
        return _from_deep(image)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    return np.array(image.convert("L"))


def _from_deep(image: Image.Image) -> Grey:
    """More than 8 bits per pixel: the range used is spread over 8 bits."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = values.min(), values.max()
    grey: Grey = ((values - low) * (255 / max(high - low, 1))).astype(np.uint8)
    return grey
