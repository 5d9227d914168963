"""llama.cpp's tokeniser. The library is handed in: only `llama_library.py` imports it."""

import ctypes
from typing import Any

import numpy as np

from engines.errors import EngineFailed
from engines.llm.llama_form import LlamaForms
from engines.llm.request import SamplingParams


class LlamaTokenizer:
    """The vocabulary of a model, which never changes; implements Tokenizer."""

    def __init__(self, lib: Any, vocab: Any, forms: LlamaForms) -> None:
        self._forms = forms
        self._lib = lib
        self._vocab = vocab
        self._opening = (int(lib.llama_vocab_bos(vocab)),) if lib.llama_vocab_get_add_bos(vocab) else ()

    @property
    def opening(self) -> tuple[int, ...]:
        return self._opening

    def encode(self, text: str, *, special: bool) -> list[int]:
        raw = text.encode(errors="replace")
        tokens = np.empty(len(raw) + 8, np.int32)  # a token has at least one byte; SentencePiece may add a space
        pointer = tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        count = self._lib.llama_tokenize(self._vocab, raw, len(raw), pointer, len(tokens), False, special)  # noqa: FBT003
        if count < 0:
            raise EngineFailed("engine.failed", detail=f"a text of {len(raw)} bytes has {-count} tokens")
        return [int(token) for token in tokens[:count]]

    def piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        length = self._lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)  # noqa: FBT003
        return buffer.raw[: max(0, length)]

    def check_form(self, params: SamplingParams) -> None:
        self._forms.check(params)

    def ends(self, token: int) -> bool:
        return bool(self._lib.llama_vocab_is_eog(self._vocab, token))
