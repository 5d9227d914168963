"""The whole assistant on Matrix: with its model, its store and its rules."""

import dataclasses
import signal
import sqlite3

import pytest

from tests.fakes.matrix import Person

pytestmark = pytest.mark.e2e


@pytest.fixture
async def ada(synapse):
    person = Person(synapse, "ada")
    await person.login()
    yield person
    await person.close()


async def test_the_assistant_answers_in_an_encrypted_room(shell, synapse, ada):
    """A question and a command, and after a kill in the middle of an answer the same message is finished."""
    bot = synapse.register("inglenook")
    config = shell.data_dir / "short.yaml"
    config.write_text(
        "sampling: {max_tokens: 64}\n"
        f"access: {{allowed: ['matrix/{ada.user_id}']}}\n"
        f"matrix: {{homeserver: '{synapse.address}', user_id: '{bot}'}}\n",
        "utf-8",
    )
    shell = dataclasses.replace(shell, secrets={"INGLENOOK_MATRIX_PASSWORD": "secret"})
    process = shell.start("run")
    try:
        room = await ada.room_with(bot)
        await ada.say(room, "Hello, who are you?")
        (answer,) = await ada.answers(room, 1)
        assert answer["encrypted"]
        await ada.say(room, "!help")
        helped = (await ada.answers(room, 2))[-1]["content"]
        assert "help" in helped["body"]
        assert helped["format"] == "org.matrix.custom.html"
        await ada.say(room, "Tell me a long story about a fox.")
        process.kill()
        process.communicate()
        process = shell.start("run")
        await ada.until(lambda: _all_answered(shell), "not answered after the kill", seconds=240)
        assert len(await ada.answers(room, 3)) == 3
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


async def _all_answered(shell):
    with sqlite3.connect(shell.data_dir / "inglenook.db") as database:
        (done,) = database.execute("SELECT count(*) FROM inbox WHERE done_at IS NOT NULL").fetchone()
        (waiting,) = database.execute("SELECT count(*) FROM outbox WHERE sent_at IS NULL").fetchone()
    return done == 3 and waiting == 0
