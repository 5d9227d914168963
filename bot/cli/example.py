"""The example configuration, written from the settings themselves: every key, its default and what it does.

The explanations are the docstrings under the fields, so that they stand in one place.
"""

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import yaml

from bot.config import FOUND_AT_START, SECRETS, Settings

_WIDTH = 110
_HEAD = """\
# Inglenook's settings, each with its default. Copy what you want to change into your own file; its usual place is
# ~/.config/inglenook/config.yaml, another is named with --config or INGLENOOK_CONFIG.
#
# Secrets never stand here. They come from the environment, or from a file that the environment names:
"""


def example() -> str:
    """A YAML file that loads, with every setting once."""
    secrets = "".join(f"#   {key}: {variable} or {variable}_FILE\n" for key, variable in SECRETS.items())
    return _HEAD + secrets + "\n" + "\n".join(_section(Settings, "")) + "\n"


def _section(section: type, prefix: str) -> Iterator[str]:
    pad = "  " * prefix.count(".")
    explained, types = _docstrings(section), typing.get_type_hints(section)
    for field in dataclasses.fields(section):
        key = f"{prefix}{field.name}"
        if key in SECRETS:
            continue
        yield from textwrap.wrap(explained[field.name], _WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# ")
        inner = types[field.name]
        if dataclasses.is_dataclass(inner) and isinstance(inner, type):
            inside = list(_section(inner, f"{key}."))
            yield f"{pad}{field.name}:" if inside else f"{pad}{field.name}: {{}}"
            yield from inside
        elif key in FOUND_AT_START:
            yield f"{pad}# {field.name}: (found at start)"
        else:
            text = yaml.safe_dump({field.name: _default(field)}, allow_unicode=True, width=_WIDTH - len(pad))
            yield textwrap.indent(text.rstrip(), pad)
        if not prefix:
            yield ""


def _default(field: "dataclasses.Field[Any]") -> object:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return list(default) if isinstance(default, tuple) else default


def _docstrings(section: type) -> dict[str, str]:
    """The string under each field of a dataclass."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - it is the source of a class
    return {
        field.target.id: inspect.cleandoc(text.value.value).replace("\n", " ")
        for field, text in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
