"""A few hundred damaged files: each is decoded or refused, nothing else happens."""

import random
from collections import Counter
from pathlib import Path

import pytest

from engines.errors import UnsupportedMedia
from engines.ocr.image import open_image
from engines.speech.audio import SAMPLE_RATE, decode
from tests.integration.test_whisper import encoded

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[1] / "data"
DAMAGES_PER_FILE = 50


def truncate(content, rng):
    return content[: rng.randrange(len(content))]


def overwrite(content, rng):
    damaged = bytearray(content)
    for _ in range(rng.randrange(1, 20)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def overwrite_header(content, rng):
    header = bytearray(content[:200])
    for _ in range(rng.randrange(1, 10)):
        header[rng.randrange(len(header))] = rng.choice((0, 127, 128, 255))
    return bytes(header) + content[200:]


def cut_out(content, rng):
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.randrange(1, 2000) :]


def insert(content, rng):
    start = rng.randrange(len(content))
    return content[:start] + rng.randbytes(rng.randrange(1, 500)) + content[start:]


DAMAGES = (truncate, overwrite, overwrite_header, cut_out, insert)


def damaged(content):
    """The content in many damaged forms, the same ones each time; with a name for the failure message."""
    for seed in range(DAMAGES_PER_FILE):
        damage = DAMAGES[seed % len(DAMAGES)]
        yield f"{damage.__name__} {seed}", damage(content, random.Random(seed))


def outcomes(content, read):
    """How often reading succeeded, and how often it was refused with which code."""
    counts = Counter()
    for name, broken in damaged(content):
        try:
            read(broken)
        except UnsupportedMedia as refusal:
            counts[refusal.code] += 1
        except Exception as error:
            raise AssertionError(f"{name}: {error!r}") from error
        else:
            counts["read"] += 1
    return counts


@pytest.mark.parametrize(
    ("container", "codec"),
    [("wav", "pcm_s16le"), ("mp3", "mp3"), ("ipod", "aac"), ("flac", "flac"), ("webm", "libopus"), ("ogg", "libopus")],
)
def test_audio(container, codec):
    """Damaged sound is decoded as far as it goes, or refused."""
    note = decode((DATA / "audio" / "zh_foot.ogg").read_bytes(), max_seconds=60, max_bytes=10**6)

    def read(content):
        assert 0 < decode(content, max_seconds=60, max_bytes=10**6).size <= 60 * SAMPLE_RATE

    counts = outcomes(encoded(note, container, codec), read)
    assert counts["read"] > 0
    assert set(counts) <= {"read", "audio.empty", "audio.unreadable", "audio.too_long"}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", ["scan_en.tif", "scan_en_turned.png", "screenshot_zh.png", "photo_en.jpg"])
def test_images(name):
    """Damaged pictures are decoded, or refused."""

    def read(content):
        assert open_image(content, max_megapixels=8, max_bytes=10**6).ndim == 2

    counts = outcomes((DATA / "images" / name).read_bytes(), read)
    assert counts["image.unreadable"] > 0
    assert set(counts) <= {"read", "image.unreadable", "image.too_large"}
