"""What bot.ports.Generator promises, for the fake, the engine over either model, and a model behind HTTP."""

from contextlib import AsyncExitStack, aclosing
from functools import partial

import pytest

from engines.llm.config import LlmConfig
from engines.llm.engine import open_llm_engine
from engines.llm.request import ChatMessage, Finished, FinishReason, GenerationRequest, SamplingParams, TextDelta
from engines.remote import RemoteConfig, RemoteGenerator, open_remote_generator
from tests.fakes.engines import FakeGenerator
from tests.fakes.http_server import serve
from tests.fakes.llama_server import LLAMA_SERVER, open_llama_server
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.runner import FakeRunner, open_fake_model

QUESTION = (ChatMessage("system", "You help."), ChatMessage("user", "Tell me a long story about a cat."))


GENERATORS = [
    "fake",
    "engine",
    "remote",
    pytest.param("llama", marks=pytest.mark.integration),
    pytest.param(
        "llama-server",
        marks=[
            pytest.mark.integration,
            pytest.mark.skipif(not LLAMA_SERVER.exists(), reason="llama-server is not built; `make peers` does it"),
        ],
    ),
]


@pytest.fixture(params=GENERATORS)
async def generator(request):
    async with AsyncExitStack() as stack:
        yield await opened(request.param, stack, request)


async def opened(name, stack, request):
    if name == "fake":
        return FakeGenerator(*["Once upon a time there was a cat."] * 4)
    if name in ("engine", "remote"):
        config = LlmConfig(model_path=None, context_tokens=512)
        runner = FakeRunner(4, 512, model=lambda tokens: ord("m"))
        engine = await stack.enter_async_context(open_llm_engine(config, partial(open_fake_model, runner=runner)))
        if name == "engine":
            return engine
        url = await stack.enter_async_context(serve(OpenAiServer(engine)))
        return await stack.enter_async_context(open_remote_generator(RemoteConfig(url=url)))
    path = request.getfixturevalue("models_dir") / "smollm2-135m-instruct" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if name == "llama":
        config = LlmConfig(model_path=path, context_tokens=512, threads=1)
        return await stack.enter_async_context(open_llm_engine(config))
    url = await stack.enter_async_context(open_llama_server(path, context_tokens=512))
    return await stack.enter_async_context(open_remote_generator(RemoteConfig(url=url)))


def asked(session_id="chat", messages=QUESTION, **sampling):
    params = SamplingParams(**({"temperature": 0, "max_tokens": 8} | sampling))
    return GenerationRequest(session_id=session_id, messages=messages, sampling=params)


async def test_a_stream_ends_with_exactly_one_finished(generator):
    """Words first, the end last, and the cost with it."""
    events = [event async for event in generator.stream(asked())]

    assert [type(event) for event in events].count(Finished) == 1
    assert isinstance(events[-1], Finished)
    assert events[-1].reason in (FinishReason.STOP, FinishReason.LENGTH)
    assert "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_the_prompt_costs_what_was_counted(generator):
    """Counting beforehand and the bill afterwards agree, and every prompt token is either reused or evaluated."""
    counted = await generator.count_tokens(QUESTION)
    *_, finished = [event async for event in generator.stream(asked())]

    assert finished.usage.prompt_tokens == counted
    assert finished.usage.reused_tokens + finished.usage.evaluated_tokens == counted
    assert 0 < counted < generator.context_tokens


async def test_more_words_are_more_tokens(generator):
    """Counting grows with the conversation."""
    longer = (*QUESTION, ChatMessage("assistant", "No."), ChatMessage("user", "Please do!"))

    assert await generator.count_tokens(longer) > await generator.count_tokens(QUESTION)


async def test_closing_a_stream_leaves_the_generator_usable(generator):
    """The reader may go at any time; the same session asks again and is answered."""
    async with aclosing(generator.stream(asked(max_tokens=400))) as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    events = [event async for event in generator.stream(asked())]

    assert isinstance(events[-1], Finished)


async def test_forgetting_is_always_possible(generator):
    """Sessions that are known, unknown, and forgotten before; a foreign server's cache is out of reach."""
    _ = [event async for event in generator.stream(asked("known"))]
    for session_id in ("known", "unknown", "known"):
        await generator.forget(session_id)
    events = [event async for event in generator.stream(asked("known"))]

    assert isinstance(generator, RemoteGenerator) or events[-1].usage.reused_tokens == 0
    assert isinstance(events[-1], Finished)


async def test_a_working_generator_answers_a_ping(generator):
    """No error is the answer."""
    await generator.ping()
