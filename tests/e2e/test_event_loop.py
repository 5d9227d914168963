"""The whole assistant in one event loop that nothing of ours may block."""

import asyncio
import os
from pathlib import Path

import pytest

from bot.app import jobs, open_app, sync_documents
from bot.cli.chat import SilentTransport
from bot.config import load_settings
from bot.domain import AttachmentKind, ChatKey
from bot.transports import files
from bot.transports.console import message
from tests.e2e.conftest import DATA

pytestmark = pytest.mark.e2e
CHAT = ChatKey("console", "main")


async def test_nothing_blocks_from_start_to_end(tmp_path):
    """Start, text, voice, photo, document, every job and the end, under the detector of blocking calls."""
    models = Path(os.environ["INGLENOOK_MODELS"])
    data_dir = tmp_path / "data"

    def prepare():
        (data_dir / "models").mkdir(parents=True)
        for model in ("smollm2-135m-instruct", "whisper-base"):
            (data_dir / "models" / model).symlink_to(models / model)
        folder = tmp_path / "documents"
        folder.mkdir()
        (folder / "wifi.md").write_text("# Network\n\nThe guest password is blue-kettle-42.\n", "utf-8")
        config = tmp_path / "config.yaml"
        config.write_text(f"knowledge: {{folders: [{folder}]}}\nsampling: {{max_tokens: 24}}\n", "utf-8")
        settings = load_settings(config, {}, data_dir)
        sent = [
            message(CHAT, "Hello"),
            message(CHAT, "", (files.attachment(DATA / "audio" / "en_eighteen_thirteen.ogg", AttachmentKind.VOICE),)),
            message(CHAT, "", (files.attachment(DATA / "images" / "scan_en.tif", AttachmentKind.IMAGE),)),
            message(CHAT, "", (files.attachment(folder / "wifi.md", AttachmentKind.DOCUMENT),)),
            message(CHAT, "What is the guest password?"),
            message(CHAT, "/status"),
            message(CHAT, "/retry"),
        ]
        return settings, sent

    settings, sent = await asyncio.to_thread(prepare)
    async with open_app(settings, {"console": SilentTransport()}) as app:
        await sync_documents(app)
        for event in sent:
            await app.store.inbox.accept([event])
            answer = await app.pipeline.handle(event)
            assert answer.error_code is None, answer.text
            assert answer.shown
        for job in jobs(app):
            await job.function()
    assert answer.citations
