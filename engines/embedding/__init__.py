"""Texts to vectors."""

from engines.embedding.config import EmbeddingConfig
from engines.embedding.embedder import SentenceEmbedder, open_embedder

__all__ = ["EmbeddingConfig", "SentenceEmbedder", "open_embedder"]
