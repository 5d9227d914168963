"""A model on trial: how fast it reads and speaks, and how well it expects a text."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from engines.errors import EngineFailed, ModelLoadError, TuningError
from engines.llm.batch import BatchPlan, Row
from engines.llm.config import KvType, LlmConfig
from engines.llm.llama import load_model
from engines.llm.llama_batch import LlamaBatch
from engines.llm.llama_form import LlamaForms
from engines.llm.llama_library import library
from engines.llm.llama_runner import context_params
from engines.llm.llama_tokenizer import LlamaTokenizer
from engines.llm.memory import check_memory, memory_plan

_CONTEXT_TOKENS = 2048
_BATCH_TOKENS = 256

_UNCOUNTED_TOKENS = 16
"""At the start of a text nothing can be expected yet."""


class LlamaTrial:
    """One model in one context, with nobody else in it. Blocking.

    Rates count the processor time of each thread: what other programs take meanwhile says nothing about a format.
    """

    def __init__(self, lib: Any, model: Any, context: Any) -> None:
        self._lib = lib
        self._context = context
        self._batch = LlamaBatch(lib, _BATCH_TOKENS)
        vocab = lib.llama_model_get_vocab(model)
        self._vocab_size = lib.llama_vocab_n_tokens(vocab)
        self._tokenizer = LlamaTokenizer(lib, vocab, LlamaForms(lib, vocab, str))
        self._held = 0

    def tokens(self, text: str) -> list[int]:
        """The text as this model reads it, as far as it fits."""
        return [*self._tokenizer.opening, *self._tokenizer.encode(text, special=False)][: _CONTEXT_TOKENS // 2]

    def read(self, tokens: Sequence[int], threads: int) -> float:
        """Tokens per second of a prompt."""
        self._clear()
        start = process_time()
        for begin in range(0, len(tokens), _BATCH_TOKENS):
            self._decode(tokens[begin : begin + _BATCH_TOKENS], threads, all_logits=False)
        return len(tokens) * threads / (process_time() - start)

    def speak(self, tokens: Sequence[int], threads: int) -> float:
        """Tokens per second, one at a time, after whatever was read last."""
        start = process_time()
        for token in tokens:
            self._decode([token], threads, all_logits=True)
        return len(tokens) * threads / (process_time() - start)

    def surprise(self, tokens: Sequence[int], threads: int) -> list[float]:
        """-log p of each token after those before it, in nats, without the first few."""
        self._clear()
        surprises: list[float] = []
        for begin in range(0, len(tokens) - 1, _BATCH_TOKENS):
            following = np.asarray(tokens[begin + 1 : begin + 1 + _BATCH_TOKENS])
            self._decode(tokens[begin : begin + len(following)], threads, all_logits=True)
            surprises += _surprise(self._logits(len(following)), following)
        return surprises[_UNCOUNTED_TOKENS:]

    def _clear(self) -> None:
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), True)  # noqa: FBT003
        self._held = 0

    def _decode(self, tokens: Sequence[int], threads: int, *, all_logits: bool) -> None:
        self._lib.llama_set_n_threads(self._context, threads, threads)
        rows = tuple(Row(token, at, 0, wants_logits=all_logits) for at, token in enumerate(tokens, self._held))
        if code := self._lib.llama_decode(self._context, self._batch.fill(BatchPlan(rows, ()))):
            raise EngineFailed("engine.failed", detail=f"llama_decode returned {code}")
        self._lib.llama_synchronize(self._context)
        self._held += len(tokens)

    def _logits(self, rows: int) -> Any:
        pointer = ctypes.cast(self._lib.llama_get_logits(self._context), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (rows, self._vocab_size))


@contextmanager
def open_trial(path: Path, kv_type: KvType = "f16") -> Iterator[LlamaTrial]:
    """Loads a model for itself. Raises ModelLoadError."""
    config = LlmConfig(
        model_path=path, context_tokens=_CONTEXT_TOKENS, slots=1, batch_tokens=_BATCH_TOKENS, kv_type=kv_type
    )
    check_memory(memory_plan(path, config), path)
    lib = library()
    model = load_model(lib, config)
    params = context_params(lib, config, _CONTEXT_TOKENS)
    params.n_outputs_max = _BATCH_TOKENS
    context = lib.llama_init_from_model(model, params)
    try:
        if context is None:
            raise ModelLoadError("model.no_context", detail=f"{kv_type} cache for {path}")
        yield LlamaTrial(lib, model, context)
    finally:
        if context is not None:
            lib.llama_free(context)
        lib.llama_model_free(model)


def requantise(source: Path, target: Path, weights: str, threads: int) -> None:
    """Writes the model with its weights in another format, such as Q8_0. Raises TuningError."""
    lib = library()
    params = lib.llama_model_quantize_default_params()
    params.ftype = getattr(lib, f"LLAMA_FTYPE_MOSTLY_{weights}")
    params.nthread = threads
    params.allow_requantize = True
    if lib.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        target.unlink(missing_ok=True)
        raise TuningError("tune.failed", path=str(source), weights=weights)


def _surprise(logits: Any, tokens: Any) -> list[float]:
    """Negative log-softmax at the tokens, in double precision."""
    highest = logits.max(axis=1, keepdims=True)
    norms = np.log(np.exp(logits - highest).sum(axis=1, dtype=np.float64)) + highest[:, 0]
    return [float(value) for value in norms - logits[np.arange(len(tokens)), tokens]]
