"""Reading, with the real program."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.errors import EngineFailed, UnsupportedMedia
from engines.ocr import OcrConfig, open_text_recognizer

pytestmark = pytest.mark.integration

IMAGES = Path(__file__).parents[1] / "data" / "images"


@pytest.fixture(scope="module")
def pictures():
    return {path.stem: path.read_bytes() for path in IMAGES.iterdir()}


@pytest.fixture
async def recognizer():
    async with open_text_recognizer(OcrConfig()) as opened:
        yield opened


def png(image):
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


async def test_a_scanned_page(recognizer, pictures):
    """A clean scan comes out word for word, in lines and paragraphs."""
    found = await recognizer.read(pictures["scan_en"])
    assert found.text.startswith("This is a lot of 12 point text to test the\nocr code and see if it works")
    assert "\n\nThe quick brown dog jumped over the\n" in found.text
    assert found.confidence > 85
    assert found.language == "eng+chi_sim"


async def test_a_turned_page(recognizer, pictures):
    """A page that lies on its side is turned upright."""
    assert "The quick brown dog jumped over the" in (await recognizer.read(pictures["scan_en_turned"])).text


@pytest.mark.parametrize("degrees", [90, 180, 270])
async def test_every_way_a_page_can_lie(recognizer, pictures, degrees):
    """Whichever way the page lies, it is read from its first line."""
    page = Image.open(BytesIO(pictures["scan_en"])).rotate(degrees, expand=True)
    assert (await recognizer.read(png(page))).text.startswith("This is a lot of 12 point text to test the")


async def test_a_photo_of_a_page(recognizer, pictures):
    """A page on a desk, tilted, shadowed and blurred, is read in full."""
    text = " ".join((await recognizer.read(pictures["photo_en"])).text.split())
    assert text.startswith("Four score and seven years ago our fathers brought forth on this continent")
    assert "far above our poor power to add or detract" in text


async def test_chinese_without_spaces(recognizer, pictures):
    """Chinese characters stand without spaces between them."""
    assert "网络支付并无本质的区别，因为\n每一个手机号码" in (await recognizer.read(pictures["screenshot_zh"])).text


async def test_a_picture_of_nothing(recognizer):
    """A texture has no text, which is an answer and not an error."""
    texture = np.random.default_rng(1).normal(128, 40, (200, 300)).clip(0, 255).astype(np.uint8)
    found = await recognizer.read(png(Image.fromarray(texture)))
    assert (found.text, found.confidence) == ("", 0)


async def test_languages_of_one_call(recognizer, pictures):
    """The caller's languages come before the configured ones."""
    assert (await recognizer.read(pictures["scan_en"], "eng")).language == "eng"


async def test_a_missing_language(recognizer, pictures):
    """A language that is not installed names its package."""
    with pytest.raises(UnsupportedMedia) as error:
        await recognizer.read(pictures["scan_en"], "eng+xyz_abc")
    assert error.value.code == "ocr.missing_language"
    assert error.value.arguments == {"language": "xyz_abc", "package": "tesseract-ocr-xyz-abc"}


async def test_a_missing_program(recognizer, monkeypatch):
    """Without the program, ping and reading say so."""
    monkeypatch.setenv("PATH", "/nonexistent")
    for attempt in (recognizer.ping(), recognizer.read(b"")):
        with pytest.raises(UnsupportedMedia) as error:
            await attempt
        assert error.value.code == "ocr.missing_program"


async def test_the_ping_of_an_installed_program(recognizer):
    """All is well."""
    await recognizer.ping()


async def test_a_time_limit(pictures):
    """A picture that takes too long is given up."""
    async with open_text_recognizer(OcrConfig(timeout_seconds=0.001)) as recognizer:
        with pytest.raises(EngineFailed) as error:
            await recognizer.read(pictures["scan_en"])
    assert error.value.code == "engine.timeout"
