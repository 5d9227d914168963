"""How one message travels, on a real store and scripted engines."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text

from bot.domain import AttachmentKind, MessageEdited, MessageRef, MessageRemoved
from bot.store import open_store
from engines.errors import EngineOverloaded
from engines.llm.request import Finished, FinishReason, TextDelta, Usage
from knowledge.types import EVERYONE, Passage
from tests.fakes.house import CHAT, House
from tests.fakes.transport import incoming


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "inglenook.db") as opened:
        yield opened


@asynccontextmanager
async def reopened(path):
    async with open_store(path / "inglenook.db") as opened:
        yield opened


async def test_a_question_is_answered_and_remembered(store):
    """The answer streams, ends once, and both turns are kept as they were sent."""
    house = House(store, "Paris it is")
    answer = await house.say("Capital of France?")
    assert answer.text == "Paris it is"
    assert house.transport.answers == ["Paris it is"]
    assert house.transport.replies[0].drafts[0] == "Paris"
    roles = [role for role, _ in await house.turns()]
    assert roles == ["user", "assistant"]
    assert await store.inbox.unfinished() == []
    assert await store.outbox.undelivered() == []


async def test_the_next_prompt_starts_with_the_last(store):
    """The conversation is sent whole, each turn as it was sent before, under the same session."""
    house = House(store, "one", "two")
    await house.say("first", "1")
    before = house.prompt
    await house.say("second", "2")
    assert [*before, "one"] == house.prompt[: len(before) + 1]
    assert len({request.session_id for request in house.generator.requests}) == 1


async def test_the_same_event_is_answered_once(store):
    """A second delivery of an answered event does nothing."""
    house = House(store, "one", "two")
    await house.say("first")
    await house.say("first")
    assert house.transport.answers == ["one"]


async def test_chats_do_not_see_each_other(store):
    """Another chat has another conversation and may search only what is everyone's or its own."""
    house = House(store, "one", "two")
    await house.say("secret of main", "1")
    await house.say("hello", "2", chat="other")
    assert not any("secret" in text for text in house.prompt)
    assert house.retriever.queries[-1][1] == (EVERYONE, "console/other")


async def test_voice_is_heard_echoed_and_answered(store):
    """The transcript stands before the answer and is the question."""
    house = House(store, "Done.")
    answer = await house.say("", attachments=house.attach(AttachmentKind.VOICE, b"lights on"))
    assert answer.reading.text("heard") == "lights on"
    assert house.prompt[-1].endswith("lights on")
    assert house.transport.answers == ["heard: “lights on”\n\nDone."]
    assert house.transport.replies[0].statuses[0] == "listening …"


async def test_silence_is_a_sentence_not_a_guess(store):
    """A recording without speech is told so, and the model is not asked."""
    house = House(store)
    await house.say("", attachments=house.attach(AttachmentKind.VOICE, b"", "memo.ogg"))
    assert house.transport.answers == ["I heard no speech in memo.ogg."]
    assert house.generator.requests == []
    assert await house.turns() == []


async def test_a_picture_is_read_and_given_to_the_model(store):
    """The text of a picture is in the prompt as the user's material, and echoed."""
    house = House(store, "12 euros.")
    answer = await house.say("How much?", attachments=house.attach(AttachmentKind.IMAGE, b"TOTAL 12", "bill.jpg"))
    assert answer.reading.text("read") == "TOTAL 12"
    assert "TOTAL 12" in house.prompt[-1]
    assert house.transport.answers == ["read from picture: “TOTAL 12”\n\n12 euros."]


async def test_an_unreadable_picture_with_a_question_is_still_answered(store):
    """What could not be read is said, and the question is answered all the same."""
    house = House(store, "Hello.")
    await house.say("Hi", attachments=house.attach(AttachmentKind.IMAGE, b"", "dark.jpg"))
    (answer,) = house.transport.answers
    assert "I can read nothing in dark.jpg" in answer
    assert answer.endswith("Hello.")


async def test_a_long_document_is_cut_aloud(store):
    """Nothing is cut silently."""
    house = House(store, "Long.")
    await house.say("", attachments=house.attach(AttachmentKind.DOCUMENT, b"x" * 150, "long.txt"))
    assert "first 100 of 150 characters" in house.transport.answers[0]
    assert "x" * 100 in house.prompt[-1]
    assert "x" * 101 not in house.prompt[-1]


async def test_a_file_too_large_is_refused_in_words(store):
    """A large attachment is refused with both numbers; the next message works."""
    house = House(store, "fine")
    answer = await house.say("", attachments=house.attach(AttachmentKind.DOCUMENT, b"x" * 2000, "big.txt"))
    assert answer.error_code == "attachment.too_large"
    assert (await house.say("ok?", "2")).text == "fine"


