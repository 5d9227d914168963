"""The OCR engine's async face: a picture in, RecognizedText out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.idle import IdleResource
from engines.ocr.config import OcrConfig
from engines.ocr.layout import confidence, to_lines
from engines.ocr.types import RecognizedText
from engines.worker import SerialWorker

if TYPE_CHECKING:
    from engines.ocr.image import Grey
    from engines.ocr.rapid import Rapid
    from engines.ocr.reader import Reading

_GOOD_ALONE, _GOOD_WITH_HELP = 85.0, 90.0
"""Tesseract's confidence above which nothing else is tried: a second look of its own, or RapidOCR."""

_RAPID_LANGUAGES = frozenset(
    [
        "eng",
        "chi_sim",
        "chi_tra",
        "jpn",
        "deu",
        "fra",
        "spa",
        "ita",
        "por",
        "nld",
        "swe",
        "dan",
        "nor",
        "fin",
        "pol",
        "ces",
        "lat",
    ]
)
"""Those of Tesseract's languages whose letters RapidOCR's network knows."""


@dataclass(frozen=True, slots=True)
class _Look:
    """A picture, and what Tesseract made of it."""

    grey: "Grey"
    reading: "Reading"


class PictureRecognizer:
    """Reads one picture at a time. RapidOCR's networks load when they are needed and leave memory when idle."""

    def __init__(self, config: OcrConfig, worker: SerialWorker) -> None:
        self._config = config
        self._worker = worker
        self._rapid = IdleResource(worker, _load_rapid, idle_seconds=config.idle_seconds)

    async def read(self, image: bytes, languages: str | None = None) -> RecognizedText:
        """The text in an image; `languages` in Tesseract's form, none for the configured ones.

        Raises UnsupportedMedia, EngineFailed, EngineOverloaded or EngineClosed.
        """
        wanted = languages or self._config.languages
        if self._config.engine == "rapidocr":
            return _answer(await self._rapid.run(_read_rapidly, image, self._config), wanted)
        can_help = self._config.engine == "both" and _RAPID_LANGUAGES.issuperset(wanted.split("+"))
        look = await self._worker.run(_look, image, wanted, self._config, can_help=can_help)
        if can_help and not look.reading.is_good:
            return _answer(await self._rapid.run(_look_again, look), wanted)
        return _answer(look.reading, wanted)

    async def ping(self) -> None:
        """Raises UnsupportedMedia when the program or a configured language is missing."""
        if self._config.engine != "rapidocr":
            await self._worker.run(_check, self._config)

    def close(self) -> None:
        """Frees the networks; the worker has ended before."""
        self._rapid.close()


def _look(content: bytes, languages: str, config: OcrConfig, *, can_help: bool) -> _Look:
    """With help at hand a doubtful picture is not looked at twice."""
    from engines.ocr.pages import TesseractPages  # noqa: PLC0415 - loads Pillow and OpenCV
    from engines.ocr.reader import Reader  # noqa: PLC0415
    from engines.ocr.tesseract import Tesseract  # noqa: PLC0415

    tesseract = Tesseract(timeout_seconds=config.timeout_seconds)
    tesseract.check_languages(languages)
    grey = _open(content, config)
    pages = TesseractPages(tesseract, languages, good_confidence=_GOOD_WITH_HELP if can_help else _GOOD_ALONE)
    return _Look(grey, Reader(pages).read(grey, most_tries=1 if can_help else 2))


def _look_again(rapid: "Rapid", look: _Look) -> "Reading":
    """On the page that Tesseract had; from the picture anew only when that is no better."""
    from engines.ocr.reader import Reader, best  # noqa: PLC0415

    reader = Reader(rapid)
    readings = [reader.read_prepared(look.reading.page), look.reading]
    if not readings[0].is_good:
        readings.append(reader.read(look.grey, most_tries=2))
    return best(readings)


def _read_rapidly(rapid: "Rapid", content: bytes, config: OcrConfig) -> "Reading":
    from engines.ocr.reader import Reader  # noqa: PLC0415

    return Reader(rapid).read(_open(content, config), most_tries=2)


def _open(content: bytes, config: OcrConfig) -> "Grey":
    from engines.ocr.image import open_image  # noqa: PLC0415

    return open_image(content, max_megapixels=config.max_megapixels, max_bytes=config.max_bytes)


def _answer(reading: "Reading", languages: str) -> RecognizedText:
    words = reading.text_words
    lines = tuple(to_lines(words))
    return RecognizedText(
        text="\n".join(line.text for line in lines),
        confidence=confidence(words),
        language=languages,
        lines=lines,
        is_unclear=reading.is_writing and not words,
    )


def _load_rapid() -> "Rapid":
    from engines.ocr.rapid import Rapid  # noqa: PLC0415

    return Rapid()


def _check(config: OcrConfig) -> None:
    from engines.ocr.tesseract import Tesseract  # noqa: PLC0415

    Tesseract(timeout_seconds=config.timeout_seconds).check_languages(config.languages)


@asynccontextmanager
async def open_text_recognizer(config: OcrConfig) -> AsyncIterator[PictureRecognizer]:
    """A recognizer that costs nothing until there is a picture."""
    worker = SerialWorker("ocr")
    recognizer = PictureRecognizer(config, worker)
    try:
        yield recognizer
    finally:
        await worker.close()
        recognizer.close()
