"""Who gets in, where the assistant listens, and what people may have of their data."""

import io
import re
import zipfile

import pytest

pytestmark = pytest.mark.e2e

CODE = re.compile(r"\b[A-Z2-9]{8}\b")


def test_an_unknown_person_is_let_in_by_an_admin_in_chat(household, ada):
    """One code, then silence, then the admin's word opens the door."""
    stranger = household.person("stranger")
    (code,) = CODE.findall(stranger.say("Hello?").text)
    assert stranger.silence(stranger.write("Is anybody there?"))
    assert ada.say(f"/pair approve {code}").text
    stranger.until(lambda: len(stranger.history()) > 3, "the news that they are let in")
    assert stranger.say("Hello again.").last.buttons


def test_an_unknown_person_is_let_in_on_the_command_line(household):
    """The same from the shell of the machine, while the assistant runs."""
    newcomer = household.person("newcomer")
    (code,) = CODE.findall(newcomer.say("Hello?").text)
    household.program.command("people", "approve", code)
    assert newcomer.say("Hello again.").last.buttons


def test_a_group(household, ada):
    """Where an admin brought it, the assistant answers who addresses it, and, after `/activation always`, all."""
    chat, _ = household.side.group("Family", ["ada", "ann"])
    ann = household.person("ann").inside(chat)
    ann.until(ann.history, "a greeting")
    answer = ann.say(f"@{household.side.username} what is a lighthouse?")
    assert answer.messages[0].reply_to == answer.question.message_id
    assert ann.silence(ann.write("I talk with somebody else."))
    assert ann.answer(ann.write("Tell me more.", reply_to=answer.last.message_id)).text
    ada.inside(chat).say(f"/activation@{household.side.username} always")


def test_a_topic_is_a_conversation_of_its_own(household, ada):
    """What is said in one topic is not known in another; answers stay in theirs."""
    chat, topics = household.side.group("Forum", ["ada"], topics=["garden", "kitchen"])
    ada = ada.inside(chat)
    ada.until(ada.history, "a greeting")
    answer = ada.say(f"@{household.side.username} my word is petunia", thread=topics["garden"])
    assert answer.last.thread == topics["garden"]
    ada.say(f"@{household.side.username} what is my word?", thread=topics["kitchen"])
    assert len(household.turns(f"{ada.key}/{topics['kitchen']}")) == 2


def test_export(household):
    """A ZIP with what was said, in a form for people and in one for programs."""
    ned = household.person("ned")
    ned.say("My cat is called Mimosa.")
    given = ned.say("/export")
    (file_id,) = [message.file_id for message in given.messages if message.file_id]
    archive = zipfile.ZipFile(io.BytesIO(household.side.file(file_id)))
    contents = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "Mimosa" in contents
    assert {name.rpartition(".")[2] for name in archive.namelist()} >= {"json", "md"}


def test_forget(household):
    """What a person said is nowhere on the disk afterwards."""
    mia = household.person("mia")
    mia.say("Remember the word xylographie7.")
    assert household.files_with("xylographie7")
    ask = mia.say("/forget")
    receipt = mia.press(ask.last, "forget")
    assert receipt.text
    assert household.files_with("xylographie7") == []


def test_a_reminder(household):
    """It comes at its time, into the chat where it was made."""
    ivy = household.person("ivy")
    made = ivy.say("/remind in 4 seconds stretch your legs")
    assert "stretch your legs" in made.text
    ivy.until(
        lambda: sum("stretch your legs" in text for who, text in ivy.history() if who == "bot") == 2, "the reminder"
    )
