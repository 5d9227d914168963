"""What can be pressed under an answer."""

import pytest

from bot.texts import say
from tests.e2e.conftest import DATA

pytestmark = pytest.mark.e2e

LONG = "Please read this. " + "The keeper climbs the stairs and lights the lamp. " * 78


def test_stop(household):
    """A press ends the answer, says so in the same message, and the waiting of the button."""
    jan = household.person("jan")
    question = jan.write(LONG)
    draft = jan.being_written(question)
    pressed = jan.tap(draft, "stop")
    answer = jan.answer(question)
    assert [message.message_id for message in answer.messages] == [draft.message_id]
    assert say("notice.stopped", "en") in answer.text
    jan.until(lambda: jan.acknowledged(pressed), "the end of the button's waiting")


def test_retry(household):
    """Another answer in the same message, instead of the first one."""
    kim = household.person("kim")
    first = kim.say("What is a lighthouse?")
    again = kim.press(first.last, "retry")
    assert [message.message_id for message in again.messages] == [first.last.message_id]
    assert len(household.turns(kim.key)) == 2


def test_sources(household):
    """An answer from documents has a button that shows where it comes from."""
    dan = household.person("dan")
    assert "boiler.md" in dan.send("document", DATA / "documents" / "boiler.md", caption="/add").text
    answer = dan.say("What pressure does the boiler need?")
    assert "boiler.md" in dan.press(answer.last, "sources").text
