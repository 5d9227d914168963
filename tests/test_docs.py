"""The documentation names things that exist."""

import ast
import re
from pathlib import Path

import pytest

from bot.cli.app import app
from bot.commands.table import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")])
PACKAGES = ("bot", "engines", "knowledge")


def definitions():
    """Every class, function and method of the project: `Name`, `function`, `Class.method`."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    members = [item.name for item in node.body if hasattr(item, "name")]
                    found |= {node.name, *members, *(f"{node.name}.{member}" for member in members)}
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.add(node.name)
    return found


def test_functions_of_the_trace_exist():
    """Every function and method that architecture.md and engine.md name is really there."""
    known = definitions()
    for page in ("architecture.md", "engine.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        named = set(re.findall(r"`([A-Z]\w+\.[a-z_]\w*)`", text)) | set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
        assert len(named) >= 2
        settings = {name for name in named if f"    {name}: " in _sources()}
        assert set() == named - known - settings, page


def _sources():
    return "".join(path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Relative links and named files of the project exist."""
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    files = re.findall(r"`((?:bot|engines|knowledge|tests|docs|deploy|scripts)/[\w/.-]+)`", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [file for file in files if not (ROOT / file).exists()]
    assert missing == []


def test_every_command_is_documented():
    """Each command of the program stands in the README, the configuration page or the deployment page."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    names += [group.name for group in app.registered_groups]
    assert [name for name in names if f"inglenook {name}" not in text] == []


def test_every_slash_command_is_documented():
    """The table of docs/commands.md has the commands of the command table with their other names, and no more."""
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `/(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    documented = {name: tuple(re.findall(r"\w+", aliases)) for name, aliases in rows}
    assert {command.name: command.aliases for command in COMMANDS.values()} == documented
