"""Guessing the next tokens of an answer that quotes its prompt: pure book-keeping.

The newest tokens are looked up in the prompt; what followed them there is the guess. It is decoded along with the
newest token, and holds as far as the sampler draws the same, so it changes no answer. The method is prompt lookup
decoding (github.com/apoorvumang/prompt-lookup-decoding).
"""

from collections.abc import Sequence

_KEY_TOKENS = 5
"""With three, answers that do not quote are guessed wrong too often; eight notice a quotation late."""

_FIRST_CREDIT, _MOST_CREDIT = 4, 12
_PRICE = 2
"""What a wrong guess costs where a right one earns one: its row, and a step whose size differs from the last one's."""


class PromptLookup:
    """What followed which tokens in one prompt, and whether guessing pays: without credit there are no more guesses."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, ...], int] | None = None
        self._credit = _FIRST_CREDIT

    def guess(self, tokens: Sequence[int], prompt_tokens: int, most: int) -> tuple[int, ...]:
        """Up to so many tokens that may follow. The prompt is tokens[:prompt_tokens], the same every time."""
        if most <= 0 or self._credit <= 0:
            return ()
        if self._places is None:
            ends = range(_KEY_TOKENS, prompt_tokens)
            self._places = {tuple(tokens[end - _KEY_TOKENS : end]): end for end in ends}
        place = self._places.get(tuple(tokens[-_KEY_TOKENS:]), prompt_tokens)
        return tuple(tokens[place : min(place + most, prompt_tokens)])

    def judge(self, guessed: int, right: int) -> None:
        """So many tokens were guessed, and so many of them were drawn."""
        self._credit = min(self._credit + right - _PRICE * (guessed - right), _MOST_CREDIT)