PASSAGE = Passage(chunk_id="1", path="/docs/boiler.md", heading="Bleeding", page=None, text="Turn it left.", score=1.0)


async def test_an_answer_from_documents_names_them(store):
    """Passages go into the newest user turn, and the answer ends with its sources."""
    house = House(store, "Left [1].", "hm", passages=[PASSAGE])
    answer = await house.say("How?")
    assert "Turn it left." in house.prompt[-1]
    assert house.transport.answers[0].endswith("Sources:\n[1] /docs/boiler.md, Bleeding")
    assert answer.citations[0].path == "/docs/boiler.md"
    sources = await house.say("/sources", "2")
    assert "Turn it left." in sources.text


async def test_an_engine_error_is_a_sentence_and_nothing_is_remembered(store):
    """The chat goes on after an error, in the language of the message."""
    house = House(store, EngineOverloaded("engine.overloaded", waiting=9), "fine")
    failed = await house.say("你好", "1")
    assert failed.error_code == "engine.overloaded"
    assert "9 个请求" in house.transport.answers[0]
    assert await house.turns() == []
    assert (await house.say("again", "2")).text == "fine"


async def test_an_unexpected_error_is_an_apology_with_a_number(store):
    """Nobody sees a stack trace; the request id is in the answer."""
    house = House(store, ValueError("oops"))
    await house.say("hello")
    (answer,) = house.transport.answers
    assert "oops" not in answer
    assert "The log knows more" in answer


async def test_a_failed_generation_is_an_error(store):
    """A stream that finishes with FAILED has no answer."""
    failed = Finished(reason=FinishReason.FAILED, usage=Usage(), error_code="engine.failed")
    house = House(store, [TextDelta("Hal"), failed])
    assert (await house.say("hello")).error_code == "engine.failed"
    assert await house.turns() == []


async def test_a_cut_answer_says_so(store):
    """An answer at the length limit is marked."""
    house = House(store, [TextDelta("Once upon"), Finished(reason=FinishReason.LENGTH, usage=Usage())])
    await house.say("a story")
    assert house.transport.answers[0].startswith("Once upon\n\n(cut at the length limit")


async def test_stop_keeps_what_was_said(store):
    """/stop ends the running answer at once; its words stay, with a mark, in the chat and in the conversation."""
    house = House(store, "Once upon a time")
    house.generator.resume.clear()
    running = asyncio.create_task(house.say("a story", "1"))
    await house.generator.started.wait()
    stopped = await house.say("/stop", "2")
    await running
    assert stopped.text == "Stopped."
    assert "Once\n\n(stopped)" in house.transport.answers
    assert house.generator.running == 0
    assert (await house.turns())[-1] == ("assistant", "Once")


async def test_stop_with_nothing_running(store):
    """/stop without an answer to stop says so."""
    assert (await House(store).say("/stop")).text == "There is nothing to stop."


async def test_messages_of_one_chat_are_answered_in_order(store):
    """The second message waits for the first and sees its answer; a third too many is refused."""
    house = House(store, "one", "two", "three", "four")
    house.generator.resume.clear()
    messages = [incoming(f"question {number}", str(number)) for number in range(4)]
    for message in messages:
        await store.inbox.accept([message])
    tasks = [asyncio.create_task(house.pipeline.handle(message)) for message in messages]
    refused = await tasks[3]
    assert refused.error_code == "chat.busy"
    house.generator.resume.set()
    answers = [answer.text for answer in await asyncio.gather(*tasks[:3])]
    assert answers == ["one", "two", "three"]
    assert [role for role, _ in await house.turns()] == ["user", "assistant"] * 3


async def test_new_starts_over(store):
    """/new begins an empty conversation; the engine keeps the old session for who resumes it."""
    house = House(store, "one", "two")
    await house.say("first", "1")
    session = house.generator.requests[0].session_id
    await house.say("/new", "2")
    await house.say("second", "3")
    assert house.generator.forgotten == []
    assert session != house.generator.requests[1].session_id
    assert not any("first" in text for text in house.prompt)


async def test_retry_asks_the_same_again(store):
    """/retry replaces the last answer by a fresh one to the very same turn."""
    house = House(store, "one", "two")
    await house.say("first", "1")
    before = house.prompt
    answer = await house.say("/retry", "2")
    assert answer.text == "two"
    assert before == house.prompt
    assert [("user", before[-1]), ("assistant", "two")] == await house.turns()


async def test_retry_without_a_question(store):
    """/retry at the beginning says what is missing."""
    assert "no question yet" in (await House(store).say("/retry")).text


