"""Many messages, with engines that are quick and whose words are known; everything else is real."""

import time

import psutil
import pytest

from bot.texts import say
from tests.e2e.telegram.home import Home
from tests.e2e.telegram.person import Person
from tests.e2e.telegram.sides import open_side
from tests.e2e.telegram.user_side import REASONS
from tests.fakes.kills import PEOPLE, Killing, every_step
from tests.fakes.lives import lives
from tests.fakes.swift import Life, ending, opening

pytestmark = pytest.mark.e2e

CROWD = tuple(f"person{number}" for number in range(100))
MEMORY_GROWTH_BYTES = 100_000_000
"""What a hundred people may cost, all together."""


@pytest.fixture
def side():
    """A Telegram of its own for each test."""
    with open_side() as side:
        yield side


@pytest.fixture
def assistant(side, tmp_path):
    """Starts assistants with these people, and this pace of answers."""

    def prepare(people, **pace):
        home = Home(tmp_path, side, allowed=people)
        return home, lives(Life(environment=home.environment(), log=str(home.log), **pace))

    return prepare


def wait(condition, log, seconds=240):
    """Until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, log.read_text("utf-8")[-4000:]
        time.sleep(0.05)


def test_a_long_answer_is_cut_into_messages(side, assistant):
    """All of it arrives, in order, in messages that Telegram accepts; the buttons stand under the last one."""
    _, program = assistant(["ann"], words=1500, word_seconds=0.0)
    with program as running:
        running.start()
        ann = Person(side, "ann")
        question = ann.write("Please answer q1")
        ann.until(lambda: ending("q1") in words(ann), "the end")
        answer = ann.answer(question)
    assert len(answer.messages) > 2
    assert all(len(message.text) <= 4096 for message in answer.messages)
    assert answer.text.startswith(opening("q1"))
    assert ending("q1") in answer.last.text
    numbers = [int(word) for word in answer.text.replace(".", " ").split() if word.isdigit()]
    assert numbers == list(range(1500))
    assert [bool(message.buttons) for message in answer.messages] == [False] * (len(answer.messages) - 1) + [True]


def test_stop_in_mid_stream(side, assistant):
    """The words so far stay, and the same message says that it was stopped."""
    _, program = assistant(["ann"], words=1000, word_seconds=0.05)
    with program as running:
        running.start()
        ann = Person(side, "ann")
        question = ann.write("Please answer q1")
        draft = ann.being_written(question, with_text=True)
        pressed = ann.tap(draft, "stop")
        answer = ann.answer(question)
        ann.until(lambda: ann.acknowledged(pressed), "the end of the button's waiting")
    assert [message.message_id for message in answer.messages] == [draft.message_id]
    assert answer.text.startswith(opening("q1"))
    assert say("notice.stopped", "en") in answer.text
    assert ending("q1") not in answer.text


def test_a_flood_wait_in_mid_stream(side, assistant):
    """Telegram asks for a pause twice while the answer grows; the whole text arrives all the same, once."""
    _, program = assistant(["ann"], words=60, word_seconds=0.05)
    with program as running:
        running.start()
        ann = Person(side, "ann")
        question = ann.write("Please answer q1")
        ann.being_written(question)
        side.fault("editMessageText", code=429, retry_after=2, times=2)
        answer = ann.answer(question)
    assert len(answer.messages) == 1
    assert ending("q1") in answer.text


def test_a_hundred_people_at_once(side, assistant):
    """Everybody is answered, in the order of their own messages, and nobody waits for somebody's third answer."""
    _, program = assistant(CROWD, words=3, word_seconds=0.001)
    with program as running:
        running.start()
        people = [Person(side, name) for name in CROWD]
        wait(side.polling, running.log)
        memory = psutil.Process(running.pid).memory_info().rss
        for turn in range(3):
            for number, person in enumerate(people):
                person.write(f"Please answer q{turn}{number:02}")
        wait(
            lambda: all(ending(f"q2{number:02}") in words(person) for number, person in enumerate(people)),
            running.log,
            240,
        )
        grown = psutil.Process(running.pid).memory_info().rss - memory
    for number, person in enumerate(people):
        codes = [f"q{turn}{number:02}" for turn in range(3)]
        assert finished(side, person) == codes
        places = [words(person).index(ending(code)) for code in codes]
        assert places == sorted(places), "answers stand in the order of the questions"
    assert grown < MEMORY_GROWTH_BYTES


def words(person):
    """Everything that the assistant said to somebody."""
    return "\n".join(text for who, text in person.history() if who == "bot")


def finished(side, person):
    """The questions whose whole answer somebody got, in order."""
    seen = [event.message.text for event in side.events() if event.message and event.chat == person.chat]
    return [text.split("End of ")[1].split(".")[0] for text in seen if "End of q" in text]


def test_kills(side, assistant):
    """Whenever the process dies between a message and its answer, the asker gets one whole answer."""
    home, program = assistant(PEOPLE)
    side.tolerate(REASONS[429])  # a new process does not know how much the old one has sent
    side.tolerate("message is not modified")  # nor which edits were made
    side.tolerate("terminated by other getUpdates")  # the dead one's poll may still be open
    with program as running:
        killing = Killing(side, running, home.database, seed=1)
        killing.warm_up()
        every_step(killing)
        for _ in range(4):
            killing.at_random()
        outcomes = killing.outcomes()
    assert [outcome for outcome in outcomes if outcome.answers != 1] == []
    orphaned = {outcome.stage for outcome in outcomes if outcome.leftovers}
    assert orphaned <= {"first message sent, not written down", "being written, visible"}
