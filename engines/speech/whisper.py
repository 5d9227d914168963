"""Whisper and Silero, both from faster-whisper: samples -> scored text, samples -> probability of speech.

Imported only where the model is loaded: the libraries take half a second to import.
"""

from math import exp
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import TranscriptionOptions, get_suppressed_tokens
from faster_whisper.utils import get_assets_path
from faster_whisper.vad import SileroVADModel
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engines.errors import EngineFailed, ModelLoadError
from engines.speech.audio import SAMPLE_RATE, Pcm
from engines.speech.config import SpeechConfig
from engines.speech.gate import SURE_LANGUAGE, Heard, ScoredSegment
from engines.speech.types import Segment
from engines.speech.writing import write

_FRAMES_PER_SECOND = 100
_MOST_TOKENS_PER_SECOND = 15
"""Twice as many as the fastest speech has; a loop would otherwise run to the end of the model's context."""

_SHORTEST_TAIL_SECONDS = 0.5
"""When Whisper ends its text earlier than the samples, what is left is decoded once more unless it is this short."""

_SILERO_CONTEXT = 64
_SILERO_BLOCK = 256


class SpeechProbability:
    """Silero's network: how likely each frame of `frame_samples` is speech."""

    frame_samples = 512

    def __init__(self) -> None:
        self._session = SileroVADModel(str(Path(get_assets_path(), "silero_vad_v6.onnx"))).session

    def __call__(self, pcm: Pcm) -> NDArray[np.float32]:
        """One probability per frame, the last one filled up with silence."""
        frames = np.pad(pcm, (_SILERO_CONTEXT, -pcm.size % self.frame_samples))
        # Each frame is seen with the end of the one before it.
        seen = sliding_window_view(frames, self.frame_samples + _SILERO_CONTEXT)[:: self.frame_samples]
        short_memory = long_memory = np.zeros((1, 1, 128), np.float32)
        probabilities = []
        # In blocks, because the network works on all frames of a call at once and takes memory for each.
        for block in np.array_split(seen, -(-len(seen) // _SILERO_BLOCK)):
            inputs = {"input": as_float(block), "h": short_memory, "c": long_memory}
            found, short_memory, long_memory = self._session.run(None, inputs)
            probabilities.append(found.reshape(-1))
        return np.concatenate(probabilities)


class Whisper:
    """A loaded model. Used by one thread at a time."""

    def __init__(self, config: SpeechConfig) -> None:
        path = str(config.model_path)
        try:
            self._model = WhisperModel(
                path, device="cpu", compute_type="int8", cpu_threads=config.cpu_threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelLoadError("model.broken", path=path, detail=str(error)) from error
        self._beam_size = config.beam_size
        self._hotwords = ", ".join(config.hotwords) or None
        self._script = config.chinese_script

    def hear(self, pcm: Pcm, *, fallback_language: str | None, window_seconds: float) -> Heard:
        """What is said in at most 30 s of samples.

        The fallback is taken where the language is a guess; one that the model does not know is left aside.

        Whisper encodes 30 s whatever it is given. A shorter window costs less in proportion, and below 10 s the
        decoder falls into loops (OpenNMT/CTranslate2 issue 2100 warns of it). Raises EngineFailed.
        """
        if fallback_language not in self._model.supported_languages:
            fallback_language = None
        features = self._model.feature_extractor(as_float(pcm))
        window = min(round(window_seconds * _FRAMES_PER_SECOND), self._model.feature_extractor.nb_max_frames)
        try:
            encoded = self._model.encode(pad_or_trim(features, window))
            detected, probability = self._detect(encoded)
            language = detected if probability >= SURE_LANGUAGE else fallback_language or detected
            tokenizer = Tokenizer(
                self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
            )
            options = self._options(tokenizer, pcm.size / SAMPLE_RATE)
            # The encoder's output serves the language and the first window; only a tail left over is encoded again.
            found = list(self._model.generate_segments(features, tokenizer, options, False, encoded))  # noqa: FBT003
        except (RuntimeError, ValueError) as error:
            raise EngineFailed("engine.failed", detail=str(error)) from error
        return Heard(
            segments=tuple(self._scored(segment, language, pcm.size / SAMPLE_RATE) for segment in found),
            language=language,
            is_language_sure=probability >= SURE_LANGUAGE or fallback_language is not None,
        )

    def _scored(self, segment: Any, language: str, seconds: float) -> ScoredSegment:
        """faster-whisper's segment as ours; a time beyond the samples is in the filling of the window."""
        start, end = min(segment.start, seconds), min(segment.end, seconds)
        return ScoredSegment(
            segment=Segment(start, end, write(segment.text, language, self._script), exp(segment.avg_logprob)),
            log_probability=segment.avg_logprob,
            compression_ratio=segment.compression_ratio,
        )

    def _detect(self, encoded: Any) -> tuple[str, float]:
        if not self._model.model.is_multilingual:
            return "en", 1.0
        token, probability = self._model.model.detect_language(encoded)[0][0]
        return token[2:-2], probability

    def _options(self, tokenizer: Tokenizer, seconds: float) -> TranscriptionOptions:
        prompt = self._model.get_prompt(tokenizer, [], hotwords=self._hotwords)
        return TranscriptionOptions(
            beam_size=self._beam_size,
            best_of=1,
            patience=1.0,
            length_penalty=1.0,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            log_prob_threshold=-1.0,
            no_speech_threshold=0.6,
            compression_ratio_threshold=2.4,
            condition_on_previous_text=False,
            prompt_reset_on_temperature=0.5,
            # Higher temperatures make noise five to ten times as dear as speech and never made sense of it.
            temperatures=[0.0, 0.4],
            initial_prompt=None,
            prefix=None,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            without_timestamps=False,
            max_initial_timestamp=1.0,
            word_timestamps=False,
            prepend_punctuations="",
            append_punctuations="",
            multilingual=False,
            max_new_tokens=min(round(_MOST_TOKENS_PER_SECOND * seconds) + 30, self._model.max_length - len(prompt)),
            clip_timestamps=[0.0, max(seconds - _SHORTEST_TAIL_SECONDS, seconds / 2)],
            hallucination_silence_threshold=None,
            hotwords=self._hotwords,
        )


def as_float(pcm: Pcm) -> NDArray[np.float32]:
    """The same samples from -1 to 1, the form that networks take."""
    return pcm.astype(np.float32) / np.float32(32768)
