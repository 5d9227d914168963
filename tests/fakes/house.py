"""A pipeline with everything around it: a real store, scripted engines, a platform that records."""

from pathlib import Path

from bot.access import AccessConfig
from bot.attachments import AttachmentConfig, AttachmentReader
from bot.commands.services import Services
from bot.desk import ChatDesk
from bot.domain import Attachment, ChatKey
from bot.inbox import Inbox
from bot.outbox import Outbox
from bot.people import People
from bot.pipeline import Pipeline, PipelineConfig
from bot.uploads import Uploads
from engines.llm.request import SamplingParams
from tests.fakes.clock import HandClock
from tests.fakes.engines import (
    FakeExtractor,
    FakeGenerator,
    FakeLibrary,
    FakeModels,
    FakeRecognizer,
    FakeRetriever,
    FakeTranscriber,
)
from tests.fakes.transport import RecordingTransport, incoming

CHAT = ChatKey("console", "main")


class House:
    """A pipeline with everything around it."""

    def __init__(
        self,
        store,
        *scripts,
        passages=(),
        context_tokens=4096,
        uploads=Path("/nowhere"),
        platform="console",
        access=None,
    ):
        self.store = store
        self.library = FakeLibrary()
        self.models = FakeModels("large", "small")
        self.generator = FakeGenerator(*scripts, context_tokens=context_tokens)
        self.retriever = FakeRetriever(*passages)
        self.transport = RecordingTransport(platform)
        self.desk = ChatDesk(2)
        transports = {platform: self.transport}
        self.clock = clock = HandClock()
        self.people = People(access or AccessConfig(), store.people, clock)
        self.outbox = Outbox(store, transports, "en", clock)
        services = Services(
            store=store,
            people=self.people,
            outbox=self.outbox,
            generator=self.generator,
            models=self.models,
            retriever=self.retriever,
            uploads=Uploads(uploads, store.uploads, self.library, HandClock()),
            attachments=AttachmentReader(
                AttachmentConfig(max_mb=0.001, max_document_characters=100),
                FakeTranscriber(),
                FakeRecognizer(),
                FakeExtractor(),
            ),
            desk=self.desk,
            clock=clock,
            pings={"model": self.generator.ping},
        )
        config = PipelineConfig(persona="orders", language="en", sampling=SamplingParams(max_tokens=64), max_passages=3)
        self.pipeline = Pipeline(config, services, transports, self.outbox)
        self.inbox = Inbox(store.inbox, self.pipeline.handle, clock)

    async def say(self, text="", message_id="1", **other):
        return await self.take(incoming(text, message_id, **other))

    async def take(self, event):
        await self.store.inbox.accept([event])
        return await self.pipeline.handle(event)

    def attach(self, kind, content, name="file"):
        self.transport.files[name] = content
        return (Attachment(kind=kind, handle=name, file_name=name),)

    async def turns(self):
        conversation, _ = await self.store.chats.load(CHAT)
        return [(turn.role, turn.sent) for turn in conversation.turns]

    @property
    def prompt(self):
        return [message.text for message in self.generator.requests[-1].messages]
