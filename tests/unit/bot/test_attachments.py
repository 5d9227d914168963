"""What a person is told about recordings and pictures."""

import pytest

from bot.attachments import AttachmentConfig, AttachmentReader, echo
from bot.domain import Attachment, AttachmentKind
from engines.ocr.types import Line, RecognizedText
from engines.speech.types import Segment, Transcript
from tests.fakes.engines import FakeExtractor, FakeRecognizer, FakeTranscriber


class Hearing(FakeTranscriber):
    """Hears the same words always, as surely and as long as told."""

    def __init__(self, confidence, seconds):
        self._confidence, self._seconds = confidence, seconds

    async def transcribe(self, audio, mime_type="", language=None):
        segments = (Segment(0, 1, "buy milk", self._confidence),)
        return Transcript(
            text="buy milk", language="en", audio_seconds=self._seconds, speech_seconds=1, segments=segments
        )


class Seeing(FakeRecognizer):
    """Reads what it was told to read."""

    def __init__(self, found):
        self._found = found

    async def read(self, image, languages=None):
        return self._found


async def told(kind, transcriber=None, recognizer=None):
    """The echo of one attachment."""
    reader = AttachmentReader(
        AttachmentConfig(), transcriber or FakeTranscriber(), recognizer or FakeRecognizer(), FakeExtractor()
    )
    attachment = Attachment(kind=kind, file_name="it", mime_type="", handle="1")

    async def fetch(_):
        return b"bytes"

    async def show_status(_):
        pass

    return echo(await reader.read((attachment,), fetch, show_status, "en"), "en")


@pytest.mark.parametrize(
    ("confidence", "seconds", "expected"),
    [
        pytest.param(0.9, 5, "heard: “buy milk”", id="sure"),
        pytest.param(0.5, 5, "I heard, not sure: “buy milk”", id="unsure"),
        pytest.param(
            0.9,
            61,
            "heard: “buy milk”\nit is longer than a minute. Ask me for a summary if you want one.",
            id="long",
        ),
    ],
)
async def test_recordings(confidence, seconds, expected):
    """Doubt is said, and after a long memo a summary is offered."""
    assert await told(AttachmentKind.VOICE, transcriber=Hearing(confidence, seconds)) == expected


async def test_a_line_that_may_be_wrong_is_marked():
    """The echo of a picture shows which line was read unsurely."""
    found = RecognizedText(text="clear\ndim", confidence=70, language="eng", lines=(Line("clear", 90), Line("dim", 45)))
    assert await told(AttachmentKind.IMAGE, recognizer=Seeing(found)) == "read from picture: “clear\ndim [?]”"


async def test_a_blurred_page_is_refused_with_advice():
    """Writing that cannot be read is told apart from no writing."""
    found = RecognizedText(text="", confidence=0, language="eng", is_unclear=True)
    assert "Hold the camera closer" in await told(AttachmentKind.IMAGE, recognizer=Seeing(found))
