"""The whole loop over random schedules, with a model whose every answer is known beforehand."""

from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from engines.llm.batch import DecodeOutcome
from engines.llm.collector import StreamCollector
from engines.llm.config import LlmConfig
from engines.llm.loop import EngineLoop
from engines.llm.request import Finished, FinishReason, GenerationRequest, SamplingParams, TextDelta
from engines.llm.transcript import Transcript
from engines.llm.vault import SessionVault
from tests.fakes.clock import HandClock
from tests.fakes.runner import END, FakeRunner, babble, open_fake_model, parrot

CAPACITY = 90
SESSIONS = "ABCDEF"
SYSTEM = [ord("!") + place for place in range(18)]
"""What every chat begins with."""


class QuietLoop:
    """An event loop whose readers come by themselves."""

    def call_soon_threadsafe(self, callback):
        pass


class Disk:
    """Stands in for SessionArchive: it remembers, and takes a step to write."""

    def __init__(self):
        self.idle = True
        self.sessions = {}

    def save(self, session_id, snapshot):
        was_idle, self.idle = self.idle, False
        if was_idle:
            self.sessions[session_id] = snapshot
        return was_idle

    def load(self, session_id):
        return self.sessions.get(session_id)

    def forget(self, session_id):
        self.sessions.pop(session_id, None)


class Bench:
    """An EngineLoop turned by hand, and everybody who ever asked it something."""

    def __init__(self, runner, warm_bytes=0):
        self.runner = runner
        self.clock = HandClock()
        self.disk = Disk()
        self.vault = SessionVault(warm_bytes, self.disk)
        config = LlmConfig(
            model_path=None, context_tokens=CAPACITY, slots=3, batch_tokens=64, max_waiting=100, park_tokens=4
        )
        self.loop = EngineLoop(
            open_fake_model(config, runner), config, self.vault, lambda _: Transcript(), self.clock.monotonic
        )
        self.loop._keeper._least_tail = 6 if runner.can_shift else None
        self.asked = []
        self.answers = []
        self.heard = []
        self.prompts = {session: [] for session in SESSIONS}

    def ask(self, session, question, max_tokens, deadline):
        """The conversation grows by a question; its tokens are the session's alone."""
        known = self.prompts[session]
        letters = [ord(session) + 4 * digit for digit in question]
        if len(known) + len(letters) >= CAPACITY // 2:  # the oldest third goes, the system text stays
            known = [*SYSTEM, *known[len(SYSTEM) + len(known) // 3 :]][: CAPACITY // 2]
        prompt = [*(known or SYSTEM), *letters]
        self.prompts[session] = prompt
        sampling = SamplingParams(temperature=0, max_tokens=max_tokens)
        request = GenerationRequest(session_id=session, messages=(), sampling=sampling, deadline_seconds=deadline)
        recalled = None if self.loop.holds(session) else self.vault.recall(session)
        collector = StreamCollector(QuietLoop())
        answer = self.loop.submit(request, tuple(prompt), collector, shareable=len(SYSTEM), recalled=recalled)
        self.asked.append((prompt, max_tokens))
        self.answers.append(answer)
        self.heard.append([])

    def read(self, index):
        if self.answers:
            index %= len(self.answers)
            self.heard[index] += self.answers[index].collector.take()

    def step(self):
        self.clock.advance(1)
        self.disk.idle = True
        self.loop.step()
        self.loop.check_books()
        table = self.loop._scheduler.table
        for slot in table._slots:
            assert self.runner.tokens(slot.index) == slot.resident
        for beginning in self.loop._keeper._beginnings._beginnings:
            assert self.runner.tokens(beginning.slot) == list(beginning.tokens)
            assert list(beginning.tokens) in ([], SYSTEM)

    def grow(self, index):
        """A finished answer becomes part of its conversation, as it was generated."""
        if self.answers:
            sequence = self.answers[index % len(self.answers)].sequence
            if sequence.finish_reason is FinishReason.STOP and len(sequence.tokens) < CAPACITY // 2:
                self.prompts[sequence.session_id] = list(sequence.tokens)


def expected(model, prompt, max_tokens):
    """What the model says when nobody else is there."""
    tokens = list(prompt)
    while len(tokens) - len(prompt) < max_tokens and len(tokens) < CAPACITY:
        if (token := model(tokens)) == END:
            break
        tokens.append(token)
    return "".join(map(chr, tokens[len(prompt) :]))


asks = st.tuples(
    st.just("ask"),
    st.sampled_from(SESSIONS),
    st.lists(st.integers(0, 9), min_size=1, max_size=20),
    st.integers(1, 80),
    st.sampled_from([None, None, None, 9.0]),
)
steps = st.tuples(st.just("steps"), st.integers(1, 20))
others = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 50)),
    st.tuples(st.just("grow"), st.integers(0, 50)),
    st.tuples(st.just("abort"), st.integers(0, 50)),
    st.tuples(st.just("forget"), st.sampled_from(SESSIONS)),
    st.tuples(st.just("outcome"), st.sampled_from([DecodeOutcome.ABORTED, DecodeOutcome.FAILED])),
)
rounds = st.tuples(asks, asks, steps, others)


