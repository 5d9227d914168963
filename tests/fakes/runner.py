"""A deterministic model over integers, with a cache of its own that obeys llama.cpp's rules."""

import re
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

from engines.errors import EngineFailed, GrammarError
from engines.llm.batch import BatchPlan, DecodeOutcome
from engines.llm.config import LlmConfig
from engines.llm.request import SamplingParams
from engines.llm.runner import LoadedModel

CHAT_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message.role }}\n{{ message.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)

START, END, PAIR = 256, 257, 258
_SPECIALS = {"<|start|>": START, "<|end|>": END}

Model = Callable[[Sequence[int]], int]


def digest(tokens: Sequence[int]) -> int:
    """A number that depends on every token and its place."""
    return zlib.crc32(b",".join(b"%d" % token for token in tokens))


def babble(tokens: Sequence[int]) -> int:
    """The next token of a model that writes small letters and ends after about sixty."""
    number = digest(tokens)
    return END if number % 61 == 0 else ord("a") + number % 26


def parrot(tokens: Sequence[int]) -> int:
    """The next token of a model that mostly says again what first followed the newest token."""
    number = digest(tokens)
    if number % 61 == 0:
        return END
    start = number % len(tokens) if number % 9 == 0 else tokens.index(tokens[-1])
    return tokens[min(start + 1, len(tokens) - 1)]


class FakeSampler:
    """Greedy, whatever the parameters. Implements Sampler."""

    def __init__(self, runner: "FakeRunner", params: SamplingParams) -> None:
        self._runner = runner
        self.params = params

    def draw(self, row: int) -> int:
        return self._runner.logits[row]

    def close(self) -> None:
        self._runner.open_samplers.remove(self)


class FakeRunner:
    """Implements ModelRunner. Every slot is a list of (token, cell); shared cells count once.

    `outcomes` holds what the next decodes shall answer; None, like an empty queue, leaves it to the cache.
    """

    def __init__(
        self, slots: int = 4, capacity: int = 256, *, model: Model = babble, cuttable: bool = True, beginnings: int = 0
    ) -> None:
        self.slots = slots
        self.beginnings = beginnings
        self.cuttable = cuttable
        self.can_shift = cuttable
        self.capacity = capacity
        self.outcomes: deque[DecodeOutcome | None] = deque()
        self.threads = 0
        self.broken_resets = 0
        self.decoded: list[BatchPlan] = []
        self.logits: dict[int, int] = {}
        self.open_samplers: list[FakeSampler] = []
        self.closed = False
        self._model = model
        self._failed = False
        self._cells = count()
        self._kv: list[list[tuple[int, int]]] = [[] for _ in range(slots + beginnings)]

    def tokens(self, slot: int) -> list[int]:
        """What the slot holds."""
        return [token for token, _ in self._kv[slot]]

    def use_threads(self, count: int) -> None:
        self.threads = count

    def decode(self, plan: BatchPlan) -> DecodeOutcome:
        assert not self._failed, "decode after a failure without reset"
        assert plan.rows, "an empty plan"
        self._check(plan)
        outcome = self.outcomes.popleft() if self.outcomes else None
        if outcome is None:
            outcome = DecodeOutcome.OK if self._used() + len(plan.rows) <= self.capacity else DecodeOutcome.NO_ROOM
        if outcome is DecodeOutcome.OK:
            self.logits = {}
            self._place(plan, len(plan.rows))
            self.decoded.append(plan)
        elif outcome in (DecodeOutcome.ABORTED, DecodeOutcome.FAILED):
            self._place(plan, len(plan.rows) // 2)
            self._failed = outcome is DecodeOutcome.FAILED
        return outcome

    def open_sampler(self, params: SamplingParams) -> FakeSampler:
        sampler = FakeSampler(self, params)
        self.open_samplers.append(sampler)
        return sampler

    def held(self, slot: int) -> int:
        return len(self._kv[slot])

    def truncate(self, slot: int, keep: int) -> bool:
        done = self.cuttable or keep == 0 or keep >= len(self._kv[slot])
        del self._kv[slot][keep if done else 0 :]
        return done

    def share(self, source: int, target: int, tokens: int) -> None:
        assert not self._kv[target]
        self._kv[target] = self._kv[source][:tokens]

    def shift(self, slot: int, start: int, end: int) -> None:
        kept, moved = self._kv[slot][:start], self._kv[slot][end:]
        others = {cell for index, kv in enumerate(self._kv) for _, cell in kv if index != slot}
        assert not any(cell in others for _, cell in moved), "a shared cell was moved"
        self._kv[slot] = kept + moved

    def export(self, slot: int) -> bytes:
        return b",".join(b"%d" % token for token in self.tokens(slot))

    def restore(self, slot: int, state: bytes | memoryview) -> bool:
        assert not self._kv[slot]
        if not re.fullmatch(rb"[\d,]*", state):
            return False
        tokens = [int(number) for number in bytes(state).split(b",") if number]
        if self._used() + len(tokens) > self.capacity:
            return False
        self._kv[slot] = [(token, next(self._cells)) for token in tokens]
        return True

    def reset(self) -> None:
        if self.broken_resets:
            self.broken_resets -= 1
            raise EngineFailed("engine.failed", detail="no context")
        self._failed = False
        self._kv = [[] for _ in range(self.slots + self.beginnings)]

    def close(self) -> None:
        self.closed = True

    def _check(self, plan: BatchPlan) -> None:
        ends = [len(kv) for kv in self._kv]
        for row in plan.rows:
            assert row.position == ends[row.slot], f"{row} does not continue the slot at {ends[row.slot]}"
            ends[row.slot] += 1
        outputs = [row for draw in plan.draws for row in range(draw.row, draw.row + 1 + len(draw.guess))]
        assert outputs == [index for index, row in enumerate(plan.rows) if row.wants_logits]

    def _place(self, plan: BatchPlan, rows: int) -> None:
        for index, row in enumerate(plan.rows[:rows]):
            self._kv[row.slot].append((row.token, next(self._cells)))
            if row.wants_logits:
                self.logits[index] = self._model(self.tokens(row.slot))

    def _used(self) -> int:
        return len({cell for kv in self._kv for _, cell in kv})


class FakeTokenizer:
    """A token is a byte; but `ab`, read, is one token, as a generated `a` and `b` are two. Implements Tokenizer."""

    def __init__(self, opening: tuple[int, ...] = ()) -> None:
        self.opening = opening

    def encode(self, text: str, *, special: bool) -> list[int]:
        names = "|".join(map(re.escape, _SPECIALS)) if special else "$^"
        tokens: list[int] = []
        for part in re.split(f"({names})", text):
            tokens += [_SPECIALS[part]] if special and part in _SPECIALS else self._encode_text(part)
        return tokens

    def piece(self, token: int) -> bytes:
        return b"ab" if token == PAIR else bytes([token]) if token < START else b""

    def check_form(self, params: SamplingParams) -> None:
        if params.grammar is not None and "::=" not in params.grammar:
            raise GrammarError("grammar.invalid", detail="no rule")

    def ends(self, token: int) -> bool:
        return token == END

    @staticmethod
    def _encode_text(text: str) -> list[int]:
        return [PAIR if part == b"ab" else part[0] for part in re.findall(rb"ab|.", text.encode(), re.DOTALL)]


def open_fake_model(config: LlmConfig, runner: FakeRunner | None = None) -> LoadedModel:
    """Stands in for llama.cpp in `open_llm_engine`."""
    return LoadedModel(
        runner=runner or FakeRunner(config.slots, config.context_tokens),
        tokenizer=FakeTokenizer(),
        chat_template=CHAT_TEMPLATE,
        bos_text="",
        eos_text="<|end|>",
        context_tokens=config.context_tokens,
        origin={"model": "fake"},
    )
