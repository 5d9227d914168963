"""Reading with RapidOCR, with its real networks."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from engines.ocr import OcrConfig, open_text_recognizer

pytestmark = pytest.mark.integration

IMAGES = Path(__file__).parents[1] / "data" / "images"


def png(image):
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
async def test_every_way_a_page_can_lie(degrees):
    """Alone, it reads a page whichever way that lies."""
    page = Image.open(IMAGES / "scan_en.tif").convert("L").rotate(degrees, expand=True)
    async with open_text_recognizer(OcrConfig(engine="rapidocr")) as recognizer:
        found = await recognizer.read(png(page))
    assert found.text.startswith("This is a lot of 12 point text to test the")
    assert found.confidence > 90


async def test_a_blank_page():
    """Where nothing is written, nothing is read and nothing is unclear."""
    async with open_text_recognizer(OcrConfig(engine="rapidocr")) as recognizer:
        found = await recognizer.read(png(Image.new("L", (600, 400), 255)))
    assert (found.text, found.lines, found.is_unclear) == ("", (), False)


async def test_it_helps_where_tesseract_is_not_sure():
    """A page out of focus, which Tesseract alone calls unclear, is read by both."""
    page = png(Image.open(IMAGES / "scan_en.tif").convert("L").filter(ImageFilter.GaussianBlur(4)))
    async with open_text_recognizer(OcrConfig(engine="tesseract")) as recognizer:
        alone = await recognizer.read(page)
    async with open_text_recognizer(OcrConfig()) as recognizer:
        found = await recognizer.read(page)
    assert (alone.text, alone.is_unclear) == ("", True)
    assert "12 point text" in found.text
    assert not found.is_unclear
