"""What is done to a picture before it is read, with the real OpenCV."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from engines.errors import UnsupportedMedia
from engines.ocr.enhance import levelled, without_noise, without_shadows
from engines.ocr.image import open_image, shrunk
from engines.ocr.layout import Word
from engines.ocr.letters import find_letters, unread_share, with_large_letters
from engines.ocr.page import cut_out_page

pytestmark = pytest.mark.integration

LIMITS = {"max_megapixels": 64.0, "max_bytes": 10**8}


def paper(lines=12, *, height=900, width=700, letter=1.0):
    """A white page with black lines of text."""
    page = np.full((height, width), 245, np.uint8)
    for number in range(lines):
        cv2.putText(page, "some words to be read", (60, 80 + 60 * number), cv2.FONT_HERSHEY_SIMPLEX, letter, 20, 2)
    return page


def on_a_desk(page, corners):
    """The page seen by a camera: its corners where told, on a dark desk."""
    height, width = page.shape
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    transform = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    desk = np.full((1200, 1000), 90, np.uint8)
    return cv2.warpPerspective(page, transform, (1000, 1200), desk, borderMode=cv2.BORDER_TRANSPARENT)


def turned(picture, degrees):
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def sharpness(picture):
    """How much rows differ: level lines make full rows and empty rows."""
    return float(np.square(np.diff((picture < 128).sum(axis=1, dtype=np.float64))).sum())


def encoded(image, kind="PNG", **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_a_tilted_page_is_cut_out():
    """Seen from the side, the page comes out alone, as wide and as high as it looked."""
    page = cut_out_page(on_a_desk(paper(), [(150, 120), (850, 170), (900, 1080), (110, 1030)]))
    assert page is not None
    assert page.shape == pytest.approx((930, 790), rel=0.06)
    assert page.min() < 60
    assert np.median(page[5:20]) > 230


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(paper(), id="a scan without a border"),
        pytest.param(255 - on_a_desk(paper(), [(150, 120), (850, 170), (900, 1080), (110, 1030)]), id="a dark sheet"),
        pytest.param(on_a_desk(paper(), [(400, 400), (600, 400), (600, 640), (400, 640)]), id="a small thing"),
        pytest.param(np.full((1000, 1000), 128, np.uint8), id="nothing"),
    ],
)
def test_no_page_is_cut_out(picture):
    """Only a bright sheet of some size is a page."""
    assert cut_out_page(picture) is None


def test_shadows_are_taken_away():
    """Half the page in the shadow becomes as white as the other half, and the letters stay black."""
    page = paper()
    page[:, :350] = page[:, :350] // 2
    lit = without_shadows(page)
    assert np.median(lit[:, :330]) > 240
    assert np.percentile(lit[:, :330], 2) < 100


def test_even_light_is_left_alone():
    """A flat scan is returned as it is."""
    page = paper()
    assert without_shadows(page) is page


def test_noise_is_smoothed_and_clean_pictures_are_not():
    """Only a noisy picture is blurred."""
    page = paper()
    noisy = (page + np.random.default_rng(1).normal(0, 20, page.shape)).clip(0, 255).astype(np.uint8)
    assert without_noise(page) is page
    assert np.std(without_noise(noisy)[:40]) < 0.7 * np.std(noisy[:40])


@pytest.mark.parametrize("degrees", [-11.0, -3.0, 0.6, 7.0])
def test_lines_are_levelled(degrees):
    """A page turned by a few degrees gets its level lines back."""
    page = paper()
    crooked = turned(page, degrees)
    assert sharpness(levelled(crooked)) > 0.5 * sharpness(page) > sharpness(crooked)


def test_small_letters_are_enlarged():
    """Small letters grow, large ones stay, and the limit of pixels holds."""
    small = paper(letter=0.5)
    assert with_large_letters(small, 16e6).shape[0] > 1.5 * small.shape[0]
    assert with_large_letters(small, 1.2 * small.size).size <= 1.21 * small.size
    large = paper(4, letter=2.0)
    assert with_large_letters(large, 16e6) is large
    blank = np.full((100, 100), 255, np.uint8)
    assert with_large_letters(blank, 16e6) is blank


def test_letters_that_no_word_covers():
    """Half of the lines unread is half of the letters unread."""
    page = paper(10)
    upper = [
        Word(text="words", confidence=95, line=(1, 1, row), left=0, top=50 + 60 * row, width=700, height=40)
        for row in range(5)
    ]
    assert len(find_letters(page)) > 100
    assert unread_share(page, []) == 1
    assert unread_share(page, upper) == pytest.approx(0.5, abs=0.05)
    assert unread_share(np.full((100, 100), 255, np.uint8), []) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (9000, 1), (3, 40), (64, 64)])
@pytest.mark.parametrize("fill", ["blank", "noise"])
def test_odd_shapes(shape, fill):
    """No shape is too small or too thin for any step."""
    grey = np.full(shape, 128, np.uint8)
    if fill == "noise":
        grey = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    page = cut_out_page(grey)
    assert page is None or page.size
    for step in (without_noise, without_shadows, levelled):
        assert step(grey).shape == shape
    assert with_large_letters(grey, 16e6).size >= grey.size
    assert 0 <= unread_share(grey, []) <= 1


def test_shrinking():
    """Only what is too large is shrunk, and keeps its proportions."""
    assert shrunk(paper(), 450).shape == (450, 350)
    small = paper()
    assert shrunk(small, 1000) is small


def test_orientation_of_a_camera():
    """A picture is turned as its metadata say."""
    image = Image.new("L", (60, 40), 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_image(encoded(image, "JPEG", exif=exif), **LIMITS).shape == (60, 40)


def test_transparent_parts_are_white():
    """Black letters on nothing can be read."""
    image = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert open_image(encoded(image), **LIMITS).min() == 255


def test_sixteen_bits():
    """A deep scan keeps its range."""
    deep = Image.fromarray(np.linspace(1000, 60000, 400).reshape(20, 20).astype(np.uint16))
    grey = open_image(encoded(deep), **LIMITS)
    assert (grey.min(), grey.max()) == (0, 255)


def test_a_large_picture_is_reduced():
    """More than 16 megapixels are not needed."""
    assert open_image(encoded(Image.new("L", (6000, 4000), 200), "JPEG"), **LIMITS).size <= 16e6


@pytest.mark.parametrize(
    ("content", "limits", "code"),
    [
        pytest.param(b"", {}, "image.unreadable", id="no bytes"),
        pytest.param(b"not an image at all", {}, "image.unreadable", id="not an image"),
        pytest.param(encoded(Image.new("L", (20, 20)))[:50], {}, "image.unreadable", id="half an image"),
        pytest.param(encoded(Image.new("1", (10000, 10000))), {}, "image.too_large", id="100 megapixels"),
        pytest.param(encoded(Image.new("L", (20, 20))), {"max_bytes": 10}, "image.file_too_large", id="too many bytes"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", {}, "image.unreadable", id="a program"),
    ],
)
def test_refusals(content, limits, code):
    """What cannot be read has a code that says why."""
    with pytest.raises(UnsupportedMedia) as error:
        open_image(content, **{**LIMITS, **limits})
    assert error.value.code == code
