"""Random models of a few hundred kilobytes with other memories than SmolLM2's, as GGUF files that llama.cpp opens."""

import random
import struct
from array import array
from math import prod
from pathlib import Path

from tests.fakes.runner import CHAT_TEMPLATE

VOCABULARY = 2048
WINDOW = 16
"""Tokens that every second layer of the sliding-window model looks back."""

_WIDTH, _LAYERS = 32, 2
_FLOAT32, _ALIGNMENT = 0, 32


def write_recurrent(path: Path) -> Path:
    """Mamba: a state of fixed size, which cannot be cut."""
    inner, state, rank, kernel = 2 * _WIDTH, 8, 4, 4
    metadata = {
        "mamba.ssm.conv_kernel": kernel,
        "mamba.ssm.inner_size": inner,
        "mamba.ssm.state_size": state,
        "mamba.ssm.time_step_rank": rank,
        "mamba.feed_forward_length": 0,
        "mamba.attention.head_count": 0,
    }
    layer = {
        "attn_norm.weight": (_WIDTH,),
        "ssm_in.weight": (_WIDTH, 2 * inner),
        "ssm_conv1d.weight": (kernel, inner),
        "ssm_conv1d.bias": (inner,),
        "ssm_x.weight": (inner, rank + 2 * state),
        "ssm_dt.weight": (rank, inner),
        "ssm_dt.bias": (inner,),
        "ssm_a": (state, inner),
        "ssm_d": (inner,),
        "ssm_out.weight": (inner, _WIDTH),
    }
    return _write(path, "mamba", metadata, layer)


def write_sliding_window(path: Path) -> Path:
    """Gemma 3: most layers see the latest tokens only."""
    heads, head, feed_forward = 2, 16, 64
    metadata = {
        "gemma3.attention.head_count": heads,
        "gemma3.attention.head_count_kv": heads,
        "gemma3.attention.key_length": head,
        "gemma3.attention.value_length": head,
        "gemma3.attention.sliding_window": WINDOW,
        "gemma3.feed_forward_length": feed_forward,
    }
    layer = {
        "attn_norm.weight": (_WIDTH,),
        "attn_q.weight": (_WIDTH, heads * head),
        "attn_k.weight": (_WIDTH, heads * head),
        "attn_v.weight": (_WIDTH, heads * head),
        "attn_output.weight": (heads * head, _WIDTH),
        "attn_q_norm.weight": (head,),
        "attn_k_norm.weight": (head,),
        "post_attention_norm.weight": (_WIDTH,),
        "ffn_norm.weight": (_WIDTH,),
        "ffn_gate.weight": (_WIDTH, feed_forward),
        "ffn_up.weight": (_WIDTH, feed_forward),
        "ffn_down.weight": (feed_forward, _WIDTH),
        "post_ffw_norm.weight": (_WIDTH,),
    }
    return _write(path, "gemma3", metadata, layer)


def _write(path: Path, architecture: str, metadata: dict[str, int], layer: dict[str, tuple[int, ...]]) -> Path:
    shapes = {"token_embd.weight": (_WIDTH, VOCABULARY), "output_norm.weight": (_WIDTH,)}
    shapes |= {f"blk.{number}.{name}": shape for number in range(_LAYERS) for name, shape in layer.items()}
    values = {
        "general.architecture": architecture,
        f"{architecture}.context_length": 1024,
        f"{architecture}.embedding_length": _WIDTH,
        f"{architecture}.block_count": _LAYERS,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
        **metadata,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": _vocabulary(),
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": VOCABULARY - 1,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
    infos, offset = b"", 0
    for name, shape in shapes.items():
        infos += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _FLOAT32, offset)
        offset += _padded(4 * prod(shape))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(values))
    head += b"".join(_string(key) + _value(value) for key, value in values.items()) + infos
    weights = b"".join(_weights(name, prod(shape)) for name, shape in shapes.items())
    path.write_bytes(head.ljust(_padded(len(head)), b"\0") + weights)
    return path


def _weights(name: str, count: int) -> bytes:
    """Seeded by the name. Norms are about one; the decay of a state is negative."""
    generator = random.Random(name)
    middle = 1.0 if "norm" in name else -1.0 if name.endswith("ssm_a") else 0.0
    spread = {"token_embd.weight": 0.05}.get(name, 0.1 if middle else 0.5)
    content = array("f", (generator.gauss(middle, spread) for _ in range(count))).tobytes()
    return content.ljust(_padded(len(content)), b"\0")


def _vocabulary() -> list[str]:
    """The printable bytes as letters of their own, as GPT-2 has them, and names for the rest."""
    letters = [chr(code) for code in (*range(33, 127), *range(256, 324))]
    return [*letters, *(f"<{number}>" for number in range(len(letters), VOCABULARY))]


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: str | float | list[str]) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_string, value))
    return struct.pack("<If", 6, value) if isinstance(value, float) else struct.pack("<II", 4, value)


def _padded(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT
