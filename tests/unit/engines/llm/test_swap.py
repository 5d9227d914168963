"""One model after another, over models that are only integers."""

import asyncio
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from engines.errors import EngineClosed, ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.engine import ServingState, open_llm_engine
from engines.llm.request import ChatMessage, FinishReason, GenerationRequest, SamplingParams, TextDelta
from tests.fakes.runner import FakeRunner, open_fake_model

A, B = Path("a.gguf"), Path("b.gguf")


class Shelf:
    """Models by name; `a` writes a, `b` writes b. Knows which are in memory, of which there may be a limit."""

    def __init__(self, room=2):
        self.room = room
        self.runners = []
        self.broken = set()
        self.may_load = threading.Event()
        self.may_load.set()

    @property
    def loaded(self):
        return [runner for runner in self.runners if not runner.closed]

    def open(self, config):
        self.may_load.wait(10)
        if config.model_path in self.broken:
            raise ModelLoadError("model.missing", path=str(config.model_path))
        if len(self.loaded) >= self.room:
            raise ModelLoadError("model.too_large", path=str(config.model_path), needed_mb=2, available_mb=1)
        letter = ord(config.model_path.stem)
        runner = FakeRunner(config.slots, config.context_tokens, model=lambda tokens: letter)
        self.runners.append(runner)
        return open_fake_model(config, runner)

    def engine(self, **settings):
        return open_llm_engine(LlmConfig(model_path=A, context_tokens=4096, slots=2, **settings), self.open)


def request(session_id="chat", max_tokens=5):
    sampling = SamplingParams(temperature=0, max_tokens=max_tokens)
    return GenerationRequest(session_id=session_id, messages=(ChatMessage("user", "hello"),), sampling=sampling)


async def heard(engine, asked):
    events = [event async for event in engine.stream(asked)]
    return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1]


async def until(condition):
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


async def test_the_next_request_goes_to_the_new_model():
    """And the old one is freed; a conversation that goes on is read again."""
    shelf = Shelf()
    async with shelf.engine() as engine:
        before, _ = await heard(engine, request())
        await engine.swap(B)
        after, end = await heard(engine, request())
        await until(lambda: len(shelf.loaded) == 1)

        assert (before, after) == ("aaaaa", "bbbbb")
        assert end.usage.reused_tokens == 0
        assert engine.model_path == B
    assert shelf.loaded == []


async def test_a_running_answer_ends_on_the_old_model():
    """Both are in memory until then."""
    shelf = Shelf()
    async with shelf.engine() as engine, aclosing(engine.stream(request("long", max_tokens=400))) as stream:
        events = [await anext(stream)]
        await engine.swap(B)
        assert (await heard(engine, request()))[0] == "bbbbb"
        assert len(shelf.loaded) == 2
        events += [event async for event in stream]
        await until(lambda: len(shelf.loaded) == 1)

    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert said == "a" * 400


async def test_the_old_model_answers_while_the_new_one_loads():
    """Nobody waits for a load."""
    shelf = Shelf()
    async with shelf.engine() as engine:
        shelf.may_load.clear()
        swapping = asyncio.create_task(engine.swap(B))
        await until(lambda: engine.state is ServingState.LOADING)
        assert (await heard(engine, request()))[0] == "aaaaa"
        shelf.may_load.set()
        await swapping

        assert engine.state is ServingState.SERVING
        assert (await heard(engine, request()))[0] == "bbbbb"


async def test_without_room_for_both_the_old_one_is_drained_first():
    """Its answers end whole, and who comes meanwhile is answered by the new one."""
    shelf = Shelf(room=1)
    async with shelf.engine() as engine:
        running = asyncio.create_task(heard(engine, request("long", max_tokens=2000)))
        await until(lambda: engine.stats().running == 1)
        swapping = asyncio.create_task(engine.swap(B))
        await until(lambda: engine.state is ServingState.DRAINING)
        newcomer = asyncio.create_task(heard(engine, request("new")))
        await swapping

        assert (await running)[0] == "a" * 2000
        assert (await newcomer)[0] == "bbbbb"
        assert len(shelf.loaded) == 1


@pytest.mark.parametrize("room", [1, 2])
async def test_a_model_that_does_not_load_changes_nothing(room):
    """The caller hears why, everybody else goes on with the old one."""
    shelf = Shelf(room)
    shelf.broken.add(B)
    async with shelf.engine() as engine:
        with pytest.raises(ModelLoadError, match=r"model.missing"):
            await engine.swap(B)

        assert (await heard(engine, request()))[0] == "aaaaa"
        assert (engine.model_path, engine.state) == (A, ServingState.SERVING)


async def test_a_model_that_fails_after_the_draining_brings_the_old_one_back():
    """It is loaded again."""
    shelf = Shelf(room=1)

    def too_large(config):
        if config.model_path == B:
            raise ModelLoadError("model.too_large", path="b", needed_mb=2, available_mb=1)
        return shelf.open(config)

    async with open_llm_engine(LlmConfig(model_path=A, context_tokens=4096, slots=2), too_large) as engine:
        with pytest.raises(ModelLoadError, match=r"model.too_large"):
            await engine.swap(B)

        assert (await heard(engine, request()))[0] == "aaaaa"
    assert len(shelf.runners) == 2


async def test_swaps_at_the_same_time_come_one_after_the_other():
    """The last one stays."""
    shelf = Shelf(room=3)
    async with shelf.engine() as engine:
        await asyncio.gather(engine.swap(B), engine.swap(A), engine.swap(B))
        await until(lambda: len(shelf.loaded) == 1)

        assert (await heard(engine, request()))[0] == "bbbbb"


async def test_an_idle_model_is_unloaded_and_comes_back():
    """Its memory is free in between, and health is good."""
    shelf = Shelf()
    async with shelf.engine(unload_after_seconds=0.05) as engine:
        await heard(engine, request())
        await until(lambda: engine.state is ServingState.UNLOADED and not shelf.loaded)
        await engine.ping()
        await engine.forget("chat")

        assert await engine.count_tokens((ChatMessage("user", "hello"),)) > 5
        assert (await heard(engine, request()))[0] == "aaaaa"


async def test_a_model_in_use_is_not_unloaded():
    """However long its answer takes."""
    async with Shelf().engine() as engine, aclosing(engine.stream(request(max_tokens=100))) as stream:
        await anext(stream)
        await engine.unload()
        *_, end = [event async for event in stream]

        assert end.reason is FinishReason.LENGTH
        assert engine.state is ServingState.SERVING


async def test_a_model_that_does_not_come_back_is_told_to_who_asks():
    """And the next one who asks tries again."""
    shelf = Shelf()
    async with shelf.engine() as engine:
        await engine.unload()
        shelf.broken.add(A)
        with pytest.raises(ModelLoadError):
            await heard(engine, request())
        shelf.broken.clear()

        assert (await heard(engine, request()))[0] == "aaaaa"


async def test_closing_in_the_middle_of_everything_frees_everything():
    """A running answer on a model that is leaving fails, and both models are freed."""
    shelf = Shelf()
    async with shelf.engine() as engine:
        running = asyncio.create_task(heard(engine, request("long", max_tokens=100_000)))
        await until(lambda: engine.stats().running == 1)
        await engine.swap(B)

    assert (await running)[1].error_code in {"engine.closed", None}
    assert shelf.loaded == []
    with pytest.raises(EngineClosed):
        await heard(engine, request())
