"""Foreign image bytes -> an upright grey picture of a sane size."""

import struct
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from engines.errors import UnsupportedMedia

# Formats that Pillow decodes by itself; EPS and the like would start other programs.
_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP", "AVIF")

WORKING_MEGAPIXELS = 16.0
"""More detail than this makes Tesseract slower and not better."""

SMALL_SIDE = 1200
"""Pictures with no side longer than this have letters too small for Tesseract."""


def open_image(content: bytes, *, max_megapixels: float, max_bytes: int) -> Image.Image:
    """The picture in mode L, turned as its EXIF orientation says, transparent parts white. Raises UnsupportedMedia."""
    if len(content) > max_bytes:
        raise UnsupportedMedia("image.file_too_large", size_bytes=len(content), limit_bytes=max_bytes)
    # Pillow's own limit would warn or raise without naming the size.
    Image.MAX_IMAGE_PIXELS = None
    Image.init()
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            _check_size(image, max_megapixels)
            return _grey(_upright(_reduced(image)))
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, OverflowError, RuntimeError, MemoryError, struct.error) as error:
        raise UnsupportedMedia("image.unreadable", detail=str(error) or type(error).__name__) from error


def _check_size(image: Image.Image, max_megapixels: float) -> None:
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        raise UnsupportedMedia("image.too_large", megapixels=megapixels, limit_megapixels=max_megapixels)
    if not megapixels:
        raise UnsupportedMedia("image.unreadable", detail="it has no pixels")


def _reduced(image: Image.Image) -> Image.Image:
    """At most WORKING_MEGAPIXELS; a JPEG is decoded in a smaller size to begin with."""
    factor = (WORKING_MEGAPIXELS * 1e6 / (image.width * image.height)) ** 0.5
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


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_deep(image)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    return image.convert("L")


def _from_deep(image: Image.Image) -> Image.Image:
    """More than 8 bits per pixel: the range used is spread over 8 bits."""
    values = np.asarray(image, dtype=np.float64)
    low, high = np.nanmin(values), np.nanmax(values)
    return Image.fromarray(((values - low) * (255 / max(high - low, 1))).astype(np.uint8))


def turned(image: Image.Image, quarter_turns: int) -> Image.Image:
    """The picture turned clockwise by so many times 90 degrees."""
    return image.rotate(-90 * quarter_turns, expand=True) if quarter_turns else image


def small_copy(image: Image.Image, longest_side: int) -> Image.Image:
    """A copy with at most this many pixels on a side."""
    copy = image.copy()
    copy.thumbnail((longest_side, longest_side))
    return copy


def clarified(image: Image.Image) -> Image.Image:
    """Small pictures enlarged, contrast spread: Tesseract wants letters of some 30 pixels."""
    longest = max(image.size)
    if longest < SMALL_SIDE:
        factor = min(2.0, SMALL_SIDE / longest)
        image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
    return ImageOps.expand(ImageOps.autocontrast(image, cutoff=1), border=15, fill=255)
