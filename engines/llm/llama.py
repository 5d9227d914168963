"""Opening a model with llama.cpp."""

from contextlib import ExitStack
from typing import Any

from engines.errors import ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.fingerprint import fingerprint
from engines.llm.hardware import choose_hardware
from engines.llm.llama_form import LlamaForms
from engines.llm.llama_library import forget_errors, library, library_version, reason, schema_grammar
from engines.llm.llama_runner import LlamaRunner
from engines.llm.llama_tokenizer import LlamaTokenizer
from engines.llm.machine import read_machine, stay_on
from engines.llm.memory import check_memory, memory_plan
from engines.llm.runner import LoadedModel

_TOO_NEW = ("unknown", "unsupported", "invalid ggml type")
"""What llama.cpp says of an architecture or a format of weights that came after it."""


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
            tokenizer=LlamaTokenizer(lib, vocab, LlamaForms(lib, vocab, schema_grammar)),
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
    forget_errors()
    model = lib.llama_model_load_from_file(str(config.model_path).encode(), params)
    if model is None:
        detail = reason()
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


def _origin(config: LlmConfig, context_tokens: int) -> dict[str, str | int]:
    return {
        "model": fingerprint(config.model_path),
        "context_tokens": context_tokens,
        "kv_type": config.kv_type,
        "flash_attention": config.flash_attention,
        "library": library_version(),
    }


def _numa_strategy(lib: Any, config: LlmConfig) -> int:
    strategies = {
        "off": lib.GGML_NUMA_STRATEGY_DISABLED,
        "distribute": lib.GGML_NUMA_STRATEGY_DISTRIBUTE,
        "isolate": lib.GGML_NUMA_STRATEGY_ISOLATE,
    }
    return int(strategies[config.numa])


def _text(lib: Any, vocab: Any, token: int) -> str:
    return str(lib.llama_vocab_get_text(vocab, token).decode(errors="replace")) if token >= 0 else ""
