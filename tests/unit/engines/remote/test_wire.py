"""What is sent to a server, and what is made of its answers."""

import pytest

from engines.errors import GrammarError
from engines.llm.request import (
    ChatMessage,
    Finished,
    FinishReason,
    GenerationRequest,
    Prefilling,
    SamplingParams,
    TextDelta,
    Usage,
)
from engines.remote.answer import RemoteAnswer
from engines.remote.counting import at_most, estimate
from engines.remote.wire import CHUNK, chat_body, outgrown, refusal

REQUEST = GenerationRequest(
    session_id="secret",
    messages=(ChatMessage("system", "Help."), ChatMessage("user", "你好")),
    sampling=SamplingParams(temperature=0.5, stop=("\n\n",), seed=7),
)


def test_a_request_has_the_whole_conversation_and_no_session():
    """What OpenAI's API has; nothing tells who asks."""
    body = chat_body(REQUEST, "a-model", 100, extensions=False)

    assert body == {
        "model": "a-model",
        "messages": [{"role": "system", "content": "Help."}, {"role": "user", "content": "你好"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 100,
        "stop": ["\n\n"],
        "seed": 7,
    }


def test_extensions_are_only_added():
    """The names that llama-server and vLLM have for the rest of the sampling."""
    plain = chat_body(REQUEST, "", 100, extensions=False)
    added = {key: value for key, value in chat_body(REQUEST, "", 100, extensions=True).items() if key not in plain}

    assert "model" not in plain
    assert added == {
        "top_k": 40,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        "repeat_last_n": 64,
        "repetition_penalty": 1.1,
        "return_progress": True,
    }


def formed(**form):
    request = GenerationRequest(session_id="", messages=(), sampling=SamplingParams(**form))
    return chat_body(request, "", 100, extensions=False)


def test_the_form_of_an_answer_is_asked_for():
    """A grammar in llama-server's words, a schema in OpenAI's."""
    schema = {"name": "answer", "schema": {"type": "object"}}

    assert formed(grammar='root ::= "yes"')["grammar"] == 'root ::= "yes"'
    assert formed(json_schema='{"type": "object"}')["response_format"] == {"type": "json_schema", "json_schema": schema}


def test_a_schema_that_is_no_json_is_refused():
    """Before anything is sent."""
    with pytest.raises(GrammarError):
        formed(json_schema="{")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"error": {"message": "no such model", "code": 404}}, "no such model"),
        ({"error": "model 'x' not found"}, "model 'x' not found"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["body"]}]}, ""),
        ({"error": None}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_refusals_in_the_forms_of_the_servers(body, sentence):
    """OpenAI and llama-server, Ollama, vLLM, FastAPI, and none."""
    assert refusal(body) == sentence


def test_a_prompt_that_outgrew_the_context_has_numbers():
    """Only where llama-server gives both."""
    error = {"type": "exceed_context_size_error", "n_prompt_tokens": 600, "n_ctx": 512}

    assert outgrown({"error": error}) == (600, 512)
    assert outgrown({"error": error | {"n_ctx": None}}) is None
    assert outgrown({"error": "text"}) is None


def chunks(answer, *values):
    return [event for value in values for event in answer.digest(CHUNK.validate_python(value))]


def test_an_answer_of_llama_server():
    """Progress, words, and a bill with the server's own times."""
    times = iter([10.0, 16.0, 19.0])
    answer = RemoteAnswer(lambda: next(times))
    events = chunks(
        answer,
        {"choices": [], "prompt_progress": {"total": 100, "cache": 20, "processed": 60, "time_ms": 2000}},
        {"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": None}]},
        {"choices": [{"delta": {"content": "Hello"}, "finish_reason": None}]},
        {"choices": [{"delta": {}, "finish_reason": "length"}]},
        {
            "choices": [],
            "usage": {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 20}},
            "timings": {"cache_n": 20, "prompt_ms": 4000.0, "predicted_ms": 3000.0},
        },
    )

    assert events == [Prefilling(40, 80, 2.0), TextDelta("Hello")]
    assert answer.finished() == Finished(
        reason=FinishReason.LENGTH,
        usage=Usage(
            prompt_tokens=100,
            reused_tokens=20,
            evaluated_tokens=80,
            completion_tokens=9,
            queued_seconds=2.0,
            prefill_seconds=4.0,
            decode_seconds=3.0,
        ),
    )


def test_an_answer_without_a_bill():
    """Tokens that the server does not count stay 0; the time before the first word is reading."""
    times = iter([10.0, 16.0, 19.0])
    answer = RemoteAnswer(lambda: next(times))
    chunks(answer, {"choices": [{"delta": {"content": "Hi"}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]})

    assert answer.is_complete
    assert answer.finished() == Finished(reason=FinishReason.STOP, usage=Usage(prefill_seconds=6.0, decode_seconds=3.0))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("Hello, how are you?", 6), ("你好吗", 3)],
)
def test_estimates_follow_bytes_and_never_exceed_the_bound(text, tokens):
    """A Chinese character counts as what it is in UTF-8."""
    messages = (ChatMessage("user", text),)

    assert estimate(messages) == tokens + 10
    assert estimate(messages) <= at_most(messages)
