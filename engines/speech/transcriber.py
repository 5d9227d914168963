"""The speech engine's async face: a recording in, a Transcript out."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.errors import ModelLoadError
from engines.idle import IdleResource
from engines.speech.audio import SAMPLE_RATE, Pcm, decode
from engines.speech.config import SpeechConfig
from engines.speech.gate import Heard, choose
from engines.speech.notes import Notes
from engines.speech.pieces import cut, find_holes, within
from engines.speech.types import Transcript
from engines.speech.vad import Region, find_likely_speech, find_speech, open_detector, quietest_sample
from engines.worker import SerialWorker

if TYPE_CHECKING:
    from engines.speech.whisper import SpeechProbability, Whisper

_FULL_WINDOW_SECONDS = 30.0
_SHORTEST_WINDOW_SECONDS = 16.0
_WINDOW_MARGIN_SECONDS = 4.0
_MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class _Survey:
    """Where a recording has speech, and the pieces in which it will be heard."""

    speech: tuple[Region, ...]
    pieces: tuple[Region, ...]


class SpeechTranscriber:
    """Hears with Whisper. The models load at the first use and leave memory when nobody has spoken for a while.

    A recording is heard piece by piece, each a job of its own: a short note does not wait for the end of a long memo,
    and cancelling takes effect after the running piece.
    """

    def __init__(self, config: SpeechConfig, worker: SerialWorker) -> None:
        self._config = config
        self._worker = worker
        self._silero = IdleResource(worker, _load_silero, idle_seconds=config.idle_seconds)
        self._whisper = IdleResource(worker, lambda: _load_whisper(config), idle_seconds=config.idle_seconds)

    async def transcribe(
        self,
        audio: bytes,
        mime_type: str = "",  # noqa: ARG002 - the container itself says what it is
        language: str | None = None,
    ) -> Transcript:
        """What is said in a recording; `language` helps where it cannot be told from the sound.

        Raises UnsupportedMedia, ModelLoadError, EngineFailed, EngineOverloaded or EngineClosed.
        """
        limits = self._config
        pcm = await self._worker.run(decode, audio, max_seconds=limits.max_seconds, max_bytes=limits.max_bytes)
        survey = await self._survey(pcm)
        notes = Notes(hint=language)
        for piece in survey.pieces:
            await self._hear(pcm, piece, notes)
            # Whisper sometimes skips a sentence, above all in another language. What has no text is heard alone.
            for hole in find_holes(within(piece, survey.speech), notes.segments):
                await self._hear(pcm, hole, notes)
        return Transcript(
            text=notes.text,
            language=notes.language,
            audio_seconds=pcm.size / SAMPLE_RATE,
            speech_seconds=sum(region.seconds for region in survey.speech),
            segments=tuple(notes.segments),
        )

    async def ping(self) -> None:
        """Raises ModelLoadError when the model's files are not all there."""
        await asyncio.to_thread(check_model, self._config)

    def close(self) -> None:
        """Frees the models; the worker has ended before."""
        self._silero.close()
        self._whisper.close()

    async def _hear(self, pcm: Pcm, piece: Region, notes: Notes) -> None:
        notes.add(await self._whisper.run(_hear, pcm, piece, notes.expected_language), piece)

    async def _survey(self, pcm: Pcm) -> _Survey:
        """webrtcvad is asked first: where it hears nothing, no network has to be loaded."""
        if not await self._worker.run(lambda: find_speech(pcm, open_detector())):
            return _Survey((), ())
        return await self._silero.run(_look_closer, pcm)


def _look_closer(silero: "SpeechProbability", pcm: Pcm) -> _Survey:
    probabilities = silero(pcm)
    speech = find_likely_speech(probabilities, silero.frame_samples)
    pieces = cut(pcm.size, speech, lambda start, end: quietest_sample(probabilities, silero.frame_samples, start, end))
    return _Survey(tuple(speech), tuple(pieces))


def _hear(whisper: "Whisper", pcm: Pcm, piece: Region, expected_language: str | None) -> Heard:
    """A short window first; the full one when the result is doubtful."""
    samples = pcm[piece.start : piece.end]
    window = min(max(_SHORTEST_WINDOW_SECONDS, piece.seconds + _WINDOW_MARGIN_SECONDS), _FULL_WINDOW_SECONDS)
    heard = whisper.hear(samples, fallback_language=expected_language, window_seconds=window)
    if heard.is_doubtful and window < _FULL_WINDOW_SECONDS:
        again = whisper.hear(samples, fallback_language=expected_language, window_seconds=_FULL_WINDOW_SECONDS)
        return choose([heard, again])
    return heard


def check_model(config: SpeechConfig) -> None:
    """Raises ModelLoadError unless the folder has every file.

    An incomplete one would make faster-whisper look for the rest on the network.
    """
    missing = [path for name in _MODEL_FILES if not (path := config.model_path / name).is_file()]
    if not missing and not any(config.model_path.glob("vocabulary.*")):
        missing = [config.model_path / "vocabulary.json"]
    if missing:
        raise ModelLoadError("model.missing", path=str(missing[0]))


def _load_silero() -> "SpeechProbability":
    _keep_libraries_modest()
    from engines.speech.whisper import SpeechProbability  # noqa: PLC0415

    return SpeechProbability()


def _load_whisper(config: SpeechConfig) -> "Whisper":
    check_model(config)
    _keep_libraries_modest()
    from engines.speech.whisper import Whisper  # noqa: PLC0415

    return Whisper(config)


def _keep_libraries_modest() -> None:
    """Before the libraries are imported: nothing is looked up on the network, and waiting threads do not spin."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("KMP_BLOCKTIME", "0")


@asynccontextmanager
async def open_transcriber(config: SpeechConfig) -> AsyncIterator[SpeechTranscriber]:
    """A transcriber that costs nothing until somebody speaks."""
    worker = SerialWorker("speech")
    transcriber = SpeechTranscriber(config, worker)
    try:
        yield transcriber
    finally:
        await worker.close()
        transcriber.close()
