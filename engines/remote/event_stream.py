"""Server-sent events: bytes to the data of each event."""

from engines.errors import EngineRefused

_MAX_EVENT_BYTES = 1 << 20
"""An event carries a few words; a server that sends a megabyte without an end is something else."""


class EventStream:
    """Cuts bytes, however they arrive, into events.

    Lines end with LF, CRLF or CR and with nothing else: JSON may hold U+2028 and its like as they are. An event ends
    with an empty line; comments and the fields other than `data` are skipped. Source: the HTML standard, section
    "Server-sent events".
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._rest = b""
        self._data: list[bytes] = []

    def push(self, received: bytes) -> list[str]:
        """The data of the events that are complete now. Raises EngineRefused."""
        *lines, self._rest = _lines(self._rest + received)
        events = [event for line in lines if (event := self._digest(line)) is not None]
        if len(self._rest) + sum(map(len, self._data)) > _MAX_EVENT_BYTES:
            raise EngineRefused("engine.not_openai", address=self._address, detail="an event has no end")
        return events

    def _digest(self, line: bytes) -> str | None:
        if line:
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
            return None
        data, self._data = b"\n".join(self._data), []
        return data.decode(errors="replace") or None


def _lines(received: bytes) -> list[bytes]:
    """Whole lines, and last what follows them. A CR at the very end may be half of a line's end and waits."""
    waiting = received.endswith(b"\r")
    whole = received.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = whole.split(b"\n")
    return [*lines[:-1], lines[-1] + b"\r" * waiting]
