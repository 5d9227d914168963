"""LlmEngine with its real thread, over a model that is only integers."""

import asyncio
import threading
from contextlib import aclosing

import pytest

from engines.errors import (
    ContextTooLong,
    EngineClosed,
    EngineFailed,
    EngineOverloaded,
    GrammarError,
    ModelLoadError,
)
from engines.llm.batch import DecodeOutcome
from engines.llm.config import LlmConfig
from engines.llm.engine import open_llm_engine
from engines.llm.request import (
    ChatMessage,
    Finished,
    FinishReason,
    GenerationRequest,
    Queued,
    SamplingParams,
    TextDelta,
)
from tests.fakes.runner import FakeRunner, FakeTokenizer, open_fake_model

HELLO = (ChatMessage("user", "hello"),)


def never_ending(tokens):
    """A model that only ever writes `x`."""
    return ord("x")


def opened(runner=None, **settings):
    fields = {"model_path": None, "context_tokens": 4096, "slots": 2, "batch_tokens": 64}
    config = LlmConfig(**(fields | settings))
    runner = runner or FakeRunner(config.slots, config.context_tokens)
    return open_llm_engine(config, lambda config: open_fake_model(config, runner))


def request(session_id="a", messages=HELLO, deadline_seconds=None, **sampling):
    fields = {"temperature": 0, "max_tokens": 20}
    params = SamplingParams(**(fields | sampling))
    return GenerationRequest(
        session_id=session_id, messages=messages, sampling=params, deadline_seconds=deadline_seconds
    )


async def heard(engine, asked):
    return [event async for event in engine.stream(asked)]


