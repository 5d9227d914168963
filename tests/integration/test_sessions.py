"""Conversations that survive the slot and the program, with a real, tiny model."""

import dataclasses

import pytest

from engines.llm.config import LlmConfig
from engines.llm.engine import open_llm_engine
from engines.llm.request import ChatMessage, Finished, GenerationRequest, SamplingParams, TextDelta

pytestmark = pytest.mark.integration

SYSTEM = ChatMessage("system", "You are a helpful assistant who lives on a small server in the house of a family.")
CATS = ChatMessage("user", "Tell me about cats: where they come from, what they eat, and why they sleep for so long.")
DOGS = ChatMessage("user", "And dogs?")


@pytest.fixture
def config(models_dir, tmp_path):
    path = models_dir / "smollm2-135m-instruct" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    folder = tmp_path / "sessions"
    return LlmConfig(model_path=path, context_tokens=1024, slots=2, threads=1, sessions_path=folder)


async def told(engine, session_id, *messages):
    """The answer and what it cost."""
    sampling = SamplingParams(temperature=0, repeat_penalty=1, max_tokens=24)
    request = GenerationRequest(session_id=session_id, messages=(SYSTEM, *messages), sampling=sampling)
    events = [event async for event in engine.stream(request)]
    assert isinstance(events[-1], Finished)
    return ChatMessage("assistant", "".join(each.text for each in events if isinstance(each, TextDelta))), events[
        -1
    ].usage


async def test_after_a_restart_only_what_is_new_is_read(config):
    """And the words are the same as without the restart."""
    async with open_llm_engine(config) as engine:
        answer, first = await told(engine, "chat", CATS)
        expected, hot = await told(engine, "chat", CATS, answer, DOGS)
    async with open_llm_engine(dataclasses.replace(config, sessions_path=config.sessions_path / "a")) as engine:
        await told(engine, "chat", CATS)
    async with open_llm_engine(dataclasses.replace(config, sessions_path=config.sessions_path / "a")) as engine:
        again, cold = await told(engine, "chat", CATS, answer, DOGS)

    assert (first.tier, hot.tier, cold.tier) == ("none", "hot", "cold")
    assert again == expected
    assert cold.evaluated_tokens == hot.evaluated_tokens < 20
    assert cold.reused_tokens == first.prompt_tokens + first.completion_tokens - 1


async def test_a_session_that_lost_its_slot_comes_back_from_memory(config):
    """Three chats in turn through one slot."""
    async with open_llm_engine(dataclasses.replace(config, slots=1, sessions_path=None)) as engine:
        answer, _ = await told(engine, "chat", CATS)
        expected, hot = await told(engine, "chat", CATS, answer, DOGS)
        await engine.forget("chat")
        await told(engine, "chat", CATS)
        await told(engine, "other", DOGS)
        again, warm = await told(engine, "chat", CATS, answer, DOGS)

    assert again == expected
    assert (warm.tier, warm.reused_tokens, warm.evaluated_tokens) == ("warm", hot.reused_tokens, hot.evaluated_tokens)


async def test_a_new_session_begins_with_the_system_text_of_the_others(config):
    """It says what it says alone."""
    async with open_llm_engine(config) as engine:
        expected, alone = await told(engine, "first", DOGS)
        await told(engine, "second", CATS)
        shared_text, shared = await told(engine, "third", DOGS)

    assert alone.tier == "none"
    assert shared.tier == "shared"
    assert 16 <= shared.reused_tokens < shared.prompt_tokens
    assert shared.reused_tokens + shared.evaluated_tokens == shared.prompt_tokens
    assert shared_text == expected


async def test_a_forgotten_session_is_nowhere(config):
    """Not in memory, not on the disk, not after a restart."""
    async with open_llm_engine(config) as engine:
        await told(engine, "chat", CATS)
        await engine.forget("chat")
        assert list(config.sessions_path.iterdir()) == []
        await told(engine, "chat", CATS)
    (saved,) = config.sessions_path.iterdir()
    async with open_llm_engine(config) as engine:
        await engine.forget("chat")
        assert not saved.exists()
        _, usage = await told(engine, "chat", CATS)

    assert usage.tier == "none"
