"""One llama.cpp context behind the seam. The library is handed in, and every return code is read here."""

import ctypes
import logging
from typing import Any

import numpy as np

from engines.errors import EngineFailed, ModelLoadError
from engines.llm.batch import SPOKEN_ROWS, BatchPlan, DecodeOutcome, Row
from engines.llm.config import KvType, LlmConfig
from engines.llm.llama_batch import LlamaBatch
from engines.llm.llama_form import LlamaForms
from engines.llm.llama_library import errors_since, forget_errors, reason, schema_grammar
from engines.llm.llama_sampler import LlamaSampler
from engines.llm.request import SamplingParams

log = logging.getLogger(__name__)

_CONTEXT_MULTIPLE = 256
"""llama.cpp rounds the size of a cache up to this."""

_BEGINNINGS = 2
"""System texts that are kept for all sessions: one is the rule, languages and personas make more."""


class LlamaRunner:
    """A model and one context with a unified KV cache; implements ModelRunner."""

    def __init__(self, lib: Any, model: Any, config: LlmConfig, context_tokens: int) -> None:
        self._lib = lib
        self._model = model
        vocab = lib.llama_model_get_vocab(model)
        self._vocab_size = lib.llama_vocab_n_tokens(vocab)
        self._forms = LlamaForms(lib, vocab, schema_grammar)
        self._slots = config.slots
        self._cuttable = not (lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model))
        self._params = context_params(lib, config, context_tokens)
        self._params.n_seq_max = self._slots + self.beginnings
        self._outputs = max(self._slots, SPOKEN_ROWS)
        self._params.n_outputs_max = max(self._params.n_seq_max, self._outputs)
        self._batch = LlamaBatch(lib, config.batch_tokens)
        self._context: Any = None
        self._open_context()

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def beginnings(self) -> int:
        return _BEGINNINGS if self._cuttable else 0

    @property
    def cuttable(self) -> bool:
        return self._cuttable

    @property
    def can_shift(self) -> bool:
        return self._cuttable and bool(self._lib.llama_memory_can_shift(self._memory))

    @property
    def capacity(self) -> int:
        return int(self._lib.llama_n_ctx(self._context))

    def use_threads(self, count: int) -> None:
        self._lib.llama_set_n_threads(self._context, count, count)

    def decode(self, plan: BatchPlan) -> DecodeOutcome:
        # llama.cpp ends the process on a batch that is larger than it was told to expect.
        if len(plan.rows) > self._batch.capacity or plan.outputs > self._outputs:
            log.error("a plan of %d rows, of which %d want logits, is too large", len(plan.rows), plan.outputs)
            return DecodeOutcome.FAILED
        code = self._lib.llama_decode(self._context, self._batch.fill(plan))
        match code:
            case 0:
                return DecodeOutcome.OK
            case 1:
                return DecodeOutcome.NO_ROOM
            case 2:
                return DecodeOutcome.ABORTED
            case _:  # -1 is an invalid batch, which means that the books are wrong; less is fatal by itself
                log.error("llama_decode returned %d: %s", code, "; ".join(errors_since()))
                return DecodeOutcome.FAILED

    def open_sampler(self, params: SamplingParams) -> LlamaSampler:
        return LlamaSampler(self._lib, lambda: self._context, params, self._vocab_size, self._forms.sampler(params))

    def held(self, slot: int) -> int:
        return int(self._lib.llama_memory_seq_pos_max(self._memory, slot)) + 1

    def truncate(self, slot: int, keep: int) -> bool:
        done = bool(self._lib.llama_memory_seq_rm(self._memory, slot, keep, -1))
        if not done:
            self._lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        return done

    def share(self, source: int, target: int, tokens: int) -> None:
        self._lib.llama_memory_seq_cp(self._memory, source, target, 0, tokens)

    def shift(self, slot: int, start: int, end: int) -> None:
        self._lib.llama_memory_seq_rm(self._memory, slot, start, end)
        self._lib.llama_memory_seq_add(self._memory, slot, end, -1, start - end)

    def export(self, slot: int) -> memoryview:
        state = np.empty(self._lib.llama_state_seq_get_size(self._context, slot), np.uint8)
        written = self._lib.llama_state_seq_get_data(self._context, _bytes(state), len(state), slot)
        return state.data[:written]

    def restore(self, slot: int, state: bytes | memoryview) -> bool:
        data = np.frombuffer(state, np.uint8)
        read = self._lib.llama_state_seq_set_data(self._context, _bytes(data), len(data), slot)
        # A reported success proves little (llama.cpp#26676): the positions must be there, from the first one on.
        first = self._lib.llama_memory_seq_pos_min(self._memory, slot)
        if read and (first == 0 or not self._cuttable):
            return True
        self._lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        return False

    def reset(self) -> None:
        self._lib.llama_free(self._context)
        self._context = None
        try:
            self._open_context()
        except ModelLoadError as error:
            raise EngineFailed("engine.failed", detail=error.sentence) from error

    def close(self) -> None:
        if self._context is not None:
            self._lib.llama_free(self._context)
            self._context = None
        if self._model is not None:
            self._lib.llama_model_free(self._model)
            self._model = None

    @property
    def _memory(self) -> Any:
        return self._lib.llama_get_memory(self._context)

    def _open_context(self) -> None:
        forget_errors()
        self._context = self._lib.llama_init_from_model(self._model, self._params)
        if self._context is None:
            raise ModelLoadError("model.no_context", detail=reason())
        self._warm_up()

    def _warm_up(self) -> None:
        """One token is read and forgotten: the weights are brought into memory before anybody waits for an answer."""
        row = Row(token=0, position=0, slot=0, wants_logits=True)
        if code := self._lib.llama_decode(self._context, self._batch.fill(BatchPlan((row,), ()))):
            raise ModelLoadError("model.no_context", detail=f"the first step returned {code}")
        self._lib.llama_memory_clear(self._memory, True)  # noqa: FBT003


def context_params(lib: Any, config: LlmConfig, context_tokens: int) -> Any:
    params = lib.llama_context_default_params()
    params.n_ctx = -(-context_tokens // _CONTEXT_MULTIPLE) * _CONTEXT_MULTIPLE
    params.n_batch = config.batch_tokens
    params.n_ubatch = min(config.micro_batch_tokens or config.batch_tokens, config.batch_tokens)
    params.kv_unified = True
    params.type_k = params.type_v = _kv_type(lib, config.kv_type)
    params.flash_attn_type = {
        "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
        "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }[config.flash_attention]
    params.no_perf = True
    return params


def _kv_type(lib: Any, name: KvType) -> int:
    types = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0, "q4_0": lib.GGML_TYPE_Q4_0}
    return int(types[name])


def _bytes(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
