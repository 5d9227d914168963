"""What was heard -> how it is written. Pure but for the conversion tables, which load at first use."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

from engines.speech.types import Segment

if TYPE_CHECKING:
    from opencc import OpenCC

ChineseScript = Literal["simplified", "traditional", "as_heard"]

_CONVERSIONS = {"simplified": "t2s", "traditional": "s2t"}
_CHINESE_LANGUAGES = frozenset({"zh", "yue"})
_NARROW_PUNCTUATION = re.compile(r"(?<=[\u4e00-\u9fff])([,?!:;]) ?")
_WIDE = str.maketrans(",?!:;", "，？！：；")


def write(text: str, language: str, script: ChineseScript) -> str:
    """The text in the script wanted, with Chinese punctuation, if it is Chinese. Whisper itself mixes both scripts."""
    if language not in _CHINESE_LANGUAGES:
        return text
    text = _NARROW_PUNCTUATION.sub(lambda found: found[1].translate(_WIDE), text)
    if script == "as_heard":
        return text
    return str(_converter(_CONVERSIONS[script]).convert(text))


def join(segments: Sequence[Segment]) -> str:
    """One text. Whisper begins each segment with a space where the language has spaces."""
    return "".join(segment.text for segment in segments).strip()


@cache
def _converter(conversion: str) -> "OpenCC":
    from opencc import OpenCC  # noqa: PLC0415

    return OpenCC(conversion)
