"""Conversations that survive the slot and the program, with a real, tiny model."""

import asyncio
import dataclasses
import functools
import subprocess
import sys

import numpy as np
import pytest

from engines.llm.batch import BatchPlan, DecodeOutcome, Draw, Row
from engines.llm.config import LlmConfig
from engines.llm.engine import open_llm_engine
from engines.llm.llama import open_llama
from engines.llm.request import ChatMessage, Finished, GenerationRequest, SamplingParams, TextDelta

pytestmark = pytest.mark.integration

SYSTEM = ChatMessage("system", "You are a helpful assistant who lives on a small server in the house of a family.")
CATS = ChatMessage("user", "Tell me about cats: where they come from, what they eat, and why they sleep for so long.")
BREAD = ChatMessage(
    "user",
    "How do I bake bread at home? I have flour, water, salt and yeast, an oven that reaches 220 degrees, one hour of "
    "time before dinner, and four hungry children who will not wait any longer than that. Please tell me what to do "
    "first, what comes after that, and how I can see that the bread is ready to be eaten.",
)
AGAIN = ChatMessage("user", "Repeat what I said before, word by word.")
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
        assert list(config.sessions_path.iterdir()) == []
    async with open_llm_engine(config) as engine:
        again, cold = await told(engine, "chat", CATS, answer, DOGS)
    async with open_llm_engine(dataclasses.replace(config, sessions_path=None)) as engine:
        await told(engine, "chat", CATS)
        expected, hot = await told(engine, "chat", CATS, answer, DOGS)

    assert (first.tier, hot.tier, cold.tier) == ("none", "hot", "cold")
    assert again == expected
    assert cold.evaluated_tokens == hot.evaluated_tokens < 20
    assert cold.reused_tokens == first.prompt_tokens + first.completion_tokens - 1


KILLED = """
import asyncio, os, sys
from pathlib import Path
from engines.llm.config import LlmConfig
from engines.llm.engine import open_llm_engine
from tests.integration.test_sessions import CATS, told
model, folder = map(Path, sys.argv[1:])
config = LlmConfig(
    model_path=model, context_tokens=1024, slots=2, threads=1, sessions_path=folder, save_after_seconds=0.1
)
async def main():
    async with open_llm_engine(config) as engine:
        answer, _ = await told(engine, "chat", CATS)
        print(answer.text, end="", flush=True)
        while not list(folder.glob("*.session")):
            await asyncio.sleep(0.05)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""


async def test_a_kill_costs_nothing_that_was_saved(config):
    """A process answers, saves in a quiet moment, and dies without a word; the next one reads only what is new."""
    command = [sys.executable, "-c", KILLED, str(config.model_path), str(config.sessions_path)]
    died = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True)
    assert died.returncode == -9, died.stderr
    answer = ChatMessage("assistant", died.stdout)
    async with open_llm_engine(config) as engine:
        _, cold = await told(engine, "chat", CATS, answer, DOGS)

    assert cold.tier == "cold"
    assert cold.evaluated_tokens < 20


async def test_a_trimmed_conversation_is_moved_and_not_read_again(config):
    """The oldest exchange goes: with shifting, only the new question is read; without, all that follows the gap."""
    costs = {}
    for shift in (True, False):
        async with open_llm_engine(dataclasses.replace(config, shift=shift, sessions_path=None)) as engine:
            cats, _ = await told(engine, "chat", CATS)
            bread, _ = await told(engine, "chat", CATS, cats, BREAD)
            _, costs[shift] = await told(engine, "chat", BREAD, bread, DOGS)

    assert costs[True].tier == costs[False].tier == "hot"
    assert costs[True].evaluated_tokens < 20
    assert costs[False].evaluated_tokens > 80


def test_a_moved_tail_says_what_a_fresh_one_says_within_tolerance(config):
    """The answer's first token is distributed almost as after a fresh read, and quite differently without the tail.

    The moved tokens were computed with the removed ones in sight, so equality is not to be had.
    """
    model = open_llama(dataclasses.replace(config, slots=3))
    encode = functools.partial(model.tokenizer.encode, special=True)
    head, gap, tail, question = (encode(turn(text)) for text in (SYSTEM, CATS, BREAD, AGAIN))
    question += encode("<|im_start|>assistant\n")
    fresh = logits(model.runner, 0, [*head, *tail, *question])
    logits(model.runner, 1, [*head, *gap, *tail])
    model.runner.shift(1, len(head), len(head) + len(gap))
    moved = logits(model.runner, 1, question, len(head) + len(tail))
    other = logits(model.runner, 2, [*head, *question])
    model.runner.close()

    assert divergence(fresh, moved) < 0.1 < divergence(fresh, other)


def turn(message):
    return f"<|im_start|>{message.role}\n{message.text}<|im_end|>\n"


def logits(runner, slot, tokens, start=0):
    """The scores of every next token after reading these."""
    last = start + len(tokens) - 1
    rows = tuple(Row(token, at, slot, wants_logits=at == last) for at, token in enumerate(tokens, start))
    assert runner.decode(BatchPlan(rows, (Draw(len(rows) - 1, 1),))) is DecodeOutcome.OK
    pointer = runner._lib.llama_get_logits_ith(runner._context, len(rows) - 1)
    return np.ctypeslib.as_array(pointer, (runner._vocab_size,)).astype(np.float64)


def divergence(expected, found):
    """Kullback-Leibler, in nats."""
    logs = [scores - np.logaddexp.reduce(scores) for scores in (expected, found)]
    return float(np.sum(np.exp(logs[0]) * (logs[0] - logs[1])))


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