def perform(bench, deed):
    match deed:
        case ("ask", session, question, max_tokens, deadline):
            bench.ask(session, question, max_tokens, deadline)
        case ("steps", number):
            for _ in range(number):
                bench.step()
        case ("read", index):
            bench.read(index)
        case ("grow", index):
            bench.grow(index)
        case ("abort", index) if bench.answers:
            bench.loop.abort(bench.answers[index % len(bench.answers)])
        case ("forget", session):
            bench.loop.forget(session)
            bench.vault.erase(session)
        case ("outcome", outcome):
            bench.runner.outcomes.append(outcome)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(rounds, min_size=1, max_size=12),
    st.booleans(),
    st.sampled_from([0, 300, 5000]),
    st.sampled_from([babble, parrot]),
)
def test_random_schedules(schedule, cuttable, warm_bytes, model):
    """Everybody gets exactly one Finished, the books balance after every step, and no answer depends on the others.

    Chats come and go, give up, are forgotten, run out of time, evict and preempt each other in a cache that is far too
    small, and decodes are interrupted or fail. Sessions are parked, saved, restored, moved, and share a beginning.
    What answers repeat is guessed.
    """
    bench = Bench(FakeRunner(3, CAPACITY, model=model, cuttable=cuttable, beginnings=2 * cuttable), warm_bytes)
    for deed in chain.from_iterable(schedule):
        perform(bench, deed)
    for _ in range(10_000):
        bench.step()
        if not bench.loop._scheduler.has_work:
            break

    assert not bench.loop._scheduler.has_work
    for index, (prompt, max_tokens) in enumerate(bench.asked):
        bench.read(index)
        heard = bench.heard[index]
        assert [isinstance(event, Finished) for event in heard].count(True) == 1
        assert isinstance(heard[-1], Finished)
        text = "".join(event.text for event in heard if isinstance(event, TextDelta))
        complete = heard[-1].reason in (FinishReason.STOP, FinishReason.LENGTH)
        whole = expected(model, prompt, max_tokens)
        assert text == whole if complete else whole.startswith(text)
        check_usage(heard[-1].usage, len(prompt), text, complete)
    assert bench.runner.open_samplers == []
    assert bench.loop._places._value == 100
    assert sum(bench.loop.stats().finished.values()) == len(bench.asked)


def check_usage(usage, prompt_tokens, text, complete):
    assert usage.prompt_tokens == prompt_tokens
    assert usage.completion_tokens == len(text)
    if complete:
        assert usage.reused_tokens < prompt_tokens
        assert usage.reused_tokens + usage.evaluated_tokens >= prompt_tokens


def test_evaluated_tokens_are_the_rows_that_were_decoded():
    """The sum of all Usage equals what the runner saw, less the drawn tokens that were decoded in turn."""
    bench = Bench(FakeRunner(3, 10_000))
    for question in ([1, 2, 3], [4, 5], [6], [7, 8, 9]):
        bench.ask("A", question, 5, None)
        while bench.loop._scheduler.has_work or not bench.loop._inbox.empty():
            bench.step()
    stats = bench.loop.stats()
    rows = sum(len(plan.rows) for plan in bench.runner.decoded)
    redrawn = sum(max(0, answer.sequence.computed - answer.sequence.prompt_tokens) for answer in bench.answers)

    assert stats.evaluated_tokens == rows - redrawn
    assert stats.prompt_tokens == stats.evaluated_tokens + stats.reused_tokens
    assert stats.reuse_ratio > 0
