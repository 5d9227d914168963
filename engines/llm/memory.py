"""How much memory a model takes, known before it is loaded."""

from dataclasses import dataclass
from pathlib import Path

from engines.errors import ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.gguf import GgufHeader, read_model
from engines.llm.machine import available_memory_bytes

_BYTES_PER_VALUE = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """What the language engine will hold, in bytes."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    """Scratch memory of one step."""
    warm_bytes: int
    """Conversations that had to leave the cache, at most; it fills as they come."""
    context_tokens: int
    """Of the configuration, or of the model when that is less."""

    @property
    def opening_bytes(self) -> int:
        """What is taken when the model is opened."""
        return self.weights_bytes + self.kv_bytes + self.compute_bytes

    @property
    def total_bytes(self) -> int:
        """All that it may come to."""
        return self.opening_bytes + self.warm_bytes


def memory_plan(path: Path, config: LlmConfig) -> MemoryPlan:
    """Computed from the file's header alone. Raises ModelLoadError as `gguf.read_model`."""
    parts = read_model(path)
    header = parts[0]
    context_tokens = min(config.context_tokens, header.number("context_length") or config.context_tokens)
    values_per_token = header.number("block_count") * _kv_heads(header) * _kv_width(header)
    return MemoryPlan(
        weights_bytes=sum(part.weights_bytes for part in parts),
        kv_bytes=int(values_per_token * _BYTES_PER_VALUE[config.kv_type] * context_tokens),
        compute_bytes=_compute_bytes(header, config, context_tokens),
        warm_bytes=config.warm_mb << 20,
        context_tokens=context_tokens,
    )


def check_memory(plan: MemoryPlan, path: Path) -> None:
    """Raises ModelLoadError when the model cannot be opened in the memory that is free."""
    available = available_memory_bytes()
    if plan.opening_bytes > available:
        raise ModelLoadError(
            "model.too_large", path=str(path), needed_mb=plan.opening_bytes >> 20, available_mb=available >> 20
        )


def _kv_heads(header: GgufHeader) -> int:
    return header.number("attention.head_count_kv") or header.number("attention.head_count")


def _kv_width(header: GgufHeader) -> int:
    """Values of one head's key and value together."""
    width = header.number("embedding_length") // max(1, header.number("attention.head_count"))
    return header.number("attention.key_length", width) + header.number("attention.value_length", width)


def _compute_bytes(header: GgufHeader, config: LlmConfig, context_tokens: int) -> int:
    """Measured with llama.cpp: for each row its mask over the context in f16, four activations of the model's width and
    three of the feed-forward's in f32, and without flash attention every head's scores; for each slot the logits."""
    width, feed_forward = header.number("embedding_length"), header.number("feed_forward_length")
    row_bytes = 2 * context_tokens + 4 * (4 * width + 3 * feed_forward)
    if config.flash_attention == "off":
        row_bytes += 4 * context_tokens * header.number("attention.head_count")
    vocabulary = header.array_lengths.get("tokenizer.ggml.tokens", 0)
    return (config.micro_batch_tokens or config.batch_tokens) * row_bytes + 4 * config.slots * vocabulary
