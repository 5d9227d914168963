"""Inglenook: a private AI assistant for the home server.

Three packages: `bot` is the conversation (events in, replies out), `engines` is native inference (llama.cpp, Whisper,
Tesseract, embeddings) behind async faces, `knowledge` is the documents of the house. `bot.app` wires them; engines and
knowledge import neither `bot` nor each other.
"""

__version__ = "0.1.0"
