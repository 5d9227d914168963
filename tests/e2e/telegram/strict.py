"""The strict stand-in of the Bot API: a program beside this repository that checks every call against a schema."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.telegram.user_side import REASONS, Event, Message, Sent, mime_type

TOKEN = "123456:TESTTOKEN-abcdefghijklmnopqrstuvwxyz012"
USERNAME = "inglenook_bot"
FAULTS_OF_THE_BOT = ("violations", "refused", "callbacks_unanswered_15s", "server_bugs")


@contextmanager
def strict_server(folder: Path) -> Iterator["StrictServer"]:
    """The server in a child process on a free port. `folder` is where its program lies."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, folder / "strict_botapi.py", "--port", str(port)),
            *("--token", TOKEN, "--bot-username", USERNAME),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
            _wait_until_up(http, process)
            yield StrictServer(http)
    finally:
        process.terminate()
        process.wait()


def _wait_until_up(http: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            http.get("/sim/state")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the strict server did not start")


class StrictServer:
    """Implements `UserSide` over HTTP."""

    token = TOKEN
    username = USERNAME

    def __init__(self, http: httpx.Client):
        self._http = http
        self.address = str(http.base_url).rstrip("/")
        self._tolerated: list[str] = []

    def text(self, user, text, *, chat=None, reply_to=None, thread=None):
        return self._sent("text", user=user, text=text, chat=chat, reply_to=reply_to, thread=thread)

    def media(self, user, kind, files: Sequence[Path], *, caption="", chat=None, reply_to=None, claimed_bytes=None):
        fields = {
            "user": user,
            "kind": kind,
            "caption": caption,
            "chat": chat,
            "reply_to": reply_to,
            "fake_size": claimed_bytes,
        }
        plain = {name: str(value) for name, value in fields.items() if value not in (None, "")}
        parts = [("file", (path.name, path.read_bytes(), mime_type(path))) for path in files]
        return _as_sent(self._checked(self._http.post("/sim/media", data=plain, files=parts)))

    def location(self, user):
        return self._sent("location", user=user, latitude=52.5, longitude=13.4)

    def edit(self, user, message_id, text):
        return self._sent("edit", user=user, message_id=message_id, text=text)

    def press(self, user, data, *, message_id, chat=None):
        return self._sent("tap", user=user, data=data, message_id=message_id, chat=chat)

    def group(self, title, members, *, topics=()):
        made = self._call("chat", title=title, members=list(members), forum=list(topics))
        return made["chat_id"], {name: int(thread) for thread, name in made["topics"].items()}

    def block(self, user):
        self.tolerate(REASONS[403])
        self._call("block", user=user)

    def unblock(self, user):
        self._call("unblock", user=user)

    def user(self, name, *, language=""):
        return self._call("user", user=name, language_code=language)["user"]["id"]

    def messages(self, chat):
        (found,) = self._call("transcript", chat=chat)["chats"] or [{"messages": []}]
        return [Message.of(raw) for raw in found["messages"]]

    def events(self, after=0):
        return [_event(raw) for raw in self._call("events", after=after)["events"]]

    def file(self, file_id):
        return self._http.get(f"/sim/file/{file_id}").content

    def menu(self, user, *, language="en"):
        return [command["command"] for command in self._call("menu", user=user, lang=language)["commands"]]

    def fault(self, method, *, times=1, code=None, retry_after=None, contains="", drop=False):
        wanted = {"method": method, "times": times, "code": code, "retry_after": retry_after, "contains": contains}
        if code:
            self.tolerate(REASONS[code])
        self._call("fault", **wanted, drop=drop or None)

    def tolerate(self, words):
        self._tolerated.append(words)

    def polling(self):
        state = self._call("state")
        return bool(state["polling"]) and state["pending_updates"] == 0

    def report(self):
        """The server's own list, without the refusals that a test asked for."""
        report = self._call("report")
        report["refused"] = [
            call for call in report["refused"] if not any(words in call["error"] for words in self._tolerated)
        ]
        return {name: report[name] for name in FAULTS_OF_THE_BOT}

    def _sent(self, name, **body):
        return _as_sent(self._call(name, **body))

    def _call(self, name, **body):
        given = {key: value for key, value in body.items() if value not in (None, "")}
        return self._checked(self._http.post(f"/sim/{name}", json=given))

    def _checked(self, response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        return response.json()


def _as_sent(answer: dict[str, Any]) -> Sent:
    return Sent(answer.get("message_id", 0), answer["after"])


def _event(raw: dict[str, Any]) -> Event:
    message = raw.get("message")
    return Event(
        seq=raw["seq"],
        at=raw["t"],
        kind=raw["kind"],
        chat=raw["chat_id"] or 0,
        message=Message.of(message) if message else None,
        text=raw.get("text") or raw.get("action") or "",
    )
