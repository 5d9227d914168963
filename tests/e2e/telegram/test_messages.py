"""Every kind of message that somebody can write gets its one answer."""

import pytest

from bot.texts import say
from tests.e2e.conftest import DATA

pytestmark = pytest.mark.e2e


def test_a_text(household):
    """One message that grows into the answer, in the end with the buttons of a whole one."""
    ann = household.person("ann")
    answer = ann.say("Tell me about lighthouses.")
    assert len(answer.messages) == 1
    assert answer.text
    assert "retry" in answer.last.commands
    kinds = [event.kind for event in household.side.events(answer.question.after) if event.chat == ann.chat]
    assert "action" in kinds, "nobody saw it typing"
    assert kinds.count("message") == 1


def test_a_voice_note_and_a_reply_to_it(household):
    """What was heard is shown; a reply to the note carries its words to the model."""
    ben = household.person("ben")
    note = ben.send("voice", DATA / "audio" / "en_ask_not.ogg")
    assert "ask what you can do for your country" in note.text.lower()
    ben.say("Thank you.")
    reply = ben.say("Who said this?", reply_to=note.question.message_id)
    assert reply.text
    assert "ask what you can do" in household.last_prompt(ben.key).lower()


def test_a_photo_with_a_caption(household):
    """The letters of the picture are read, the caption is the question."""
    cho = household.person("cho")
    read = cho.send("photo", DATA / "images" / "photo_en.jpg", caption="What does it say?")
    assert say("echo.read", "en", text="").split("“")[0].strip() in read.text
    assert "What does it say?" in household.last_prompt(cho.key)


def test_a_document(household):
    """Its text reaches the model."""
    dan = household.person("dan")
    assert dan.send("document", DATA / "documents" / "boiler.md", caption="What is this about?").text
    assert "boiler" in household.last_prompt(dan.key).lower()


def test_an_album_is_one_question(household):
    """Two pictures with one caption get one answer."""
    eve = household.person("eve")
    pictures = (DATA / "images" / "photo_en.jpg", DATA / "images" / "scan_en_turned.png")
    answer = eve.send("photo", *pictures, caption="What are these?")
    assert len(answer.messages) == 1
    assert "quick brown" in household.last_prompt(eve.key)
    assert len(household.turns(eve.key)) == 2


def test_an_edited_question_is_answered_in_place(household):
    """The answer's own message gets the new answer; the conversation knows only the new question."""
    fay = household.person("fay")
    first = fay.say("Say something about cats.")
    second = fay.edit(first.question.message_id, "Say something about owls.")
    assert [message.message_id for message in second.messages] == [first.last.message_id]
    assert len(household.turns(fay.key)) == 2
    assert "cats" not in household.last_prompt(fay.key)


def test_an_older_edited_question_gets_a_hint(household):
    """Only the last question can be changed."""
    gus = household.person("gus")
    first = gus.say("Say one.")
    gus.say("Say two.")
    hint = gus.edit(first.question.message_id, "Say three.")
    assert len(household.turns(gus.key)) == 4
    assert hint.text


def test_what_cannot_be_read(household):
    """A sticker and a place are told apart from text, kindly."""
    hal = household.person("hal")
    assert hal.answer(household.side.location("hal")).text
    assert hal.send("sticker", DATA / "images" / "photo_en.jpg").text
    assert len(household.turns(hal.key)) == 0


def test_a_file_that_is_too_large_is_not_fetched(household):
    """The limit is said in words."""
    hal = household.person("hal")
    refused = hal.send("document", DATA / "documents" / "boiler.md", claimed_bytes=30_000_000)
    assert "20 MB" in refused.text


def test_an_unknown_command(household):
    """The nearest name is offered."""
    assert say("command.did_you_mean", "en", name="help") in household.person("ivy").say("/hepl").text


def test_a_chinese_user(household):
    """The assistant's own sentences are in the language of the message, the menu in that of the client."""
    lee = household.person("lee", language="zh")
    assert say("help.end", "zh") in lee.say("/help").text
    assert lee.say("你好，请介绍一下你自己。").text
    assert "help" in household.side.menu("lee", language="zh")


def test_a_question_in_the_middle_of_nothing(household):
    """An empty voice note is no question: nothing is made up."""
    mia = household.person("mia")
    assert mia.send("voice", DATA / "audio" / "noise.ogg").text
    assert len(household.turns(mia.key)) == 0
