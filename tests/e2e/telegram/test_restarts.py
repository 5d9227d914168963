"""What goes wrong on the way, and what people notice of it: nothing, or an honest word."""

import json

import httpx
import pytest

from tests.e2e.conftest import DATA
from tests.e2e.telegram.test_buttons import LONG
from tests.fakes.botapi import KINDS

pytestmark = pytest.mark.e2e


def test_a_restart_in_the_middle_of_an_answer(household):
    """The answer comes after the restart, once, in the message that was begun."""
    ann = household.person("ann")
    question = ann.write(LONG)
    draft = ann.being_written(question)
    household.side.tolerate("message is not modified")  # an edit that was made is repeated: nobody knows that it was
    household.program.kill()
    household.program.start()
    answer = ann.answer(question)
    assert [message.message_id for message in answer.messages] == [draft.message_id]


def test_what_was_written_meanwhile_is_answered(household):
    """Messages that came while the assistant was down wait at Telegram."""
    ben = household.person("ben")
    household.program.stop()
    question = ben.write("Are you there?")
    household.program.start()
    assert ben.answer(question).text


def test_a_flood_wait_on_the_first_message(household):
    """The answer comes after the wait that Telegram asked for."""
    cho = household.person("cho")
    household.side.fault("sendMessage", code=429, retry_after=3)
    assert cho.say("Say something.").text


def test_a_flood_wait_on_an_edit(household):
    """An answer that is being written waits, and its whole text arrives."""
    dan = household.person("dan")
    household.side.fault("editMessageText", code=429, retry_after=3)
    answer = dan.say("Say something.")
    assert answer.last.buttons
    assert not answer.last.being_written


def test_a_failing_server(household):
    """502 on polling is waited out."""
    eve = household.person("eve")
    household.side.fault("getUpdates", code=502, times=2)
    assert eve.say("Are you there?").text


def test_a_download_that_breaks(household):
    """A dropped connection is tried again."""
    fay = household.person("fay")
    household.side.fault("getFile", drop=True)
    assert "1813" in fay.send("voice", DATA / "audio" / "en_eighteen_thirteen.ogg").text


def test_somebody_blocks_the_assistant(household):
    """Nothing is written to them any more, and everybody else goes on."""
    gus = household.person("gus")
    question = gus.write(LONG)
    gus.being_written(question)
    household.side.block("gus")
    hal = household.person("hal")
    assert hal.say("Are you there?").text
    household.side.unblock("gus")
    assert gus.say("I am back.").text


def test_two_assistants_with_one_token(household):
    """Somebody else's polling is said in the log; when it is over, messages are answered again."""
    side = household.side
    side.tolerate("terminated by other getUpdates")
    polling = {"timeout": 0, "allowed_updates": json.dumps(KINDS)}
    httpx.post(f"{side.address}/bot{side.token}/getUpdates", data=polling, trust_env=False).raise_for_status()
    ivy = household.person("ivy")
    ivy.until(lambda: household.files_with("another program takes"), "a line in the log")
    assert ivy.say("Are you there?").text
