"""Engines with scripted answers, behind the ports of the conversation."""

import asyncio
from datetime import UTC, datetime

from engines.llm.request import Finished, FinishReason, Queued, TextDelta, Usage
from engines.ocr.types import RecognizedText
from engines.speech.types import Transcript
from knowledge.types import DocumentStatus, SyncReport


class FakeGenerator:
    """Implements `bot.ports.Generator`. Each request takes the next script: a text, an error, or a list of events.

    Without a script it repeats the newest message. `paused` holds every stream after its first word. A token is four
    characters.
    """

    def __init__(self, *scripts, context_tokens=4096):
        self.scripts = list(scripts)
        self.requests = []
        self.forgotten = []
        self.running = 0
        self.context_tokens = context_tokens
        self.resume = asyncio.Event()
        self.resume.set()
        self.started = asyncio.Event()

    async def stream(self, request):
        self.requests.append(request)
        script = self.scripts.pop(0) if self.scripts else request.messages[-1].text
        if isinstance(script, Exception):
            raise script
        self.running += 1
        try:
            yield Queued(0)
            for event in script if isinstance(script, list) else self._said(request, script):
                yield event
                self.started.set()
                await self.resume.wait()
        finally:
            self.running -= 1

    def _said(self, request, text):
        usage = Usage(
            prompt_tokens=self._count(request.messages),
            evaluated_tokens=self._count(request.messages),
            completion_tokens=len(text) // 4 + 1,
        )
        words = text.split(" ")
        deltas = [TextDelta(word if index == 0 else f" {word}") for index, word in enumerate(words)]
        return [*deltas, Finished(reason=FinishReason.STOP, usage=usage)]

    async def forget(self, session_id):
        self.forgotten.append(session_id)

    async def count_tokens(self, messages):
        return self._count(messages)

    async def ping(self):
        pass

    def _count(self, messages):
        return sum(len(message.text) for message in messages) // 4 + 1


class FakeTranscriber:
    """Implements `bot.ports.Transcriber`: the recording's bytes are what is said in it."""

    async def transcribe(self, audio, mime_type="", language=None):
        return Transcript(
            text=audio.decode(), language="en" if audio else None, audio_seconds=1.0, speech_seconds=float(bool(audio))
        )

    async def ping(self):
        pass


class FakeRecognizer:
    """Implements `bot.ports.TextRecognizer`: the picture's bytes are the text in it."""

    async def read(self, image, languages=None):
        return RecognizedText(text=image.decode(), confidence=90.0 if image else 0.0, language="eng")

    async def ping(self):
        pass


class FakeExtractor:
    """Implements `bot.ports.TextExtractor`: the document's bytes are its text."""

    async def read(self, content, name):
        return content.decode()


class FakeLibrary:
    """Implements `bot.ports.Library`: every file in the folders is a document of one passage."""

    def __init__(self):
        self.scopes = {}
        self.forgotten = []

    async def add(self, path, scope):
        self.scopes[path] = scope
        return SyncReport()

    async def documents(self):
        return await asyncio.to_thread(self._documents)

    def _documents(self):
        return [
            DocumentStatus(
                path=str(file.resolve()), scope=scope, chunks=1, indexed_at=datetime(2026, 3, 14, tzinfo=UTC)
            )
            for folder, scope in self.scopes.items()
            for file in folder.iterdir()
        ]

    async def forget(self, paths):
        self.forgotten += paths
        return len(paths)


class FakeModels:
    """Implements `bot.ports.Models`."""

    def __init__(self, *names, serving="small"):
        self.names = names
        self.name = serving
        self.failing = None

    async def serving(self):
        return self.name

    async def available(self):
        return self.names

    async def switch(self, name):
        if self.failing:
            raise self.failing
        self.name = name


class FakeRetriever:
    """Implements `bot.ports.Retriever`: finds the same passages for every query, for those who may see them."""

    def __init__(self, *passages):
        self.passages = list(passages)
        self.queries = []

    async def search(self, query, scopes, limit):
        self.queries.append((query, tuple(scopes)))
        return self.passages[:limit]
