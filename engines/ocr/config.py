"""How pictures are read."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrConfig:
    """Settings of the OCR engine."""

    engine: Literal["tesseract", "rapidocr", "both"] = "both"
    """Who reads. `both`: Tesseract, and RapidOCR where Tesseract is not sure; it takes up to 750 MB while it reads."""
    languages: str = "eng+chi_sim"
    """Tesseract's languages, joined with `+`. Each one more costs about a sixth of the time."""
    idle_seconds: Annotated[float, Gt(0)] = 300.0
    """RapidOCR leaves memory after this time without use."""
    timeout_seconds: Annotated[float, Gt(0)] = 60.0
    """A picture that takes longer is given up."""
    max_megapixels: Annotated[float, Gt(0), Le(200)] = 64.0
    """Larger pictures are refused before they are decoded; one megapixel takes about 4 MB of memory."""
    max_bytes: Annotated[int, Ge(1)] = 50 * 1024 * 1024
    """Larger files are refused."""
