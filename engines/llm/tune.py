"""Which form of a model suits this machine: the same weights in several formats, measured.

The rule: of the formats whose perplexity on the bundled text is at most 1 % above the source's, the one that takes the
least time for an exchange: 800 new prompt tokens, a question with four passages, and 120 spoken ones. The source stays
unless that is 5 % faster.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from statistics import fmean

from engines.llm.config import KvType, LlmConfig
from engines.llm.gguf import read_header
from engines.llm.memory import memory_plan

FORMATS = ("Q8_0", "Q4_0", "IQ4_NL", "Q4_K_M", "Q5_K_M", "Q6_K")
"""What weights can be written as. The first two are written in seconds; all can be computed fast on some processor."""
QUICK_FORMATS = ("Q8_0", "Q4_0")
SOURCE = "as it is"

MAX_DRIFT = 1.01
_MIN_GAIN = 1.05
_PROMPT_TOKENS, _SPOKEN_TOKENS = 800, 120
_MEASURED_PROMPT_TOKENS, _MEASURED_SPOKEN_TOKENS = 300, 24
_KV_TYPES: tuple[KvType, ...] = ("q8_0", "q4_0")
_FILE_TYPES = {2: "Q4_0", 7: "Q8_0", 15: "Q4_K_M", 17: "Q5_K_M", 18: "Q6_K", 25: "IQ4_NL"}
"""`general.file_type` as numbered by llama_ftype in llama.h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One form of the model, and what it was found to do."""

    weights: str
    """A format, or `as it is`."""
    kv_type: KvType
    threads: int
    memory_bytes: int
    """Weights, cache and scratch with the configured context."""
    read_rate: float
    """Prompt tokens per second."""
    speak_rate: float
    """Tokens per second of one answer."""
    drift: float
    """Perplexity divided by that of the source; 1 is no loss."""

    @property
    def exchange_seconds(self) -> float:
        """Of a question of usual length and its answer."""
        return _PROMPT_TOKENS / self.read_rate + _SPOKEN_TOKENS / self.speak_rate


@dataclass(slots=True)
class Tuner:
    """Tries forms of one model. Blocking, minutes for a large one; `work` gets a file for each format."""

    config: LlmConfig
    """Its model is the source; its context and slots are counted in the memory."""
    work: Path
    threads: int
    repeats: int = 3
    trials: list[Trial] = field(default_factory=list)
    _source_surprise: float = 0.0

    def try_formats(self, formats: Sequence[str]) -> Iterator[Trial]:
        """The source first, then each format that it does not have already. Raises TuningError, ModelLoadError."""
        from engines.llm.llama_trial import requantise  # noqa: PLC0415 - loads numpy

        yield self._try(SOURCE, "f16", [self.threads])[0]
        for weights in formats:
            if weights != _format_of(self.config.model_path):
                requantise(self.config.model_path, self.path_of(weights), weights, self.threads)
                yield self._try(weights, "f16", [self.threads])[0]

    def try_settings(self, weights: str, threads: Sequence[int]) -> Iterator[Trial]:
        """The same weights with other thread counts, and with smaller caches."""
        if others := [count for count in threads if count != self.threads]:
            yield from self._try(weights, "f16", others)
        for kv_type in _KV_TYPES:
            yield self._try(weights, kv_type, [self.threads])[0]

    def path_of(self, weights: str) -> Path:
        """The file of a format."""
        return self.config.model_path if weights == SOURCE else self.work / f"{weights}.gguf"

    def _try(self, weights: str, kv_type: KvType, threads: Sequence[int]) -> list[Trial]:
        from engines.llm.llama_trial import open_trial  # noqa: PLC0415 - loads numpy

        path = self.path_of(weights)
        with open_trial(path, kv_type) as model:
            texts = [model.tokens(text) for text in bundled_texts()]
            surprise = fmean(value for text in texts for value in model.surprise(text, self.threads))
            self._source_surprise = self._source_surprise or surprise
            found = [
                Trial(
                    weights=weights,
                    kv_type=kv_type,
                    threads=count,
                    memory_bytes=memory_plan(path, replace(self.config, kv_type=kv_type)).opening_bytes,
                    read_rate=self._best(model.read, texts[0][:_MEASURED_PROMPT_TOKENS], count),
                    speak_rate=self._best(model.speak, texts[0][:_MEASURED_SPOKEN_TOKENS], count),
                    drift=math.exp(surprise - self._source_surprise),
                )
                for count in threads
            ]
        self.trials += found
        return found

    def _best(self, measure: Callable[[Sequence[int], int], float], tokens: Sequence[int], threads: int) -> float:
        """The fastest of some runs: what else the machine does only makes them slower."""
        return max(measure(tokens, threads) for _ in range(self.repeats))


def best(trials: Sequence[Trial]) -> Trial:
    """The winner by the rule above; the first trial is the source's."""
    source = trials[0]
    faithful = [trial for trial in trials if trial.drift <= MAX_DRIFT]
    winner = min(faithful, key=lambda trial: trial.exchange_seconds)
    return winner if winner.exchange_seconds * _MIN_GAIN <= source.exchange_seconds else source


def bundled_texts() -> list[str]:
    """Plain prose, English and Chinese, written for this."""
    folder = resources.files("engines.llm") / "data"
    return [(folder / f"prose.{language}.txt").read_text("utf-8") for language in ("en", "zh")]


def _format_of(path: Path) -> str | None:
    kind = read_header(path).metadata.get("general.file_type")
    return _FILE_TYPES.get(kind) if isinstance(kind, int) else None
