"""llama.cpp's samplers. The library is handed in: only `llama_library.py` imports it."""

import secrets
from collections.abc import Callable
from typing import Any

from engines.llm.request import SamplingParams


class LlamaSampler:
    """A chain of samplers in llama.cpp's usual order, that of the answer's form first; implements Sampler."""

    def __init__(
        self, lib: Any, context: Callable[[], Any], params: SamplingParams, vocab_size: int, form: Any
    ) -> None:
        self._lib = lib
        self._context = context
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        if form is not None:
            lib.llama_sampler_chain_add(self._chain, form)
        for sampler in _samplers(lib, params, vocab_size):
            lib.llama_sampler_chain_add(self._chain, sampler)

    def draw(self, row: int) -> int:
        return int(self._lib.llama_sampler_sample(self._chain, self._context(), row))

    def close(self) -> None:
        if self._chain is not None:
            self._lib.llama_sampler_free(self._chain)
            self._chain = None


def _samplers(lib: Any, params: SamplingParams, vocab_size: int) -> list[Any]:
    chain = []
    if params.repeat_penalty != 1.0:
        chain.append(
            lib.llama_sampler_init_penalties(vocab_size, params.repeat_last_tokens, params.repeat_penalty, 0.0, 0.0)
        )
    if params.temperature <= 0:
        return [*chain, lib.llama_sampler_init_greedy()]
    seed = secrets.randbits(32) if params.seed is None else params.seed & 0xFFFFFFFF
    return [
        *chain,
        lib.llama_sampler_init_top_k(params.top_k),
        lib.llama_sampler_init_top_p(params.top_p, 1),
        lib.llama_sampler_init_min_p(params.min_p, 1),
        lib.llama_sampler_init_temp(params.temperature),
        lib.llama_sampler_init_dist(seed),
    ]
