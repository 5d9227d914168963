"""The language engine: one model, many chats."""

from engines.llm.config import LlmConfig
from engines.llm.engine import LlmEngine, open_llm_engine
from engines.llm.request import (
    ChatMessage,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Prefilling,
    Queued,
    SamplingParams,
    TextDelta,
    Usage,
)
from engines.llm.stats import EngineStats

__all__ = [
    "ChatMessage",
    "EngineStats",
    "FinishReason",
    "Finished",
    "GenerationEvent",
    "GenerationRequest",
    "LlmConfig",
    "LlmEngine",
    "Prefilling",
    "Queued",
    "SamplingParams",
    "TextDelta",
    "Usage",
    "open_llm_engine",
]