async def test_an_edit_of_the_last_question_changes_its_answer(store):
    """The last question, edited, is answered anew in the messages of the earlier answer."""
    house = House(store, "one", "two", "three")
    await house.say("first", "1")
    await house.say("second", "2")
    await house.take(MessageEdited(message=incoming("better second", "2")))
    turns = await house.turns()
    assert [text for role, text in turns if role == "assistant"] == ["one", "three"]
    assert "better second" in turns[2][1]
    assert house.transport.replies[2].sent == (MessageRef(CHAT, "answer-2"),)


async def test_an_edit_of_an_older_question_is_a_hint(store):
    """What was said since is not thrown away, and the older answer stays as it is."""
    house = House(store, "one", "two")
    await house.say("first", "1")
    await house.say("second", "2")
    answer = await house.take(MessageEdited(message=incoming("better first", "1")))
    assert answer.error_code == "edit.older"
    assert house.transport.replies[2].sent == ()
    assert len(await house.turns()) == 4


async def test_an_edit_while_the_message_waits_is_answered_as_edited(store):
    """A message that is changed before its turn has come is answered once, in its last form."""
    house = House(store, "one", "two")
    house.generator.resume.clear()
    first, second = incoming("first", "1"), incoming("second", "2")
    edited = MessageEdited(message=incoming("better second", "2"))
    answered = [await house.inbox.accept(event) for event in (first, second, edited)]
    await house.generator.started.wait()
    house.generator.resume.set()
    for future in answered:
        await future
    assert sorted(house.transport.answers) == ["one", "two"]
    assert "better second" in house.prompt[-1]
    assert await store.inbox.unfinished() == []


async def test_a_message_taken_back_while_it_waits_is_not_answered(store):
    """It leaves no turn, no answer and nothing open."""
    house = House(store, "one")
    house.generator.resume.clear()
    first, second = incoming("first", "1"), incoming("second", "2")
    removed = MessageRemoved(ref=second.ref, sender=second.sender)
    answered = [await house.inbox.accept(event) for event in (first, second, removed)]
    await house.generator.started.wait()
    house.generator.resume.set()
    for future in answered:
        await future
    assert [reply.message.text for reply in house.transport.replies if reply.final is None] == ["second"]
    assert len(await house.turns()) == 2
    assert await store.inbox.unfinished() == []


async def test_a_removed_message_is_forgotten(store):
    """A message that was taken back leaves the conversation, without an answer."""
    house = House(store, "one")
    message = incoming("first", "1")
    await house.take(message)
    await house.take(MessageRemoved(ref=message.ref, sender=message.sender))
    assert await house.turns() == []
    assert len(house.transport.replies) == 1


async def test_a_long_conversation_is_trimmed_aloud(store):
    """Old exchanges go when the context is full, the user is told, and the rest still goes on."""
    house = House(store, *["word " * 60] * 8, context_tokens=400)
    for number in range(8):
        await house.say("tell me more " * 5, str(number))
    told = [answer for answer in house.transport.answers if "outgrown my memory" in answer]
    assert 1 <= len(told) < 5
    sizes = [await house.generator.count_tokens(request.messages) for request in house.generator.requests]
    assert max(sizes) <= 400
    conversation, _ = await store.chats.load(CHAT)
    assert conversation.trimmed_turns > 0
    assert conversation.turns[0].role == "user"


async def test_unknown_commands_are_helped(store):
    """A mistyped command gets the nearest name."""
    assert "Did you mean /status?" in (await House(store).say("/statsu")).text


@pytest.mark.parametrize(
    ("command", "expected"), [("/help", "/retry - "), ("/status", "model: well"), ("/context", "0 messages, 2 of 4096")]
)
async def test_commands_tell(store, command, expected):
    """The commands that tell something do."""
    assert expected in (await House(store).say(command)).text


async def test_settings_of_a_chat(store):
    """/lang and /temp change what applies in this chat, and only there."""
    house = House(store, "one", "two")
    await house.say("/lang zh", "1")
    await house.say("/temp 0.2", "2")
    assert (await house.say("/stop", "3")).text == "没有可以停止的回答。"
    await house.say("hello", "4")
    assert house.generator.requests[-1].sampling.temperature == 0.2
    await house.say("hello", "5", chat="other")
    assert house.generator.requests[-1].sampling.temperature == 0.3
    assert "0（总选最可能的词）到 2" in (await house.say("/temp hot", "6")).text


async def test_an_answer_that_cannot_be_sent_waits_in_the_outbox(store):
    """A platform that fails at the last word gets the answer after a pause, once."""
    house = House(store, "late")
    house.transport.failing = True
    await house.say("hello")
    await house.outbox.resend()
    house.transport.failing = False
    await house.outbox.resend()
    assert house.transport.answers == [None]
    house.clock.advance(60)
    await house.outbox.resend()
    await house.outbox.resend()
    assert house.transport.answers == [None, "late"]


