"""What engines.llm.runner promises, for the fake and for llama.cpp."""

import pytest

from engines.llm.batch import BatchPlan, DecodeOutcome, Draw, Row
from engines.llm.config import LlmConfig
from engines.llm.llama import open_llama
from engines.llm.request import SamplingParams
from tests.fakes.runner import FakeRunner, open_fake_model

GREEDY = SamplingParams(temperature=0, repeat_penalty=1)
STORY = list(range(1000, 1040))
OTHER = list(range(2000, 2040))


@pytest.fixture(params=["fake", pytest.param("llama", marks=pytest.mark.integration)])
def model(request):
    """Three slots over 256 cells."""
    if request.param == "fake":
        yield open_fake_model(LlmConfig(model_path=None), FakeRunner(3, 256, beginnings=2))
        return
    path = request.getfixturevalue("models_dir") / "smollm2-135m-instruct" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    loaded = open_llama(LlmConfig(model_path=path, slots=3, context_tokens=256, batch_tokens=256, threads=1))
    yield loaded
    loaded.runner.close()


@pytest.fixture
def runner(model):
    return model.runner


def rows(slot, tokens, start=0):
    """Rows that continue a slot, the last of which wants logits."""
    last = start + len(tokens) - 1
    return [Row(token, at, slot, wants_logits=at == last) for at, token in enumerate(tokens, start)]


def plan(*chunks):
    every = [row for chunk in chunks for row in chunk]
    return BatchPlan(tuple(every), tuple(Draw(at, at) for at, row in enumerate(every) if row.wants_logits))


def read(runner, slot, tokens, start=0):
    """Decodes tokens into a slot and draws the likeliest next one."""
    asked = plan(rows(slot, tokens, start))
    assert runner.decode(asked) is DecodeOutcome.OK
    sampler = runner.open_sampler(GREEDY)
    token = sampler.draw(asked.draws[0].row)
    sampler.close()
    return token


def written(runner, slot, start, token, length=5):
    """Goes on from a token, greedily."""
    tokens = []
    for at in range(start, start + length):
        tokens.append(token)
        token = read(runner, slot, [token], at)
    return tokens


def test_rows_are_held_in_their_slot(runner):
    """What was decoded is there, by slot."""
    read(runner, 1, STORY)

    assert [runner.held(slot) for slot in range(runner.slots)] == [0, 40, 0]


def test_chunks_are_as_good_as_the_whole(runner):
    """A prompt that was read in pieces gives the same next token."""
    whole = read(runner, 0, STORY)
    read(runner, 1, STORY[:13])

    assert read(runner, 1, STORY[13:], 13) == whole


def test_slots_do_not_see_each_other(runner):
    """Two texts in one decode give what each gives alone."""
    alone = read(runner, 0, STORY), read(runner, 1, OTHER)
    for slot in (0, 1):
        runner.truncate(slot, 0)
    asked = plan(rows(2, STORY), rows(0, OTHER))
    assert runner.decode(asked) is DecodeOutcome.OK
    sampler = runner.open_sampler(GREEDY)

    assert tuple(sampler.draw(draw.row) for draw in asked.draws) == alone
    sampler.close()


def test_what_was_cut_off_is_forgotten(runner):
    """Going on after a cut equals never having read the rest."""
    expected = read(runner, 0, [*STORY[:20], *OTHER[:5]])
    read(runner, 1, STORY)

    assert runner.truncate(1, 20)
    assert runner.held(1) == 20
    assert read(runner, 1, OTHER[:5], 20) == expected


def test_a_shared_beginning_is_as_good_as_a_read_one(runner):
    """It stays when its source goes, and takes no room of its own."""
    expected = read(runner, 0, [*STORY, *OTHER])
    runner.truncate(0, 40)
    runner.share(0, 1, 40)
    runner.truncate(0, 0)

    assert [runner.held(0), runner.held(1)] == [0, 40]
    assert read(runner, 1, OTHER, 40) == expected


def test_what_a_gap_leaves_moves_down(runner):
    """The slot is shorter by the gap, and goes on behind it; another slot that shares the head keeps its words."""
    expected = read(runner, 0, [*STORY, *OTHER])
    runner.truncate(0, 40)
    read(runner, 1, STORY)
    runner.truncate(1, 40)
    runner.share(1, 2, 20)
    assert runner.can_shift
    runner.shift(1, 25, 30)
    assert runner.held(1) == 35
    read(runner, 1, OTHER[:5], 35)

    assert [runner.held(slot) for slot in range(3)] == [40, 40, 20]
    assert read(runner, 2, [*STORY[20:], *OTHER], 20) == expected


def test_a_shared_beginning_travels_with_the_slot_that_began_with_it(runner):
    """An export has all of it, for every slot, those of beginnings included."""
    token = read(runner, 0, STORY)
    hidden = runner.slots + runner.beginnings - 1
    runner.share(0, hidden, 20)
    runner.share(hidden, 1, 20)
    assert read(runner, 1, STORY[20:], 20) == token
    state = bytes(runner.export(1))
    runner.truncate(0, 0)
    runner.truncate(1, 0)
    assert runner.restore(2, state)

    assert [runner.held(0), runner.held(1), runner.held(2), runner.held(hidden)] == [0, 0, 40, 20]
    assert read(runner, 0, STORY) == token
    assert written(runner, 2, 40, token) == written(runner, 0, 40, token)


def test_an_exported_slot_goes_on_elsewhere(runner):
    """State travels to another slot and writes the same words."""
    token = read(runner, 0, STORY)
    state = runner.export(0)
    expected = written(runner, 0, 40, token)
    assert runner.restore(2, state)

    assert runner.held(2) == 40
    assert written(runner, 2, 40, token) == expected


@pytest.mark.parametrize("damage", [lambda state: b"nonsense" * 20, lambda state: b""], ids=["nonsense", "nothing"])
def test_a_state_that_is_none_leaves_the_slot_empty(runner, damage):
    """Refused, or restored as what it is: nothing."""
    read(runner, 0, STORY)
    runner.restore(1, damage(runner.export(0)))

    assert runner.held(1) == 0
    assert read(runner, 1, STORY) == read(runner, 2, STORY)


def test_without_room_everything_is_as_before(runner):
    """The same plan works once somebody has given way."""
    read(runner, 0, [1000 + number for number in range(200)])
    asked = plan(rows(1, [2000 + number for number in range(100)]))
    assert runner.decode(asked) is DecodeOutcome.NO_ROOM
    assert [runner.held(slot) for slot in range(3)] == [200, 0, 0]
    runner.truncate(0, 0)

    assert runner.decode(asked) is DecodeOutcome.OK


def test_a_reset_empties_every_slot(runner):
    """And the runner works as when it was opened."""
    expected = read(runner, 0, STORY)
    runner.reset()

    assert [runner.held(slot) for slot in range(3)] == [0, 0, 0]
    assert read(runner, 0, STORY) == expected


def test_the_tokenizer_reads_back_what_it_wrote(model):
    """Texts of any language come back byte by byte; control tokens have no text and only exist where asked for."""
    text = "Grüße, 你好 🌍!\n\tabab"
    tokens = model.tokenizer.encode(text, special=False)
    end = model.tokenizer.encode(model.eos_text, special=True)

    assert b"".join(map(model.tokenizer.piece, tokens)).decode() == text
    assert not any(map(model.tokenizer.ends, tokens))
    assert len(end) == 1
    assert model.tokenizer.ends(end[0])
    assert model.tokenizer.piece(end[0]) == b""
    assert end[0] not in model.tokenizer.encode(model.eos_text, special=False)
    assert model.tokenizer.encode("", special=True) == []
