"""Token bytes to text."""

import codecs
from collections.abc import Sequence


class TextStream:
    """The text of one answer, as far as it is certain.

    Bytes that do not make a whole character yet are held back, and so is text that may be the beginning of a stop
    string. Bytes that can never make a character become U+FFFD.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(filter(None, stop))
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.stopped = False
        """A stop string came; nothing follows it."""

    @property
    def verbatim(self) -> bool:
        """Whether the text says all that the bytes said."""
        return not self.stopped and not self._decoder.getstate()[0]

    def push(self, piece: bytes) -> str:
        """The text that became certain with these bytes."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(piece)
        ends = [at for at in map(text.find, self._stop) if at >= 0]
        self.stopped = bool(ends)
        certain = min(ends) if ends else len(text) - self._doubtful(text)
        self._held = "" if ends else text[certain:]
        return text[:certain]

    def finish(self) -> str:
        """What was held back for a stop string that did not come; half a character is dropped."""
        held, self._held = self._held, ""
        return held

    def _doubtful(self, text: str) -> int:
        """Characters at the end that may begin a stop string."""
        return max((_overlap(text, stop) for stop in self._stop), default=0)


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`, the whole left out."""
    longest = min(len(text), len(stop) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