async def test_a_message_cut_off_by_the_end_is_answered_after_the_start(tmp_path):
    """What was accepted and not answered is answered by the next run, exactly once."""
    async with reopened(tmp_path) as store:
        house = House(store, "never said")
        house.generator.resume.clear()
        answered = await house.inbox.accept(incoming("hello"))
        await house.generator.started.wait()
        await house.inbox.drain(0)
        assert answered.cancelled()
        assert house.generator.running == 0
    async with reopened(tmp_path) as store:
        house = House(store, "said at last")
        await house.inbox.replay()
        await house.inbox.drain(10)
        assert house.transport.answers == ["said at last"]
        await house.inbox.replay()
        await house.inbox.drain(10)
        assert len(house.transport.replies) == 1


async def test_a_message_that_ends_the_program_again_and_again_is_given_up(store):
    """The third attempt is a sentence, not another try."""
    house = House(store, "never said")
    message = incoming("poison")
    await store.inbox.accept([message])
    await store.inbox.begin(message)
    await store.inbox.begin(message)
    await house.inbox.replay()
    await house.inbox.drain(10)
    assert "interrupted twice" in house.transport.answers[0]
    assert house.generator.requests == []


async def test_two_deliveries_at_once_are_one(store):
    """The inbox takes an event once, however often the platform sends it."""
    house = House(store, "one", "two")
    message = incoming("hello")
    for answered in [await house.inbox.accept(message) for _ in range(3)]:
        await answered
    assert house.transport.answers == ["one"]


async def test_a_long_answer_comes_in_parts(store):
    """An answer beyond the platform's limit is several messages, all in the outbox first."""
    house = House(store, "word " * 100)
    house.transport.limits = replace(house.transport.limits, max_length=120)
    await house.say("a story")
    (reply,) = house.transport.replies
    assert len(reply.final) > 4
    assert all(len(part) <= 120 for part in reply.final)


async def test_what_cannot_be_stored_is_said_and_tried_again(store):
    """A disk that is full at the last word: the user hears it, and the message is answered after the next start."""
    house = House(store, "x" * 200_000, "short")
    await store.inbox.accept([incoming("hello")])
    await store.chats.load(CHAT)
    async with store.database.transaction() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
    failed = await house.pipeline.handle(incoming("hello"))
    assert failed.error_code == "store.disk_full"
    assert "is full" in house.transport.sent[0][1]
    async with store.database.transaction() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1000000"))
    await house.inbox.replay()
    await house.inbox.drain(10)
    assert house.transport.answers[-1] == "short"


async def test_compact_goes_on_with_the_summary_alone(store):
    """The summary is asked for in the old conversation, and the next question sees it and nothing before it."""
    house = House(store, "one", "you asked first", "two")
    await house.say("first", "1")
    await house.say("/compact", "2")
    asked_in = [request.session_id for request in house.generator.requests]
    assert asked_in[0] == asked_in[1]
    assert "A fresh conversation begins" in house.transport.answers[1]
    await house.say("second", "3")
    assert house.generator.requests[2].session_id != asked_in[0]
    assert "you asked first" in house.prompt
    assert not any(text.endswith("first") and "asked" not in text for text in house.prompt)
    await house.say("/retry", "4")
    assert len(house.generator.requests) == 4


async def test_standing_orders_are_the_system_text(store):
    """/system reaches the model as the system message of the next conversation, and no other chat's."""
    house = House(store, "arr", "hello")
    await house.say("/system You are a pirate", "1")
    await house.say("first", "2")
    assert house.prompt[0] == "You are a pirate"
    await house.say("first", "3", chat="other")
    assert house.prompt[0] == "orders"


async def test_a_summary_cannot_be_retried(store):
    """Nobody asked for it in the fresh conversation, where there is nothing to sum up."""
    house = House(store, "one", "summary")
    await house.say("first", "1")
    await house.say("/compact", "2")
    await house.say("/retry", "3")
    assert "no question yet" in house.transport.answers[2]


async def test_what_is_yours_is_sent_to_you_alone(store):
    """/export arrives as a file in a direct chat; in a group it is refused with the reason."""
    house = House(store, "one")
    await house.say("first", "1")
    await house.say("/export", "2")
    assert [name for _, name, _, _ in house.transport.sent_files] == ["inglenook-2026-03-14.zip"]
    await house.say("/export", "3", is_direct=False)
    assert "write it to me alone" in house.transport.answers[2]
    assert len(house.transport.sent_files) == 1


async def test_the_model_is_told_the_time_of_the_chat(store):
    """What time it is depends on the chat's zone, not on the machine's."""
    house = House(store, "Time to sleep")
    _, settings = await store.chats.load(CHAT)
    await store.chats.save_settings(CHAT, replace(settings, time_zone="Asia/Shanghai"))
    await house.say("How late is it?")
    assert "17:26" in house.prompt[-1]
