"""What can be set on the language engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

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
    """Tokens of one step at most: the next words of all chats, and a piece of the prompts that are being read."""
    micro_batch_tokens: Annotated[int, Ge(0), Le(4096)] = 0
    """Tokens that are computed in one go within a step; 0 is the whole step. Less takes less memory."""
    threads: Annotated[int, Ge(0)] = 0
    """Processor threads of a step at most. 0 takes the physical cores this process may use; of those one is left to
    everything else, unless the number adapts."""
    prefill_threads: Annotated[int, Ge(0)] = 0
    """The same while prompts are read, which gains more from many; 0 is as many as `threads`."""
    adaptive_threads: bool = True
    """Takes fewer threads while other programs keep the cores busy, and takes them again afterwards."""
    cpu_affinity: tuple[Annotated[int, Ge(0)], ...] = ()
    """Processors to stay on, by the system's numbers; none is all."""
    numa: Literal["off", "distribute", "isolate"] = "off"
    """On machines with several memory nodes: spread weights and threads over all, or stay on the node of the start."""
    gpu_layers: Annotated[int, Ge(-1)] = -1
    """Layers of the model on the graphics processor; -1 is all, if this build has one. 0 uses the processor alone."""
    max_waiting: Annotated[int, Ge(1)] = 64
    """Requests that may wait for a slot; one more is refused."""
    unload_after_seconds: Annotated[float, Gt(0)] | None = None
    """Frees the model's memory after so long without a question; the next one waits for it to load. None keeps it."""
    mmap: bool = True
    """Maps the weights instead of copying them: faster start, and memory that other programs can borrow."""
    mlock: bool = False
    """Forbids the system to swap the weights out."""
    kv_type: KvType = "f16"
    """Format of the KV cache. q8_0 takes half the memory of f16 and loses practically nothing, q4_0 a quarter."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """A way of computing attention that takes less memory. A quantised KV cache needs it."""
    sessions_path: Path | None = None
    """The folder of conversations that the model has read and that wait on the disk; none keeps them in memory only,
    and a restart reads them again. It tells what was said, so it is closed to other users."""
    warm_mb: Annotated[int, Ge(0)] = 512
    """Memory for conversations that had to leave the KV cache, in MB; what was not used for longest goes."""
    cold_mb: Annotated[int, Ge(0)] = 4096
    """Disk space for conversations, in MB; what was not used for longest goes."""
    park_tokens: Annotated[int, Ge(1)] = 64
    """A conversation shorter than this is read again rather than kept."""
    save_after_seconds: Annotated[float, Ge(0)] = 2.0
    """Quiet time after an answer before its conversation is written to the disk. A crash loses what came after."""
    save_seconds: Annotated[float, Ge(0)] = 10.0
    """Time at shutdown for conversations that are not on the disk yet."""
    guess_quotations: bool = True
    """While fewer than four chats speak, guesses how an answer that quotes its prompt goes on, and checks several
    tokens in one step. Such answers come faster, and say the same."""
    shift: bool = True
    """When the oldest turns are taken out of a long conversation, moves the rest in the KV cache instead of reading it
    again. The rest keeps a trace of what was taken out."""
