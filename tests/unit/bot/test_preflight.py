"""What is concluded about a machine."""

from pathlib import Path

import pytest

from bot.preflight import Feature, Finding, Level, check_memory, check_model, check_processor, unavailable
from engines.models import find_model, load_catalogue

CPUINFO = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse4_2 {}\n"


@pytest.mark.parametrize(
    ("flags", "lost"),
    [
        ("avx avx2 fma f16c", set()),
        ("avx", {Feature.KNOWLEDGE}),
        ("avx avx2 fma", {Feature.KNOWLEDGE}),
        ("", {Feature.SPEECH, Feature.KNOWLEDGE}),
    ],
)
def test_missing_instructions_cost_features_by_name(flags, lost):
    """An old processor loses what would crash on it, and nothing else."""
    assert lost == unavailable(check_processor("x86_64", CPUINFO.format(flags)))


@pytest.mark.parametrize(("machine", "cpuinfo"), [("aarch64", "Features : fp asimd"), ("x86_64", "")])
def test_other_machines_lose_nothing(machine, cpuinfo):
    """Where there are no x86 flags to read, nothing is held against the processor."""
    assert [finding.level for finding in check_processor(machine, cpuinfo)] == [Level.OK]


def test_the_lacking_instructions_are_named():
    """The sentence says what is missing, not only that something is."""
    [finding] = check_processor("x86_64", CPUINFO.format("avx avx2"))
    assert finding.detail == "knowledge needs the instructions f16c, fma, which this processor does not have"


def test_only_errors_make_a_feature_unavailable():
    """A warning leaves its feature on."""
    findings = [
        Finding(Level.WARNING, "a", "b", feature=Feature.SPEECH),
        Finding(Level.ERROR, "a", "b", feature=Feature.PICTURES),
        Finding(Level.ERROR, "a", "b"),
    ]
    assert {Feature.PICTURES} == unavailable(findings)


@pytest.mark.parametrize(
    ("llm_mb", "warm_mb", "others_mb", "level", "lost"),
    [
        (700, 100, 200, Level.OK, set()),
        (700, 101, 200, Level.WARNING, set()),
        (700, 100, 201, Level.WARNING, set()),
        (1001, 0, 0, Level.ERROR, {Feature.CHAT}),
    ],
)
def test_the_memory_plan_is_compared_with_what_is_free(llm_mb, warm_mb, others_mb, level, lost):
    """A language model that does not fit cannot chat; kept conversations and the other models come and go."""
    finding = check_memory(llm_mb, warm_mb, others_mb, available_mb=1000)
    assert (level, lost) == (finding.level, unavailable([finding]))


def test_a_missing_model_says_how_to_get_it():
    """The advice is the command to type."""
    finding = check_model(load_catalogue().get("whisper-base"), Path("/nowhere"))
    assert (
        finding.level,
        finding.advice,
        finding.feature,
    ) == (Level.ERROR, "inglenook models pull whisper-base", Feature.SPEECH)


def test_a_missing_model_of_ones_own_cannot_be_pulled():
    """The advice for own weights is to choose others."""
    assert check_model(find_model("/nowhere/a.gguf"), Path("/nowhere")).advice.startswith("inglenook models use")
