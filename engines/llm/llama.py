"""llama.cpp, through the low-level calls of llama-cpp-python.

Nothing else imports it. The library is loaded when the first model is opened, its log is silenced before anything else
happens, and every return code is read here.
"""

import ctypes
import logging
import os
from collections import deque
from contextlib import ExitStack
from functools import cache
from typing import Any

import numpy as np

from engines.errors import EngineFailed, ModelLoadError
from engines.llm.batch import BatchPlan, DecodeOutcome, Row
from engines.llm.config import KvType, LlmConfig
from engines.llm.fingerprint import fingerprint
from engines.llm.hardware import choose_hardware, lacking_instructions
from engines.llm.llama_batch import LlamaBatch
from engines.llm.llama_form import LlamaForms
from engines.llm.llama_sampler import LlamaSampler
from engines.llm.llama_tokenizer import LlamaTokenizer
from engines.llm.machine import read_machine, stay_on
from engines.llm.memory import check_memory, memory_plan
from engines.llm.request import SamplingParams
from engines.llm.runner import LoadedModel

log = logging.getLogger(__name__)

_CONTEXT_MULTIPLE = 256
"""llama.cpp rounds the size of a cache up to this."""

_LOG_LEVEL_ERROR = 4
"""GGML_LOG_LEVEL_ERROR in ggml.h, which the bindings do not name."""

_BEGINNINGS = 2
"""System texts that are kept for all sessions: one is the rule, languages and personas make more."""

_TOO_NEW = ("unknown", "unsupported", "invalid ggml type")
"""What llama.cpp says of an architecture or a format of weights that came after it."""

_SPINS = "1000"
"""How often a thread looks for the others before it sleeps, read by OpenMP when it is loaded: some 50 microseconds. Its
own choice is some 15 milliseconds, in which a program that needs the core waits, and all other threads for that one."""

_recent_errors: deque[str] = deque(maxlen=8)


def open_llama(config: LlmConfig) -> LoadedModel:
    """Loads a model. Raises ModelLoadError: from the file's header where that tells, else from llama.cpp's log."""
    check_memory(memory_plan(config.model_path, config), config.model_path)
    if config.cpu_affinity:
        stay_on(config.cpu_affinity)
    lib = library()
    lib.llama_numa_init(_numa_strategy(lib, config))
    with ExitStack() as undo:
        model = load_model(lib, config)
        undo.callback(lib.llama_model_free, model)
        context_tokens = min(config.context_tokens, lib.llama_model_n_ctx_train(model) or config.context_tokens)
        vocab = lib.llama_model_get_vocab(model)
        template = _chat_template(lib, model, config)
        loaded = LoadedModel(
            runner=LlamaRunner(lib, model, config, context_tokens),
            tokenizer=LlamaTokenizer(lib, vocab, LlamaForms(lib, vocab, _schema_grammar)),
            chat_template=template,
            bos_text=_text(lib, vocab, lib.llama_vocab_bos(vocab)),
            eos_text=_text(lib, vocab, lib.llama_vocab_eos(vocab)),
            context_tokens=context_tokens,
            origin=_origin(config, context_tokens),
            threads=choose_hardware(config, read_machine()).threads,
        )
        undo.pop_all()
    return loaded


def check_loadable(config: LlmConfig) -> None:
    """Whether this build knows the model's architecture and weights, without loading them. Raises ModelLoadError."""
    memory_plan(config.model_path, config)
    lib = library()
    lib.llama_model_free(load_model(lib, config, vocab_only=True))


class LlamaRunner:
    """A model and one context with a unified KV cache; implements ModelRunner."""

    def __init__(self, lib: Any, model: Any, config: LlmConfig, context_tokens: int) -> None:
        self._lib = lib
        self._model = model
        vocab = lib.llama_model_get_vocab(model)
        self._vocab_size = lib.llama_vocab_n_tokens(vocab)
        self._forms = LlamaForms(lib, vocab, _schema_grammar)
        self._slots = config.slots
        self._cuttable = not (lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model))
        self._params = context_params(lib, config, context_tokens)
        self._params.n_seq_max = self._params.n_outputs_max = self._slots + self.beginnings
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
        if len(plan.rows) > self._batch.capacity or len(plan.draws) > self._slots:
            log.error("a plan of %d rows and %d draws is too large", len(plan.rows), len(plan.draws))
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
                log.error("llama_decode returned %d: %s", code, "; ".join(_recent_errors))
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
        _recent_errors.clear()
        self._context = self._lib.llama_init_from_model(self._model, self._params)
        if self._context is None:
            raise ModelLoadError("model.no_context", detail=_reason())
        self._warm_up()

    def _warm_up(self) -> None:
        """One token is read and forgotten: the weights are brought into memory before anybody waits for an answer."""
        row = Row(token=0, position=0, slot=0, wants_logits=True)
        if code := self._lib.llama_decode(self._context, self._batch.fill(BatchPlan((row,), ()))):
            raise ModelLoadError("model.no_context", detail=f"the first step returned {code}")
        self._lib.llama_memory_clear(self._memory, True)  # noqa: FBT003


@cache
def library() -> Any:
    """The native library, initialised, with its log turned to ours."""
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    from llama_cpp import llama_cpp as lib  # noqa: PLC0415 - loads the native library

    lib.llama_log_set(_log_callback(lib), None)
    if lacking := lacking_instructions(lib.llama_print_system_info().decode(), read_machine().instructions):
        raise ModelLoadError("model.processor", instructions=", ".join(lacking))
    lib.llama_backend_init()
    return lib


@cache
def _log_callback(lib: Any) -> Any:
    """Kept for ever: llama.cpp calls it as long as the process lives."""

    def keep(level: int, text: bytes, _data: Any) -> None:
        if level == _LOG_LEVEL_ERROR:
            _recent_errors.append(text.decode(errors="replace").strip())

    return lib.llama_log_callback(keep)


def _schema_grammar(schema: str) -> str:
    from llama_cpp.llama_grammar import json_schema_to_gbnf  # noqa: PLC0415 - loads the native library

    return str(json_schema_to_gbnf(schema))


def load_model(lib: Any, config: LlmConfig, *, vocab_only: bool = False) -> Any:
    params = lib.llama_model_default_params()
    params.vocab_only = vocab_only
    params.load_mode = {
        (False, False): lib.LLAMA_LOAD_MODE_NONE,
        (True, False): lib.LLAMA_LOAD_MODE_MMAP,
        (False, True): lib.LLAMA_LOAD_MODE_MLOCK,
        (True, True): lib.LLAMA_LOAD_MODE_MMAP_MLOCK,
    }[config.mmap, config.mlock]
    params.n_gpu_layers = config.gpu_layers
    params.use_extra_bufts = not _amx_built_in(lib)
    _recent_errors.clear()
    model = lib.llama_model_load_from_file(str(config.model_path).encode(), params)
    if model is None:
        detail = _reason()
        code = "model.unsupported" if any(word in detail for word in _TOO_NEW) else "model.broken"
        raise ModelLoadError(code, path=str(config.model_path), detail=detail)
    return model


def _chat_template(lib: Any, model: Any, config: LlmConfig) -> str:
    source = lib.llama_model_chat_template(model, None)
    if source is None:
        raise ModelLoadError("model.no_chat_template", path=str(config.model_path))
    return str(source.decode(errors="replace"))


def _amx_built_in(lib: Any) -> bool:
    """Whether this build repacks weights for AMX, which ends the process at the first decode with some compilers and
    virtual machines (llama.cpp#20824, #26954). Weights then stay as they are in the file."""
    return b"AMX_INT8 = 1" in lib.llama_print_system_info()


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


def _origin(config: LlmConfig, context_tokens: int) -> dict[str, str | int]:
    from llama_cpp import __version__  # noqa: PLC0415 - loads the native library

    return {
        "model": fingerprint(config.model_path),
        "context_tokens": context_tokens,
        "kv_type": config.kv_type,
        "flash_attention": config.flash_attention,
        "library": f"llama-cpp-python {__version__}",
    }


def _bytes(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def _numa_strategy(lib: Any, config: LlmConfig) -> int:
    strategies = {
        "off": lib.GGML_NUMA_STRATEGY_DISABLED,
        "distribute": lib.GGML_NUMA_STRATEGY_DISTRIBUTE,
        "isolate": lib.GGML_NUMA_STRATEGY_ISOLATE,
    }
    return int(strategies[config.numa])


def _kv_type(lib: Any, name: KvType) -> int:
    types = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0, "q4_0": lib.GGML_TYPE_Q4_0}
    return int(types[name])


def _text(lib: Any, vocab: Any, token: int) -> str:
    return str(lib.llama_vocab_get_text(vocab, token).decode(errors="replace")) if token >= 0 else ""


def _reason() -> str:
    """The first thing llama.cpp complained about; what follows are its callers' complaints."""
    return _recent_errors[0].partition(": ")[2] if _recent_errors else "no reason was given"
