"""The model's own chat template: the only place that knows how roles are marked."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from engines.errors import EngineFailed, ModelLoadError
from engines.llm.request import ChatMessage


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a prompt."""

    text: str
    message: int | None
    """Index of the message whose text this is; none for the template's own markup."""


class ChatTemplate:
    """Turns messages into markup and texts, kept apart.

    The template is rendered with an unguessable mark in place of each text, and cut at the marks afterwards. So a text
    is never taken for markup, whatever it says, and the template, which is a foreign program in a sandbox, never sees
    a text. The date that some templates ask for is that of loading: midnight must not move a prompt's beginning.
    """

    def __init__(self, source: str, *, bos_text: str = "", eos_text: str = "") -> None:
        from jinja2 import TemplateError  # noqa: PLC0415 - the program starts faster without it
        from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        loaded_at = datetime.now(UTC)
        environment.globals.update(
            bos_token=bos_text, eos_token=eos_text, raise_exception=_refuse, strftime_now=loaded_at.strftime
        )
        self._errors = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)
        try:
            self._template = environment.from_string(source)
        except self._errors as error:
            raise ModelLoadError("model.chat_template", detail=str(error)) from error

    def render(self, messages: Sequence[ChatMessage]) -> list[Piece]:
        """The prompt, up to where the answer begins. Raises EngineFailed when the template does not take the messages.

        A template without a system role gets the system text in front of the first user text, as its authors do it.
        """
        try:
            return self._render([(message.role, (index,)) for index, message in enumerate(messages)], messages)
        except self._errors as error:
            if [message.role for message in messages[:2]] != ["system", "user"]:
                raise EngineFailed("engine.failed", detail=f"chat template: {error}") from error
        try:
            roles = [(message.role, (index,)) for index, message in enumerate(messages)][2:]
            return self._render([("user", (0, 1)), *roles], messages)
        except self._errors as error:
            raise EngineFailed("engine.failed", detail=f"chat template: {error}") from error

    def _render(self, roles: Sequence[tuple[str, tuple[int, ...]]], messages: Sequence[ChatMessage]) -> list[Piece]:
        nonce = f"text{secrets.token_hex(16)}n"
        contents = ["\n\n".join(f"{nonce}{index}e" for index in indices) for _, indices in roles]
        turns: list[dict[str, Any]] = [
            {"role": role, "content": content} for (role, _), content in zip(roles, contents, strict=True)
        ]
        rendered = self._template.render(messages=turns, add_generation_prompt=True)
        parts = re.split(rf"{nonce}(\d+)e", rendered)
        pieces = [
            Piece(messages[int(part)].text, int(part)) if place % 2 else Piece(part, None)
            for place, part in enumerate(parts)
        ]
        if not any(piece.message == len(messages) - 1 for piece in pieces):
            raise ValueError("the newest message does not appear in the prompt")
        return [piece for piece in pieces if piece.text or piece.message is not None]


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)