def text(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def until(condition):
    """Waits for the engine thread."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the engine never got there")


async def test_a_conversation_reads_only_what_is_new():
    """The second turn's prompt was there but for the new question."""
    async with opened() as engine:
        first = await heard(engine, request())
        grown = (*HELLO, ChatMessage("assistant", text(first)), ChatMessage("user", "more"))
        second = (await heard(engine, request(messages=grown)))[-1].usage

    usage = first[-1].usage
    assert usage.evaluated_tokens == usage.prompt_tokens
    assert second.reused_tokens >= usage.prompt_tokens + usage.completion_tokens - 1
    assert second.evaluated_tokens == second.prompt_tokens - second.reused_tokens


async def test_closing_the_stream_frees_the_slot():
    """The reader goes away in the middle, and another chat gets the only slot."""
    async with opened(FakeRunner(1, 4096, model=never_ending), slots=1) as engine:
        async with aclosing(engine.stream(request(max_tokens=4000))) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        assert text(await heard(engine, request("b"))) == "x" * 20
        stats = engine.stats()

    assert stats.finished == {FinishReason.ABORTED: 1, FinishReason.LENGTH: 1}


async def test_cancelling_the_reader_aborts():
    """A task that is cancelled while it waits for words leaves nothing running."""
    async with opened(FakeRunner(1, 4096, model=never_ending), slots=1) as engine:
        task = asyncio.create_task(heard(engine, request(max_tokens=4000)))
        await until(lambda: engine.stats().running == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: engine.stats().running == 0)


async def test_a_full_queue_refuses_and_says_so():
    """One runs, one waits and hears its place, the third is refused."""
    async with opened(FakeRunner(1, 4096, model=never_ending), slots=1, max_waiting=1) as engine:
        async with aclosing(engine.stream(request("a", max_tokens=4000))) as running:
            await anext(running)
            async with aclosing(engine.stream(request("b", max_tokens=4000))) as waiting:
                assert await anext(waiting) == Queued(0)
                with pytest.raises(EngineOverloaded):
                    await heard(engine, request("c"))
        await until(lambda: engine.stats().waiting == 0)
        assert text(await heard(engine, request("c"))) == "x" * 20


async def test_a_prompt_that_can_never_fit_is_refused_with_both_numbers():
    """Before anything is queued."""
    async with opened(context_tokens=256) as engine:
        with pytest.raises(ContextTooLong) as error:
            await heard(engine, request(messages=(ChatMessage("user", "x" * 300),)))

    assert error.value.arguments["limit_tokens"] == 255
    assert error.value.arguments["prompt_tokens"] > 300


async def test_a_deadline_ends_an_answer():
    """Given up with what was said so far."""
    async with opened(FakeRunner(1, 10**6, model=never_ending), context_tokens=10**6) as engine:
        events = await heard(engine, request(max_tokens=10**6, deadline_seconds=0.05))

    assert (events[-1].reason, events[-1].error_code) == (FinishReason.FAILED, "engine.timeout")
    assert text(events)


async def test_a_failed_decode_ends_one_answer_and_not_the_engine():
    """The next message is answered."""
    runner = FakeRunner(2, 4096)
    async with opened(runner) as engine:
        runner.outcomes.append(DecodeOutcome.FAILED)
        failed = (await heard(engine, request()))[-1]
        again = (await heard(engine, request()))[-1]
        await engine.ping()

    assert (failed.reason, failed.error_code) == (FinishReason.FAILED, "engine.failed")
    assert again.reason in (FinishReason.STOP, FinishReason.LENGTH)
    assert again.usage.reused_tokens == 0


async def test_an_error_in_a_step_ends_what_runs_and_not_the_engine(caplog):
    """Even a mistake of ours leaves nobody waiting for ever."""

    def broken(tokens):
        raise ZeroDivisionError

    runner = FakeRunner(2, 4096)
    async with opened(runner) as engine:
        working, runner._model = runner._model, broken
        failed = (await heard(engine, request()))[-1]
        runner._model = working
        again = (await heard(engine, request()))[-1]

    assert failed.error_code == "engine.failed"
    assert again.error_code is None
    assert "an engine step failed" in caplog.text


async def test_an_error_after_the_last_token_is_still_one_finished(monkeypatch):
    """The books already say that the answer ended; its reader hears so too."""

    def broken(self, token):
        raise ZeroDivisionError

    async with opened() as engine:
        monkeypatch.setattr(FakeTokenizer, "piece", broken)
        end = (await heard(engine, request(max_tokens=1)))[-1]

    assert (end.reason, end.error_code) == (FinishReason.FAILED, "engine.failed")


async def test_an_engine_that_cannot_recover_says_so():
    """Every later call gets the reason."""
    runner = FakeRunner(2, 4096)
    async with opened(runner) as engine:
        runner.outcomes.append(DecodeOutcome.FAILED)
        runner.broken_resets = 1
        assert (await heard(engine, request()))[-1].error_code == "engine.failed"
        with pytest.raises(EngineFailed):
            await heard(engine, request())
        with pytest.raises(EngineFailed):
            await engine.ping()
        await engine.forget("a")

    assert runner.closed


async def test_forgetting_a_session_takes_its_tokens_out_of_the_cache():
    """When the call returns, nothing is left, and its running answer has ended."""
    runner = FakeRunner(2, 4096, model=never_ending)
    async with opened(runner) as engine:
        await heard(engine, request("b"))
        stream = engine.stream(request("a", max_tokens=4000))
        await anext(stream)
        await engine.forget("a")
        rest = [event async for event in stream]

        assert rest[-1].reason is FinishReason.ABORTED
        assert [runner.held(slot) > 0 for slot in range(2)] == [True, False]


async def test_many_chats_at_once_say_what_they_say_alone():
    """Twelve chats through two slots: evictions, waiting, and the same words."""
    async with opened() as engine:
        asked = [request(f"chat {number}", (ChatMessage("user", f"question {number}"),)) for number in range(12)]
        together = await asyncio.gather(*(heard(engine, each) for each in asked))
    async with opened() as engine:
        alone = [await heard(engine, each) for each in asked]

    assert list(map(text, together)) == list(map(text, alone))


async def test_closing_the_engine_ends_every_answer():
    """Nobody waits for an engine that is gone."""
    runner = FakeRunner(1, 10**6, model=never_ending)
    async with opened(runner, slots=1, context_tokens=10**6) as engine:
        tasks = [asyncio.create_task(heard(engine, request(name, max_tokens=10**6))) for name in "abc"]
        await until(lambda: engine.stats().waiting == 2)
    ends = [(await task)[-1] for task in tasks]

    assert {end.error_code for end in ends} == {"engine.closed"}
    assert runner.closed
    with pytest.raises(EngineClosed):
        await heard(engine, request())
    with pytest.raises(EngineClosed):
        await engine.ping()


async def test_a_model_that_does_not_load_raises_where_the_engine_is_opened():
    """And leaves no thread behind."""

    def broken(config):
        raise ModelLoadError("model.missing", path="none")

    with pytest.raises(ModelLoadError):
        async with open_llm_engine(LlmConfig(model_path=None), broken):
            raise AssertionError("never opened")
    await until(lambda: not any(thread.name == "llm" for thread in threading.enumerate()))


async def test_opening_does_not_block_and_can_be_cancelled():
    """A model that loads for long is closed again when nobody wants it any more."""
    runner = FakeRunner()
    release = threading.Event()

    def slow(config):
        release.wait(10)
        return open_fake_model(config, runner)

    async def use():
        async with open_llm_engine(LlmConfig(model_path=None), slow):
            raise AssertionError("never opened")

    task = asyncio.create_task(use())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await until(lambda: runner.closed)


async def test_a_slow_reader_gets_all_words():
    """The engine does not wait for it, and nothing is lost."""
    async with opened() as engine:
        quick = text(await heard(engine, request("a")))
        events = []
        async for event in engine.stream(request("b")):
            await asyncio.sleep(0.005)
            events.append(event)

    assert text(events) == quick
    assert [type(event) for event in events].count(Finished) == 1


async def test_counting_knows_the_opening_of_the_answer():
    """As many tokens as the prompt of the same messages has."""
    async with opened() as engine:
        counted = await engine.count_tokens(HELLO)
        usage = (await heard(engine, request()))[-1].usage

    assert counted == usage.prompt_tokens


async def test_a_form_that_is_none_is_refused_before_anything_is_read():
    """And the next request is served."""
    async with opened() as engine:
        with pytest.raises(GrammarError, match=r"grammar.invalid"):
            await heard(engine, request(grammar="no grammar"))

        assert engine.stats().steps == 0
        assert (await heard(engine, request(grammar='root ::= "yes"')))[-1].error_code is None
