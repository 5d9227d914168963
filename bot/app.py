"""The composition root: the only module that knows everybody."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from logging.handlers import RotatingFileHandler
from typing import TypeVar

import structlog
from pydantic import SecretStr

from bot import health
from bot.access import LOCAL_PLATFORM
from bot.attachments import AttachmentReader
from bot.clock import SystemClock
from bot.commands.services import Services
from bot.config import Settings
from bot.desk import ChatDesk
from bot.inbox import Inbox
from bot.instance import sole_instance
from bot.jobs import Job, open_jobs
from bot.missing import NoDocuments, NoSpeech, RemoteModel
from bot.observe.logs import open_log, rotate
from bot.outbox import Outbox
from bot.people import People
from bot.pipeline import Pipeline, PipelineConfig
from bot.platforms import open_platforms
from bot.ports import Generator, Models, Transcriber, Transport
from bot.preflight import Feature, contacted_hosts, lacking_features
from bot.reminders import Reminders
from bot.store import Store, open_store
from bot.uploads import Uploads
from engines.embedding import open_embedder
from engines.llm import open_llm_engine
from engines.models.serving import LocalModels
from engines.ocr import open_text_recognizer
from engines.remote import open_remote_generator
from engines.speech import open_transcriber
from knowledge import DocumentReader, KnowledgeBase, open_knowledge_base

log = structlog.get_logger()

T = TypeVar("T")

DRAIN_SECONDS = 20.0
"""What a running answer gets when the program is asked to end: below the 30 s that systemd and Docker allow."""
KEPT = timedelta(days=31)
"""How long answered events and delivered texts are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The running assistant."""

    settings: Settings
    store: Store
    services: Services
    knowledge: KnowledgeBase | NoDocuments
    pipeline: Pipeline
    outbox: Outbox
    transports: Mapping[str, Transport]
    log_file: RotatingFileHandler


@asynccontextmanager
async def open_app(
    settings: Settings, transports: Mapping[str, Transport], *, platforms: bool = False
) -> AsyncIterator[App]:
    """Everything wired, in the order of dependence; closed in reverse, also when the start fails half-way.

    With `platforms`, the configured chat platforms are opened beside the given transports.
    Raises BotError, EngineError or KnowledgeError with what to tell the user.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_off_the_loop(sole_instance(settings.data_dir)))
        log_context = open_log(settings.logs, settings.data_dir / "logs", _secrets(settings))
        log_file = await stack.enter_async_context(_off_the_loop(log_context))
        store = await stack.enter_async_context(open_store(settings.data_dir / "inglenook.db"))
        generator, models = await stack.enter_async_context(_open_mind(settings))
        lacking = await asyncio.to_thread(lacking_features)
        transcriber = await stack.enter_async_context(_open_ears(settings, lacking))
        recognizer = await stack.enter_async_context(open_text_recognizer(settings.ocr))
        knowledge = await stack.enter_async_context(_open_shelf(settings, lacking))
        clock = SystemClock()
        people = People(settings.access, store.people, clock)
        if platforms:
            transports = {**transports, **await stack.enter_async_context(open_platforms(settings, people, clock))}
        outbox = Outbox(store, transports, settings.language, clock)
        services = Services(
            store=store,
            people=people,
            outbox=outbox,
            generator=generator,
            models=models,
            retriever=knowledge,
            uploads=Uploads(settings.data_dir / "uploads", store.uploads, knowledge, clock),
            attachments=AttachmentReader(
                settings.attachments, transcriber, recognizer, DocumentReader(settings.knowledge.limits)
            ),
            desk=ChatDesk(settings.max_waiting_messages),
            clock=clock,
            pings={
                "store": store.ping,
                "model": generator.ping,
                "speech": transcriber.ping,
                "pictures": recognizer.ping,
                "documents": knowledge.ping,
                **{name: transport.ping for name, transport in transports.items()},
            },
            hosts=contacted_hosts(settings),
            typed=(settings.data_dir / "history",),
        )
        yield App(
            settings=settings,
            store=store,
            services=services,
            knowledge=knowledge,
            pipeline=_pipeline(settings, services, transports, outbox),
            outbox=outbox,
            transports=transports,
            log_file=log_file,
        )


