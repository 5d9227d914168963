"""What knowledge.ports.Embedder promises, for the fake and the real model."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from engines.embedding import EmbeddingConfig, open_embedder
from knowledge.ports import Embedder
from tests.fakes.embedder import HashEmbedder


@pytest.fixture(params=["fake", pytest.param("sentence encoder", marks=pytest.mark.integration)])
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    if request.param == "fake":
        yield HashEmbedder()
        return
    async with open_embedder(EmbeddingConfig(batch_size=2)) as real:
        yield real


async def test_passages_become_unit_vectors(embedder: Embedder) -> None:
    """Every passage gets one row of length one, in order, across batches."""
    texts = ["the boiler pressure is 1.5 bar", "锅炉的压力", "", "a recipe for bread", " \n"]
    vectors = await embedder.embed_passages(texts)
    assert (5, embedder.dimensions) == vectors.shape
    assert np.float32 == vectors.dtype
    assert np.allclose(1.0, np.linalg.norm(vectors, axis=1), atol=1e-3)


async def test_no_passages_make_an_empty_array(embedder: Embedder) -> None:
    """Nothing to embed is not an error."""
    assert (0, embedder.dimensions) == (await embedder.embed_passages([])).shape


async def test_same_text_has_the_same_vector(embedder: Embedder) -> None:
    """A text's vector does not depend on its neighbours or on the order."""
    alone = await embedder.embed_passages(["how to descale the kettle"])
    together = await embedder.embed_passages(["something else entirely", "how to descale the kettle"])
    assert np.allclose(alone[0], together[1], atol=1e-3)


async def test_question_is_nearest_to_its_passage(embedder: Embedder) -> None:
    """The passage that talks about the question's subject scores highest."""
    passages = ["The boiler pressure should be 1.5 bar.", "Knead the dough for ten minutes.", "猫喜欢睡觉。"]
    vectors = await embedder.embed_passages(passages)
    question = await embedder.embed_query("What pressure should the boiler have?")
    assert (embedder.dimensions,) == question.shape
    assert int(np.argmax(vectors @ question)) == 0


async def test_model_id_is_not_empty(embedder: Embedder) -> None:
    """The index can tell which model made its vectors."""
    assert embedder.model_id
    assert embedder.dimensions > 0


@pytest.mark.integration
async def test_encoder_comes_back_after_idling() -> None:
    """A model that was dropped while idle is loaded again by the next call."""
    async with open_embedder(EmbeddingConfig(idle_seconds=0.01)) as real:
        before = await real.embed_query("heating")
        await asyncio.sleep(0.5)
        assert np.allclose(before, await real.embed_query("heating"), atol=1e-5)
