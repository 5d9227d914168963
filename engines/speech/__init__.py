"""Hearing: recordings in, text out."""

from engines.speech.config import SpeechConfig
from engines.speech.transcriber import SpeechTranscriber, open_transcriber
from engines.speech.types import Segment, Transcript

__all__ = ["Segment", "SpeechConfig", "SpeechTranscriber", "Transcript", "open_transcriber"]
