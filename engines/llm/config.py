"""What can be set on the language engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le

KvType = Literal["f16", "q8_0", "q4_0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmConfig:
    """One model, and how much of the machine it may take."""

    model_path: Path
    """The GGUF file; of a split model, its first part."""
    context_tokens: Annotated[int, Ge(256)] = 8192
    """Tokens in the KV cache that all chats share, and so the longest single conversation. More takes more memory;
    the model's own training context is the upper limit."""
    slots: Annotated[int, Ge(1), Le(64)] = 4
    """Chats that are answered at the same time and kept ready in the KV cache. Others wait, or are read again."""
    batch_tokens: Annotated[int, Ge(64), Le(4096)] = 512
    """Tokens of one step at most. More reads long prompts a little faster and makes the other chats' words jerkier."""
    threads: Annotated[int, Ge(0)] = 0
    """Processor threads. 0 takes the physical cores this process may use, less one for everything else."""
    max_waiting: Annotated[int, Ge(1)] = 64
    """Requests that may wait for a slot; one more is refused."""
    mmap: bool = True
    """Maps the weights instead of copying them: faster start, and memory that other programs can borrow."""
    mlock: bool = False
    """Forbids the system to swap the weights out."""
    kv_type: KvType = "f16"
    """Format of the KV cache. q8_0 takes half the memory of f16 and loses practically nothing, q4_0 a quarter."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """A way of computing attention that takes less memory. A quantised KV cache needs it."""
