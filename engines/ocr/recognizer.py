"""The OCR engine's async face: a picture in, RecognizedText out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engines.ocr.config import OcrConfig
from engines.ocr.layout import confidence, to_text
from engines.ocr.types import RecognizedText
from engines.worker import SerialWorker


class TesseractRecognizer:
    """Reads with Tesseract, one picture at a time. Nothing stays in memory between two pictures."""

    def __init__(self, config: OcrConfig, worker: SerialWorker) -> None:
        self._config = config
        self._worker = worker

    async def read(self, image: bytes, languages: str | None = None) -> RecognizedText:
        """The text in an image; `languages` in Tesseract's form, none for the configured ones.

        Raises UnsupportedMedia, EngineFailed, EngineOverloaded or EngineClosed.
        """
        return await self._worker.run(_read, image, languages or self._config.languages, self._config)

    async def ping(self) -> None:
        """Raises UnsupportedMedia when the program or a configured language is missing."""
        await self._worker.run(_check, self._config)


def _read(content: bytes, languages: str, config: OcrConfig) -> RecognizedText:
    from engines.ocr.image import open_image  # noqa: PLC0415 - loads Pillow and OpenCV
    from engines.ocr.reader import Reader  # noqa: PLC0415
    from engines.ocr.tesseract import Tesseract  # noqa: PLC0415

    tesseract = Tesseract(timeout_seconds=config.timeout_seconds)
    tesseract.check_languages(languages)
    grey = open_image(content, max_megapixels=config.max_megapixels, max_bytes=config.max_bytes)
    words = Reader(tesseract, languages).read(grey)
    return RecognizedText(text=to_text(words), confidence=confidence(words), language=languages)


def _check(config: OcrConfig) -> None:
    from engines.ocr.tesseract import Tesseract  # noqa: PLC0415

    Tesseract(timeout_seconds=config.timeout_seconds).check_languages(config.languages)


@asynccontextmanager
async def open_text_recognizer(config: OcrConfig) -> AsyncIterator[TesseractRecognizer]:
    """A recognizer that costs nothing until there is a picture."""
    worker = SerialWorker("ocr")
    try:
        yield TesseractRecognizer(config, worker)
    finally:
        await worker.close()
