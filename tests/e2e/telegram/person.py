"""Somebody who talks with the assistant and looks at the finished answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.telegram.user_side import Event, Message, Sent, UserSide

PATIENCE_SECONDS = 240.0
QUIET_SECONDS = 0.7
"""An answer without a stop button is finished when nothing has happened to it for so long."""
VISIBLE = {"message", "edit", "delete"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the assistant made of something, as it stands in the chat."""

    question: Sent
    messages: tuple[Message, ...]

    @property
    def text(self) -> str:
        """The whole of it."""
        return "\n".join(message.text for message in self.messages)

    @property
    def last(self) -> Message:
        """The message with the buttons."""
        return self.messages[-1]


class Person:
    """One person, in their private chat or in a group."""

    def __init__(self, side: UserSide, name: str, *, language: str = "", chat: int | None = None):
        self.side = side
        self.name = name
        self.user_id = side.user(name, language=language)
        self.group = chat
        self.chat = chat or self.user_id

    @property
    def key(self) -> str:
        """The chat's canonical form in the database."""
        return f"telegram/{self.chat}"

    def inside(self, chat: int) -> "Person":
        """The same person in a group."""
        return Person(self.side, self.name, chat=chat)

    def write(self, text, **where) -> Sent:
        """Writes, and does not wait."""
        return self.side.text(self.name, text, chat=self.group, **where)

    def say(self, text, **where) -> Answer:
        """Writes, and waits for the answer."""
        return self.answer(self.write(text, **where))

    def send(self, kind, *files, **details) -> Answer:
        """Sends files, and waits for the answer."""
        return self.answer(self.side.media(self.name, kind, files, chat=self.group, **details))

    def edit(self, message_id, text) -> Answer:
        """Changes an own message, and waits for what the assistant does about it."""
        return self.answer(self.side.edit(self.name, message_id, text))

    def press(self, message: Message, command) -> Answer:
        """Presses the button whose command begins like this, and waits for what comes of it."""
        return self.answer(self.tap(message, command))

    def tap(self, message: Message, command) -> Sent:
        """Presses, and does not wait."""
        (data,) = {data for data in message.buttons.values() if data.split(" ")[0] == command}
        return self.side.press(self.name, data, message_id=message.message_id, chat=self.group)

    def answer(self, question: Sent) -> Answer:
        """Waits until the assistant has answered and has nothing more to write."""
        self.until(lambda: self._is_finished(question.after), "an answer")
        return Answer(question, self._answers(question.after))

    def being_written(self, question: Sent, *, with_text=False) -> Message:
        """Waits until the answer can be seen growing; with words of the model, where asked for."""
        drafts: list[Message] = []

        def growing():
            drafts[:] = [message for message in self._answers(question.after) if message.being_written]
            return drafts and (not with_text or self._edits(question.after) >= 2)

        self.until(growing, "the beginning of an answer")
        return drafts[-1]

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits for something that can be seen from outside."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} waited {PATIENCE_SECONDS:.0f} s for {what}: {self.history()}")
            time.sleep(0.1)

    def silence(self, question: Sent, seconds=2.0) -> bool:
        """Whether nothing is written here for a while after the question."""
        time.sleep(seconds)
        return not self._visible(question.after)

    def history(self) -> list[tuple[str, str]]:
        """Who wrote what, as it stands in the chat."""
        return [("bot" if message.from_bot else "user", message.text) for message in self.side.messages(self.chat)]

    def acknowledged(self, question: Sent) -> bool:
        """Whether the press got its own answer."""
        return any(event.kind == "callback_answer" for event in self._here(question.after))

    def _is_finished(self, after: int) -> bool:
        visible = self._visible(after)
        if not visible or time.time() - visible[-1].at < QUIET_SECONDS:
            return False
        return not any(message.being_written for message in self._answers(after))

    def _answers(self, after: int) -> tuple[Message, ...]:
        """The assistant's messages that were written or changed since, as they are now."""
        touched = {event.message.message_id for event in self._visible(after) if event.message}
        return tuple(message for message in self.side.messages(self.chat) if message.message_id in touched)

    def _edits(self, after: int) -> int:
        return sum(event.kind == "edit" for event in self._visible(after))

    def _visible(self, after: int) -> list[Event]:
        return [event for event in self._here(after) if event.kind in VISIBLE]

    def _here(self, after: int) -> list[Event]:
        return [event for event in self.side.events(after) if event.chat == self.chat]
