"""A real model swapped for another form of itself, which was written here."""

import asyncio

import pytest

from engines.errors import ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.engine import open_llm_engine
from engines.llm.llama_trial import open_trial, requantise
from engines.llm.request import ChatMessage, FinishReason, GenerationRequest, SamplingParams, TextDelta
from engines.llm.tune import bundled_texts

pytestmark = pytest.mark.integration


@pytest.fixture
def model_path(models_dir):
    return models_dir / "smollm2-135m-instruct" / "SmolLM2-135M-Instruct.Q4_1.gguf"


async def told(engine):
    sampling = SamplingParams(temperature=0, max_tokens=8)
    messages = (ChatMessage("user", "What is the capital of France?"),)
    request = GenerationRequest(session_id="chat", messages=messages, sampling=sampling)
    events = [event async for event in engine.stream(request)]
    return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1].reason


async def test_another_form_of_the_model_takes_over(model_path, tmp_path):
    """It answers, also after it was unloaded, and a file that is no model changes nothing."""
    other = tmp_path / "other.gguf"
    await asyncio.to_thread(requantise, model_path, other, "Q8_0", threads=1)
    (tmp_path / "none.gguf").write_bytes(b"none")
    async with open_llm_engine(LlmConfig(model_path=model_path, context_tokens=512, slots=2, threads=1)) as engine:
        assert (await told(engine))[0]
        await engine.swap(other)
        with pytest.raises(ModelLoadError, match=r"model.not_gguf"):
            await engine.swap(tmp_path / "none.gguf")
        text, reason = await told(engine)
        await engine.unload()

        assert engine.model_path == other
        assert text
        assert reason in {FinishReason.LENGTH, FinishReason.STOP}
        assert (await told(engine))[0] == text


def test_prose_surprises_a_model_less_than_noise(model_path):
    """What drift is measured with measures something."""
    with open_trial(model_path) as model:
        prose = model.tokens(bundled_texts()[0])[:120]
        noise = [*prose[::7], *prose[::5], *prose[::3]]
        likely, unlikely = model.surprise(prose, 1), model.surprise(noise, 1)

    assert sum(likely) / len(likely) + 1 < sum(unlikely) / len(unlikely)
