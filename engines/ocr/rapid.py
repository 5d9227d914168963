"""RapidOCR: PP-OCR's networks on onnxruntime, their weights in its package. A grey picture -> words.

Imported only where the networks are loaded: the library takes a second to import.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rapidocr

from engines.errors import EngineFailed, ModelLoadError
from engines.ocr.columns import in_reading_order
from engines.ocr.image import Grey, scaled
from engines.ocr.layout import Word
from engines.ocr.letters import letter_height

_LETTER_PIXELS = 20.0
"""Smaller letters lost lines, larger ones cost time and found nothing more: tried with 16, 20, 24 and 32."""

_LONGEST_SIDE = 2000
_LARGEST_FACTOR = 3.0
_MODELS = Path(rapidocr.__file__).parent / "models"
_DETECTOR, _RECOGNIZER = _MODELS / "PP-OCRv6_det_small.onnx", _MODELS / "PP-OCRv6_rec_small.onnx"
_SETTINGS = {
    # Named, because the library would fetch a model that it does not find.
    "Det.model_path": str(_DETECTOR),
    "Rec.model_path": str(_RECOGNIZER),
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": _LONGEST_SIDE,
    "Global.use_cls": False,
    "Global.log_level": "error",
    # Batches are padded to their longest line and cost a third more.
    "Rec.rec_batch_num": 1,
}


class Rapid:
    """The loaded networks. Used by one thread at a time."""

    good_confidence = 90.0
    clear_confidence = 85.0
    """Upside-down text had 61 to 71, upright text 96 and more."""

    most_unread = 1.0
    """A network of its own looks for text; it overlooks next to nothing."""

    def __init__(self) -> None:
        for path in (_DETECTOR, _RECOGNIZER):
            if not path.is_file():
                raise ModelLoadError("model.missing", path=str(path))
        self._engine: Any = rapidocr.RapidOCR(params=_SETTINGS)

    def sized(self, grey: Grey) -> Grey:
        """The picture with letters of the size that is read best."""
        factor = min(_LETTER_PIXELS / letter_height(grey), _LARGEST_FACTOR, _LONGEST_SIDE / max(grey.shape))
        return scaled(grey, factor)

    def read(self, page: Grey) -> list[Word]:
        """The words in reading order. Raises EngineFailed."""
        try:
            found = self._engine(cv2.cvtColor(page, cv2.COLOR_GRAY2BGR))
        except Exception as error:  # the library's errors have no common root
            raise EngineFailed("engine.failed", detail=str(error)[-200:]) from error
        if found.boxes is None or not found.txts:
            return []
        lines = zip(found.boxes, found.txts, found.scores, strict=True)
        return in_reading_order([list(_words(*line)) for line in lines if line[1].strip()])


def _words(corners: Any, text: str, score: float) -> Iterator[Word]:
    """The words of a line, each as wide as its share of the letters: the network tells only where the line is."""
    left, top = (int(value) for value in np.min(corners, axis=0))
    right, bottom = (int(value) for value in np.max(corners, axis=0))
    per_letter = (right - left) / len(text)
    position = 0
    for part in text.split():
        position = text.index(part, position)
        yield Word(
            text=part,
            confidence=100 * float(score),
            line=(0, 0, 0),
            left=int(left + position * per_letter),
            top=top,
            width=int(len(part) * per_letter),
            height=bottom - top,
        )
        position += len(part)
