"""How speech is heard."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechConfig:
    """Settings of the speech engine."""

    model_path: Path
    """Folder of a Whisper model in CTranslate2's form: model.bin, config.json, tokenizer.json and vocabulary."""
    cpu_threads: Annotated[int, Ge(1), Le(64)] = 1
    """Threads of one transcription. Two are 1.3 times as fast on an idle machine, slower on a busy one."""
    beam_size: Annotated[int, Ge(1), Le(10)] = 5
    """Candidates kept while decoding. More is more exact and takes longer; 1 saves about a quarter of the time."""
    chinese_script: Literal["simplified", "traditional", "as_heard"] = "simplified"
    """The script that Chinese is written in; the model mixes both."""
    hotwords: tuple[str, ...] = ()
    """Names and words of the household that the model should expect."""
    idle_seconds: Annotated[float, Gt(0)] = 900.0
    """The model leaves memory after this time without use."""
    max_seconds: Annotated[float, Gt(0)] = 3600.0
    """Longer recordings are refused."""
    max_bytes: Annotated[int, Ge(1)] = 100 * 1024 * 1024
    """Larger files are refused before they are decoded."""
