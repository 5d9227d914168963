"""The documents of the house: read, indexed, found, cited."""

from knowledge.base import KnowledgeBase, open_knowledge_base
from knowledge.config import KnowledgeConfig, ReadingLimits
from knowledge.reader import DocumentReader

__all__ = ["DocumentReader", "KnowledgeBase", "KnowledgeConfig", "ReadingLimits", "open_knowledge_base"]
