"""Recurrent and sliding-window models, which remember otherwise than SmolLM2, on llama.cpp itself."""

import pytest

from engines.llm import (
    ChatMessage,
    FinishReason,
    GenerationRequest,
    LlmConfig,
    SamplingParams,
    TextDelta,
    open_llm_engine,
)
from engines.llm.batch import BatchPlan, DecodeOutcome, Draw, Row
from engines.llm.llama import open_llama
from tests.fakes.tiny_models import WINDOW, write_recurrent, write_sliding_window

pytestmark = pytest.mark.integration

STORY = list(range(1000, 1000 + 4 * WINDOW))
OTHER = list(range(500, 540))
GREEDY = SamplingParams(temperature=0, repeat_penalty=1, max_tokens=12)
WRITERS = {"recurrent": write_recurrent, "sliding window": write_sliding_window}


@pytest.fixture(params=WRITERS)
def path(request, tmp_path):
    return WRITERS[request.param](tmp_path / "tiny.gguf")


@pytest.fixture
def runner(path):
    loaded = open_llama(LlmConfig(model_path=path, slots=3, context_tokens=256, batch_tokens=256, threads=1))
    yield loaded.runner
    loaded.runner.close()


def read(runner, slot, tokens, start=0):
    """The likeliest token after these."""
    last = len(tokens) - 1
    rows = tuple(Row(token, start + at, slot, wants_logits=at == last) for at, token in enumerate(tokens))
    assert runner.decode(BatchPlan(rows, (Draw(last, 1),))) is DecodeOutcome.OK
    sampler = runner.open_sampler(GREEDY)
    token = sampler.draw(last)
    sampler.close()
    return token


def written(runner, slot, tokens, start=0, length=6):
    """What follows, greedily."""
    answer = []
    while len(answer) < length:
        answer.append(read(runner, slot, tokens, start))
        start, tokens = start + len(tokens), answer[-1:]
    return answer


def test_slots_do_not_see_each_other(runner):
    """Two texts with the same last word go on differently, and each the same beside the other."""
    alone = written(runner, 0, STORY)
    other = written(runner, 1, [*OTHER, STORY[-1]])

    assert written(runner, 2, STORY) == alone
    assert other != alone


def test_a_parked_state_goes_on_as_if_it_had_stayed_or_is_refused(runner):
    """What a sliding window no longer needs is not in the state, so that it could not be cut: it is read again."""
    read(runner, 0, STORY)
    state = bytes(runner.export(0))
    stayed = written(runner, 0, OTHER, len(STORY))

    if runner.restore(1, state):
        assert runner.held(1) == len(STORY)
        assert written(runner, 1, OTHER, len(STORY)) == stayed
    else:
        assert runner.cuttable
        assert runner.held(1) == 0


def test_a_slot_that_is_cut_goes_on_like_a_fresh_one_or_is_empty(runner):
    """Nobody goes on with a memory that still knows what was cut."""
    fresh = written(runner, 1, [*STORY[:WINDOW], *OTHER])
    read(runner, 0, STORY)
    done = runner.truncate(0, WINDOW)

    assert done is runner.cuttable
    assert runner.held(0) == (WINDOW if done else 0)
    start = runner.held(0)
    assert written(runner, 0, [*STORY[start:WINDOW], *OTHER], start) == fresh


async def test_a_conversation_goes_on(path):
    """The second turn reads only what is new."""
    config = LlmConfig(model_path=path, slots=2, context_tokens=512, threads=1)
    messages, ends = [], []
    async with open_llm_engine(config) as engine:
        for question in ("Tell me of the sea", "And of the hills"):
            messages.append(ChatMessage("user", question))
            request = GenerationRequest(session_id="a", messages=tuple(messages), sampling=GREEDY)
            events = [event async for event in engine.stream(request)]
            text = "".join(event.text for event in events if isinstance(event, TextDelta))
            messages.append(ChatMessage("assistant", text))
            ends.append(events[-1])

    assert [end.reason for end in ends if end.reason not in (FinishReason.STOP, FinishReason.LENGTH)] == []
    assert ends[1].usage.reused_tokens >= ends[0].usage.prompt_tokens - 1
