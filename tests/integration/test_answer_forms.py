"""Answers of a given form, from a real model that would never write so by itself."""

import json

import pytest

from engines.errors import GrammarError
from engines.llm.config import LlmConfig
from engines.llm.engine import open_llm_engine
from engines.llm.request import ChatMessage, FinishReason, GenerationRequest, SamplingParams, TextDelta

pytestmark = pytest.mark.integration

PERSON = json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "adult": {"type": "boolean"}},
        "required": ["name", "adult"],
    }
)


@pytest.fixture
async def engine(models_dir):
    path = models_dir / "smollm2-135m-instruct" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    async with open_llm_engine(LlmConfig(model_path=path, context_tokens=512, slots=2, threads=1)) as engine:
        yield engine


async def told(engine, **form):
    sampling = SamplingParams(**({"temperature": 0, "max_tokens": 60} | form))
    messages = (ChatMessage("user", "Who is Anna? She is 30 years old."),)
    request = GenerationRequest(session_id=str(form), messages=messages, sampling=sampling)
    events = [event async for event in engine.stream(request)]
    return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1].reason


@pytest.mark.parametrize("temperature", [0, 1.5])
async def test_a_grammar_is_obeyed(engine, temperature):
    """Greedy or not, and the answer ends where the grammar ends."""
    text, reason = await told(engine, grammar='root ::= ("ja" | "nein") "!"', temperature=temperature)

    assert text in {"ja!", "nein!"}
    assert reason is FinishReason.STOP


async def test_a_schema_is_obeyed(engine):
    """The answer is JSON with the fields of the schema."""
    answer = json.loads((await told(engine, json_schema=PERSON))[0])

    assert isinstance(answer["name"], str)
    assert isinstance(answer["adult"], bool)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grammar": "root ::= ("}, "grammar.invalid"),
        ({"grammar": 'start ::= "a"'}, "grammar.invalid"),
        ({"grammar": ""}, "grammar.invalid"),
        ({"json_schema": "{"}, "grammar.schema"),
        ({"json_schema": '{"type": "nonsense"}'}, "grammar.schema"),
        ({"json_schema": '{"$ref": "https://example.org/person.json"}'}, "grammar.schema"),
        ({"json_schema": PERSON, "grammar": 'root ::= "a"'}, "grammar.schema"),
    ],
)
async def test_a_form_that_is_none_is_named(engine, form, code):
    """Nothing is generated, nothing is fetched, and the engine goes on."""
    with pytest.raises(GrammarError) as error:
        await told(engine, **form)

    assert error.value.code == code
    assert (await told(engine, grammar='root ::= "ok"'))[0] == "ok"
