"""Kills assistants at random moments and at each step, and counts what their users got."""

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.telegram.user_side import Message, Sent, UserSide
from tests.fakes.lives import Lives
from tests.fakes.swift import POINTS, ending

PEOPLE = ("ann", "ben", "cho")
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Question:
    """Somebody's question, known by its code."""

    code: str
    chat: int
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a question whose assistant was killed."""

    code: str
    stage: str
    """How far the answer was when the process died."""
    answers: int
    """Whole answers that its asker has in the end: 1 is right."""
    leftovers: int
    """Other messages of the assistant between this question and the next one."""


class Killing:
    """An experiment: questions, kills and restarts over one data directory and one Telegram."""

    def __init__(self, side: UserSide, alive: Lives, database: Path, seed: int):
        self._side = side
        self._alive = alive
        self._database = database
        self._random = random.Random(seed)
        self._asked: list[tuple[Question, str]] = []
        self._answer_seconds = 0.0
        # A poll of a process that is dead, and an edit that was made before it died.
        side.tolerate("terminated by other getUpdates")
        side.tolerate("message is not modified")

    def warm_up(self) -> None:
        """One answer that nobody disturbs tells how long the others will take."""
        self._alive.start()
        self._wait(self._side.polling)
        questions = self._ask()
        start = time.monotonic()
        self._wait(lambda: all(self._stage(question) == "answer ticked off" for question in questions))
        self._answer_seconds = time.monotonic() - start
        self._asked.clear()

    def at_random(self) -> None:
        """Everybody asks, the process dies while it answers, and another one goes on."""
        questions = self._ask()
        time.sleep(self._random.uniform(0, self._answer_seconds * 1.1))
        self._alive.kill()
        self._restart(questions)

    def at_step(self, point: str) -> None:
        """The process dies at one of POINTS, with one question in hand."""
        self._alive.kill()
        self._alive.start(dies_at=point)
        self._wait(self._side.polling)
        question = self._ask(PEOPLE[:1])
        self._wait(lambda: not self._alive.is_running())
        self._alive.kill()
        self._restart(question, point)

    def outcomes(self) -> list[Outcome]:
        """What everybody has in the end."""
        return [self._outcome(question, stage) for question, stage in self._asked]

    def _ask(self, people: Sequence[str] = PEOPLE) -> list[Question]:
        questions = []
        for person in people:
            code = f"q{self._random.randrange(10**9)}"
            sent = self._side.text(person, f"Please answer {code}")
            questions.append(Question(code, self._side.user(person), sent))
        return questions

    def _restart(self, questions: Sequence[Question], point: str = "") -> None:
        self._asked += [(question, point or self._stage(question)) for question in questions]
        self._alive.start()
        self._wait(lambda: all(self._stage(question) == "answer ticked off" for question in questions))

    def _stage(self, question: Question) -> str:
        """How far the answer is, by the database and by what its asker sees."""
        key = f"message:telegram/{question.chat}:{question.sent.message_id}"
        with closing(sqlite3.connect(self._database)) as database:
            row = database.execute("SELECT attempts, done_at FROM inbox WHERE key = ?", (key,)).fetchone()
            unsent = database.execute(
                "SELECT count(*) FROM outbox WHERE event_key = ? AND sent_at IS NULL", (key,)
            ).fetchone()[0]
        if row is None:
            return "not taken yet"
        attempts, done_at = row
        if done_at:
            return "answer written down" if unsent else "answer ticked off"
        if not attempts:
            return "written down"
        return "being written, visible" if self._replies(question) else "being written, not visible"

    def _outcome(self, question: Question, stage: str) -> Outcome:
        replies = self._replies(question)
        whole = [reply for reply in replies if ending(question.code) in reply.text]
        return Outcome(code=question.code, stage=stage, answers=len(whole), leftovers=len(replies) - len(whole))

    def _replies(self, question: Question) -> list[Message]:
        """The assistant's messages between this question and the next one of the same chat."""
        replies = []
        for message in self._side.messages(question.chat):
            if message.message_id > question.sent.message_id:
                if not message.from_bot:
                    break
                replies.append(message)
        return replies

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self._alive.log.read_text("utf-8")[-4000:]
            time.sleep(0.02)


def every_step(killing: Killing) -> None:
    """Dies once at each of POINTS."""
    for point in POINTS:
        killing.at_step(point)
