"""llama.cpp's batch. The library is handed in: only `llama_library.py` imports it."""

import ctypes
from typing import Any

import numpy as np

from engines.llm.batch import BatchPlan


class LlamaBatch:
    """The arrays of one llama_batch, allocated once and written through numpy; every row is in one sequence."""

    def __init__(self, lib: Any, capacity: int) -> None:
        self.capacity = capacity
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._slots = np.zeros(capacity, np.int32)
        self._wants_logits = np.zeros(capacity, np.int8)
        self._one_slot_each = np.ones(capacity, np.int32)
        self._slot_pointers = self._slots.ctypes.data + self._slots.itemsize * np.arange(capacity, dtype=np.uintp)
        self._batch = lib.llama_batch(
            0,
            _pointer(self._tokens, ctypes.c_int32),
            None,
            _pointer(self._positions, ctypes.c_int32),
            _pointer(self._one_slot_each, ctypes.c_int32),
            _pointer(self._slot_pointers, ctypes.POINTER(ctypes.c_int32)),
            _pointer(self._wants_logits, ctypes.c_int8),
        )

    def fill(self, plan: BatchPlan) -> Any:
        """The llama_batch of a plan, valid until the next call."""
        count = len(plan.rows)
        tokens, positions, slots, wants_logits = zip(*plan.rows, strict=True)
        self._tokens[:count] = tokens
        self._positions[:count] = positions
        self._slots[:count] = slots
        self._wants_logits[:count] = wants_logits
        self._batch.n_tokens = count
        return self._batch


def _pointer(array: Any, kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
