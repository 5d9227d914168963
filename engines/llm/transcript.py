"""The tokens of every conversation as they were sent and generated, so that a prompt only ever grows."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from engines.llm.request import ChatMessage
from engines.llm.runner import Tokenizer
from engines.llm.template import ChatTemplate, Piece

_KEPT_CONVERSATIONS = 512
"""About 40 bytes a token: some tens of megabytes when all are long. A forgotten one is merely tokenised anew."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """Messages and their tokens.

    `ends[i]` is where the text of message i ends in the tokens; what follows the last one opens the answer.
    """

    messages: tuple[bytes, ...] = ()
    """Digests: who said what is compared, and kept nowhere."""
    tokens: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def shared_messages(self, messages: Sequence[bytes]) -> int:
        """How many leading messages are equal."""
        pairs = zip(self.messages, messages, strict=False)
        return next(
            (index for index, (left, right) in enumerate(pairs) if left != right),
            min(len(self.messages), len(messages)),
        )


class Transcripts:
    """Prompts by session.

    Turn N+1's tokens begin with turn N's, even where the template would now write an older turn differently or the
    generated text would be cut into other tokens: what was sent stays as it was sent. Safe to call from any thread.
    """

    def __init__(self, template: ChatTemplate, tokenizer: Tokenizer) -> None:
        self._template = template
        self._tokenizer = tokenizer
        self._known: OrderedDict[str, Transcript] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, session_id: str, messages: Sequence[ChatMessage]) -> Transcript:
        """The prompt of these messages; tokenises only what the session has not sent before."""
        prompt = self._extend(self.known(session_id), messages)
        self._keep(session_id, prompt)
        return prompt

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the prompt that these messages make when nothing is known about them."""
        return len(self._extend(Transcript(), messages).tokens)

    def answered(self, session_id: str, prompt: Transcript, text: str, tokens: Sequence[int]) -> None:
        """Adds an answer as it was generated, unless the session was forgotten or asked anew since."""
        answer = message_digest(ChatMessage("assistant", text))
        end = len(prompt.tokens) + len(tokens)
        grown = Transcript((*prompt.messages, answer), (*prompt.tokens, *tokens), (*prompt.ends, end))
        with self._lock:
            if self._known.get(session_id) is prompt:
                self._known[session_id] = grown

    def known(self, session_id: str) -> Transcript:
        """What was sent and said in a session, as far as it is known."""
        with self._lock:
            return self._known.get(session_id, Transcript())

    def recall(self, session_id: str, transcript: Transcript) -> None:
        """Takes over what an earlier run of the program knew, unless more is known by now."""
        with self._lock:
            self._known.setdefault(session_id, transcript)

    def forget(self, session_id: str) -> None:
        """Drops what is known of a session."""
        with self._lock:
            self._known.pop(session_id, None)

    def _keep(self, session_id: str, prompt: Transcript) -> None:
        with self._lock:
            self._known[session_id] = prompt
            self._known.move_to_end(session_id)
            if len(self._known) > _KEPT_CONVERSATIONS:
                self._known.popitem(last=False)

    def _extend(self, known: Transcript, messages: Sequence[ChatMessage]) -> Transcript:
        pieces = self._template.render(messages)
        shown = [piece.message for piece in pieces]
        digests = [message_digest(message) for message in messages]
        shared = known.shared_messages(digests)
        while shared and (shared - 1 not in shown or not known.ends[shared - 1]):
            shared -= 1
        if not shared:
            return self._encode(Transcript(tokens=self._opening(pieces[0])), messages, pieces)
        kept = Transcript(tokens=known.tokens[: known.ends[shared - 1]], ends=known.ends[:shared])
        kept = self._join_tail(known, kept, digests, pieces)
        return self._encode(kept, messages, pieces[shown.index(len(kept.ends) - 1) + 1 :])

    def _join_tail(
        self, known: Transcript, head: Transcript, digests: Sequence[bytes], pieces: Sequence[Piece]
    ) -> Transcript:
        """Takes over what follows a gap: the turns after the oldest ones, which the caller left out.

        All known messages from some place on must be wanted behind the head, with the same markup in front.
        """
        at, count = len(head.ends), len(known.ends)
        wanted = list(digests[at:])
        for start in range(at + 1, count):
            tail = list(known.messages[start:])
            if tail != wanted[: len(tail)] or not all(known.ends[start - 1 :]):
                continue
            markup = self._markup_before(at, pieces)
            begin = known.ends[start - 1]
            if known.tokens[begin : begin + len(markup)] != markup:
                break
            moved = len(head.tokens) - begin
            tokens = (*head.tokens, *known.tokens[begin : known.ends[-1]])
            return Transcript(tokens=tokens, ends=(*head.ends, *(end + moved for end in known.ends[start:])))
        return head

    def _markup_before(self, message: int, pieces: Sequence[Piece]) -> tuple[int, ...]:
        """What the template writes between a message and the one before it."""
        shown = [piece.message for piece in pieces]
        if message not in shown:
            return ()
        between = pieces[shown.index(message - 1) + 1 : shown.index(message)]
        return tuple(token for piece in between for token in self._tokenizer.encode(piece.text, special=True))

    def _opening(self, first: Piece) -> tuple[int, ...]:
        """The model's opening tokens, unless the template writes them itself."""
        opening = self._tokenizer.opening
        written = self._tokenizer.encode(first.text, special=True) if first.message is None else []
        return () if tuple(written[: len(opening)]) == opening else opening

    def _encode(self, kept: Transcript, messages: Sequence[ChatMessage], pieces: Sequence[Piece]) -> Transcript:
        tokens = list(kept.tokens)
        ends = [*kept.ends, *(0 for _ in messages[len(kept.ends) :])]
        for piece in pieces:
            tokens += self._tokenizer.encode(piece.text, special=piece.message is None)
            if piece.message is not None:
                ends[piece.message] = len(tokens)
        return Transcript(tuple(map(message_digest, messages)), tuple(tokens), tuple(ends))


def message_digest(message: ChatMessage) -> bytes:
    """Equal for equal messages."""
    return blake2b(f"{message.role}\0{message.text}".encode(errors="surrogatepass"), digest_size=16).digest()
