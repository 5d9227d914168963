"""The GGUF reader, on files made here."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.errors import ModelLoadError
from engines.llm.config import LlmConfig
from engines.llm.gguf import read_header, read_model
from engines.llm.memory import check_memory, memory_plan


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(thing):
    if isinstance(thing, str):
        return struct.pack("<I", 8) + string(thing)
    if isinstance(thing, list) and thing and isinstance(thing[0], str):
        return struct.pack("<IIQ", 9, 8, len(thing)) + b"".join(map(string, thing))
    if isinstance(thing, list):
        return struct.pack("<IIQ", 9, 4, len(thing)) + b"".join(struct.pack("<I", item) for item in thing)
    return struct.pack("<II", 4, thing)


METADATA = {
    "general.architecture": "tiny",
    "tiny.block_count": 2,
    "tiny.context_length": 1024,
    "tiny.embedding_length": 64,
    "tiny.feed_forward_length": 128,
    "tiny.attention.head_count": 4,
    "tiny.attention.head_count_kv": [2, 1],
    "tokenizer.ggml.tokens": ["a", "b", "c"],
}


def gguf(metadata=METADATA, *, version=3, data_bytes=64 * 32 // 32 * 20):
    """One tensor of 64 x 32 weights in Q4_1."""
    entries = b"".join(string(key) + value(thing) for key, thing in metadata.items())
    tensor = string("weights") + struct.pack("<IQQIQ", 2, 64, 32, 3, 0)
    head = b"GGUF" + struct.pack("<IQQ", version, 1, len(metadata)) + entries + tensor
    return head + bytes(-len(head) % 32) + bytes(data_bytes)


@pytest.fixture
def write(tmp_path):
    def write(content, name="model.gguf"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def code(path):
    with pytest.raises(ModelLoadError) as error:
        read_model(path)
    return error.value.code


def test_a_header_says_what_is_in_the_file(write):
    """Numbers, texts, array lengths and tensors."""
    header = read_header(write(gguf()))

    assert header.metadata["general.architecture"] == "tiny"
    assert (header.number("block_count"), header.number("attention.head_count_kv")) == (2, 2)
    assert header.array_lengths["tokenizer.ggml.tokens"] == 3
    assert (header.weights_bytes, header.expected_bytes) == (1280, header.file_bytes)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "model.not_gguf"),
        (b"GG", "model.not_gguf"),
        (b"<!DOCTYPE html><html>", "model.not_gguf"),
        (b"GGUF", "model.truncated"),
        (gguf()[:100], "model.truncated"),
        (gguf()[:-1], "model.truncated"),
        (gguf(version=1), "model.broken"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "model.broken"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 62), "model.truncated"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<IIQ", 9, 9, 1), "model.broken"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<I", 77), "model.broken"),
        (gguf({"general.alignment": 0}), "model.broken"),
    ],
)
def test_damage_has_a_name(write, content, expected):
    """Each kind of damage gives its own code."""
    assert code(write(content)) == expected


def test_a_missing_file_and_a_folder(tmp_path):
    """Neither is a model."""
    assert code(tmp_path / "none.gguf") == "model.missing"
    assert code(tmp_path) == "model.not_gguf"


def test_a_truncated_file_says_how_much_is_missing(write):
    """The sentence has both sizes."""
    path = write(gguf()[:-1])
    with pytest.raises(ModelLoadError) as error:
        read_header(path)

    assert error.value.arguments["expected_bytes"] - error.value.arguments["found_bytes"] == 1


@settings(max_examples=200)
@given(st.data())
def test_damaged_headers_never_crash_the_reader(tmp_path_factory, data):
    """Whatever bytes are wrong, the answer is a header or a ModelLoadError."""
    content = bytearray(gguf())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(4, 500))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(ModelLoadError):
        memory_plan(path, LlmConfig(model_path=path))


def test_a_split_model_is_all_its_parts(write):
    """The plan counts every part, and a missing one is named."""
    for part in (1, 2):
        write(gguf(METADATA | {"split.count": 2}), f"big-0000{part}-of-00002.gguf")
    first = write(gguf(METADATA | {"split.count": 3}), "huge-00001-of-00003.gguf")

    assert memory_plan(first.with_name("big-00001-of-00002.gguf"), LlmConfig(model_path=first)).weights_bytes == 2560
    assert code(first) == "model.missing"


def test_a_plan_counts_weights_cache_and_scratch(write):
    """Two blocks with two heads of 16 values, keys and values, in f16, for the model's 1024 tokens."""
    path = write(gguf())
    plan = memory_plan(path, LlmConfig(model_path=path, context_tokens=8192))

    assert plan.context_tokens == 1024
    assert plan.kv_bytes == 2 * 2 * (16 + 16) * 2 * 1024
    assert plan.opening_bytes == plan.weights_bytes + plan.kv_bytes + plan.compute_bytes
    assert plan.total_bytes == plan.opening_bytes + (512 << 20)


def test_a_quantised_cache_is_smaller(write):
    """q8_0 takes 34 bytes for 32 values, f16 takes 64."""
    path = write(gguf())
    full, half = (memory_plan(path, LlmConfig(model_path=path, kv_type=kind)).kv_bytes for kind in ("f16", "q8_0"))

    assert half * 64 == full * 34


def test_a_plan_beyond_the_free_memory_is_refused(write):
    """Before anything is loaded, with both figures."""
    path = write(gguf())
    plan = memory_plan(path, LlmConfig(model_path=path, batch_tokens=1 << 30))

    with pytest.raises(ModelLoadError, match=r"model\.too_large"):
        check_memory(plan, path)