@asynccontextmanager
async def _off_the_loop(context: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A context whose beginning and end touch the disk."""
    entered = await asyncio.to_thread(context.__enter__)
    try:
        yield entered
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


@asynccontextmanager
async def _open_mind(settings: Settings) -> AsyncIterator[tuple[Generator, Models]]:
    if settings.remote.url:
        async with open_remote_generator(settings.remote, _plain(settings.remote_api_key)) as remote:
            yield remote, RemoteModel(settings.remote.model or settings.remote.url)
    else:
        async with open_llm_engine(settings.llm) as engine:
            yield engine, LocalModels(engine, settings.data_dir)


@asynccontextmanager
async def _open_ears(settings: Settings, lacking: Mapping[Feature, str]) -> AsyncIterator[Transcriber]:
    if Feature.SPEECH in lacking:
        yield NoSpeech(lacking[Feature.SPEECH])
    else:
        async with open_transcriber(settings.speech) as transcriber:
            yield transcriber


@asynccontextmanager
async def _open_shelf(settings: Settings, lacking: Mapping[Feature, str]) -> AsyncIterator[KnowledgeBase | NoDocuments]:
    if Feature.KNOWLEDGE in lacking:
        yield NoDocuments(lacking[Feature.KNOWLEDGE])
    else:
        async with open_documents(settings) as knowledge:
            yield knowledge


@asynccontextmanager
async def open_documents(settings: Settings) -> AsyncIterator[KnowledgeBase]:
    """The knowledge base with its embedder."""
    async with (
        open_embedder(settings.embedding) as embedder,
        open_knowledge_base(settings.knowledge, embedder) as knowledge,
    ):
        yield knowledge


async def serve(app: App) -> None:
    """Answers on all transports until the terminal is left or the program is asked to end; then finishes answers."""
    inbox = Inbox(app.store.inbox, app.pipeline.handle, app.services.clock)
    async with open_jobs(jobs(app), app.store.jobs):
        await inbox.replay()
        # A platform may let the undelivered answers wait; what is new need not.
        beside = [
            asyncio.create_task(work)
            for work in (
                app.outbox.resend(),
                _first_sync(app),
                Reminders(app.store, app.transports, app.services.clock).run(),
            )
        ]
        with suppress(asyncio.CancelledError):
            await _until_asked_to_end(app, inbox)
        for task in beside:
            task.cancel()
        # None of them may be in the middle of a transaction when the store closes.
        await asyncio.gather(*beside, return_exceptions=True)
        await inbox.drain(DRAIN_SECONDS)


def jobs(app: App) -> list[Job]:
    """The table of periodic work."""
    schedules = app.settings.jobs

    async def reindex() -> None:
        await sync_documents(app)

    async def ping() -> None:
        report = await health.check(app.services.pings, datetime.now(UTC))
        await asyncio.to_thread(health.save, report, app.settings.data_dir / "health.json")
        for name, failure in report.failures.items():
            if failure:
                log.error("unhealthy", part=name, failure=failure)

    async def prune() -> None:
        before = datetime.now(UTC) - KEPT
        await app.store.inbox.prune(before)
        await app.store.outbox.prune(before)

    async def rotate_log() -> None:
        await asyncio.to_thread(rotate, app.log_file)

    return [
        Job("reindex", schedules.reindex, reindex),
        Job("health", schedules.health, ping),
        Job("resend", schedules.resend, app.outbox.resend),
        Job("prune", schedules.prune, prune),
        Job("log_rotation", schedules.log_rotation, rotate_log),
    ]


async def sync_documents(app: App) -> None:
    """Brings the index up to what is on the disks now."""
    if isinstance(app.knowledge, KnowledgeBase):
        await app.knowledge.sync()


async def _first_sync(app: App) -> None:
    """What changed while the assistant was down."""
    try:
        await sync_documents(app)
    except Exception:
        # The job tries again; the answers go on without the documents.
        log.exception("indexing failed")


async def _until_asked_to_end(app: App, inbox: Inbox) -> None:
    serving = asyncio.current_task()
    assert serving is not None  # noqa: S101 - this is a coroutine
    loop = asyncio.get_running_loop()
    # A terminal does something else on Ctrl-C.
    signals = [signal.SIGTERM] if LOCAL_PLATFORM in app.transports else [signal.SIGTERM, signal.SIGINT]
    for number in signals:
        loop.add_signal_handler(number, serving.cancel)
    try:
        async with asyncio.TaskGroup() as group:
            running = []
            for name, transport in app.transports.items():
                cursor = await app.store.inbox.cursor(name)
                running.append(group.create_task(transport.run(inbox.handler(name), cursor), name=name))
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in running:
                task.cancel()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _pipeline(settings: Settings, services: Services, transports: Mapping[str, Transport], outbox: Outbox) -> Pipeline:
    config = PipelineConfig(
        persona=settings.persona,
        language=settings.language,
        sampling=settings.sampling,
        max_passages=settings.max_passages,
        max_backlog_hours=settings.max_backlog_hours,
    )
    return Pipeline(config, services, transports, outbox)


def _secrets(settings: Settings) -> list[str]:
    matrix = settings.matrix
    secrets = (settings.telegram.token, matrix.password, matrix.access_token, settings.remote_api_key)
    return [plain for secret in secrets if (plain := _plain(secret))]


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
