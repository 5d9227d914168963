"""What the engine needs from a model: the seam between the book-keeping and llama.cpp."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engines.llm.batch import BatchPlan, DecodeOutcome
from engines.llm.request import SamplingParams
from engines.llm.threads import ThreadLimits


class Sampler(Protocol):
    """Draws the tokens of one sequence; remembers what it drew."""

    def draw(self, row: int) -> int:
        """The next token, from the logits of this row of the last decoded plan."""
        ...

    def close(self) -> None:
        """Frees it."""
        ...


class ModelRunner(Protocol):
    """Decodes rows into slots. Every call comes from the one thread that opened it."""

    @property
    def slots(self) -> int:
        """How many sequences can be answered; slots are numbered from 0."""
        ...

    @property
    def beginnings(self) -> int:
        """How many further slots, numbered after those, hold what sessions share; none where nothing can be shared."""
        ...

    @property
    def cuttable(self) -> bool:
        """Whether slots can be cut anywhere; else a slot is only ever continued or emptied."""
        ...

    @property
    def can_shift(self) -> bool:
        """Whether tokens can move to earlier positions."""
        ...

    @property
    def capacity(self) -> int:
        """Tokens that fit into the cache, over all slots."""
        ...

    def use_threads(self, count: int) -> None:
        """Processor threads for the steps from now on."""
        ...

    def decode(self, plan: BatchPlan) -> DecodeOutcome:
        """Puts the rows into the cache. A slot's rows must continue exactly where the slot ends."""
        ...

    def open_sampler(self, params: SamplingParams) -> Sampler:
        """A sampler for one sequence."""
        ...

    def held(self, slot: int) -> int:
        """Tokens in the slot."""
        ...

    def truncate(self, slot: int, keep: int) -> bool:
        """Removes everything from position `keep` on.

        False when this model cannot be cut there: then the slot is empty.
        """
        ...

    def share(self, source: int, target: int, tokens: int) -> None:
        """Lets the empty slot `target` begin with the first `tokens` of `source`, without copying."""
        ...

    def shift(self, slot: int, start: int, end: int) -> None:
        """Takes the positions from `start` to before `end` out and moves what follows down to `start`.

        What follows must not be shared, and the next call that looks at it must be `decode`.
        """
        ...

    def export(self, slot: int) -> bytes | memoryview:
        """The state of a slot, for `restore` into any slot of the same model and cache format."""
        ...

    def restore(self, slot: int, state: bytes | memoryview) -> bool:
        """Fills an empty slot. False when the state does not fit, or the cache has no room; then the slot is empty."""
        ...

    def reset(self) -> None:
        """Empties every slot and makes the cache usable again after a failed decode. Raises EngineFailed."""
        ...

    def close(self) -> None:
        """Frees the model."""
        ...


class Tokenizer(Protocol):
    """Text to tokens and back. Safe to call from any thread."""

    @property
    def opening(self) -> tuple[int, ...]:
        """Tokens with which every prompt of this model begins; mostly none or one."""
        ...

    def encode(self, text: str, *, special: bool) -> list[int]:
        """The tokens of a text. With `special`, the names of control tokens become those tokens."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; none for a control token."""
        ...

    def check_form(self, params: SamplingParams) -> None:
        """Raises GrammarError where the grammar or the JSON schema of an answer cannot be used."""
        ...

    def ends(self, token: int) -> bool:
        """Whether the token ends an answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory."""

    runner: ModelRunner
    tokenizer: Tokenizer
    chat_template: str
    """Jinja source, as it comes with the model."""
    bos_text: str
    """The texts of the tokens that begin and end a document: templates ask for them."""
    eos_text: str
    context_tokens: int
    """Tokens that one conversation may have."""
    origin: Mapping[str, str | int]
    """What decides whether an exported state can be restored: the weights, the cache's size and format, the library."""
    threads: ThreadLimits = field(default_factory=ThreadLimits)
    """What the configuration allows, or the machine where that leaves it open."""
