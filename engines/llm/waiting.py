"""Who comes next."""

from collections import OrderedDict, deque
from collections.abc import Container, Iterator
from itertools import zip_longest

from engines.llm.sequence import Sequence


class WaitingLine:
    """Sequences without a slot: first come first served within a session, sessions in turn."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[Sequence]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def __iter__(self) -> Iterator[Sequence]:
        """In the order in which they will be served."""
        for turn in zip_longest(*self._queues.values()):
            yield from (sequence for sequence in turn if sequence is not None)

    def append(self, sequence: Sequence) -> None:
        """Puts a new sequence behind the others."""
        self._queues.setdefault(sequence.session_id, deque()).append(sequence)

    def put_back(self, sequence: Sequence) -> None:
        """Puts a sequence that lost its slot before all others."""
        self._queues.setdefault(sequence.session_id, deque()).appendleft(sequence)
        self._queues.move_to_end(sequence.session_id, last=False)

    def first(self, busy: Container[str]) -> Sequence | None:
        """The next one whose session is not busy."""
        return next((queue[0] for session_id, queue in self._queues.items() if session_id not in busy), None)

    def remove(self, sequence: Sequence) -> None:
        """Takes a sequence out, and sends its session's next one behind the other sessions."""
        queue = self._queues[sequence.session_id]
        queue.remove(sequence)
        self._queues.move_to_end(sequence.session_id)
        if not queue:
            del self._queues[sequence.session_id]
