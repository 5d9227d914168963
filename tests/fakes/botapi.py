"""A stand-in for Telegram's Bot API: a real HTTP server in threads of its own, and the user's side of the chats.

It knows the calls that the assistant uses and is strict about them: an unknown call, parameter or field is refused and
put down in `violations`. Limits and error texts are those of the real server; flood control is a guess, as Telegram
publishes no figures.
"""

import asyncio
import email.parser
import email.policy
import inspect
import itertools
import json
import re
import threading
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "123456789:AAFakeTokenForTestsOnly-0123456789abcd"
BOT = {"id": 123456789, "is_bot": True, "first_name": "Inglenook", "username": "inglenook_bot"}
KINDS = ("message", "edited_message", "callback_query", "my_chat_member")
DOWNLOAD_BYTES = 20 << 20


class Refused(Exception):
    """An answer that is not ok."""

    def __init__(self, code, text, **parameters):
        super().__init__(text)
        self.code, self.text, self.parameters = code, text, parameters


class Dropped(Exception):
    """The connection breaks."""


@dataclass
class Fault:
    """What goes wrong with the next `times` calls of a method whose parameters contain a text."""

    method: str
    code: int = 500
    text: str = "Internal Server Error"
    retry_after: int = 0
    times: int = 1
    contains: str = ""
    drop: str = ""
    """"before": the call does not happen, "after": it happens; both times the connection breaks."""


@dataclass
class Bucket:
    """Flood control of one chat: `burst` calls, then one every `seconds`."""

    burst: float
    seconds: float
    tokens: float = field(default=0.0)
    at: float = field(default_factory=time.monotonic)

    def __post_init__(self):
        self.tokens = self.burst

    def take(self):
        """Seconds to wait, 0 when the call is allowed."""
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.at) / self.seconds)
        self.at = now
        if self.tokens < 1:
            return max(3, int((1 - self.tokens) * self.seconds) + 1)
        self.tokens -= 1
        return 0


class BotApi:
    """The server's state. `calls` are all calls with their parameters, `drafts` what was shown as a draft."""

    def __init__(self, token=TOKEN, *, flood=True):
        self.token = token
        self.lock = threading.RLock()
        self.news = threading.Condition(self.lock)
        self.calls, self.violations, self.faults, self.floods = [], [], [], []
        self.users, self.chats, self.messages, self.files = {}, {}, {}, {}
        self.pending, self.actions, self.drafts, self.pressed = [], [], [], {}
        self.menus, self.left, self.reactions = {}, [], []
        self.paths = {}
        """Where files are on the disk, of a server in local mode."""
        self.blocked = set()
        self.webhook = None
        self.down = False
        self._flood = flood
        self._buckets = {}
        self._poller = 0
        self._updates = itertools.count(7_000)
        self._numbers = defaultdict(lambda: itertools.count(1))
        self._ids = itertools.count(1)

    # What users do.

    def user(self, name="ann", language="en"):
        """A person; made at first use."""
        return self.users.setdefault(
            name,
            {
                "id": 1000 + len(self.users),
                "is_bot": False,
                "first_name": name.capitalize(),
                "username": name,
                "language_code": language,
            },
        )

    def private(self, name="ann"):
        """The private chat with a person."""
        user = self.user(name)
        chat = {"id": user["id"], "type": "private", "first_name": user["first_name"], "username": name}
        return self.chats.setdefault(user["id"], chat)

    def group(self, title="Family", *, forum=False):
        """A new group with the bot in it."""
        chat = {"id": -1_000_000_000_000 - len(self.chats), "type": "supergroup", "title": title}
        if forum:
            chat["is_forum"] = True
        return self.chats.setdefault(chat["id"], chat)

    def write(self, text=None, *, user="ann", chat=None, thread=None, reply_to=None, **content):
        """Somebody writes; the message. `content` are further fields of it, such as `photo` or `caption`."""
        with self.news:
            chat = chat or self.private(user)
            message = self._message(chat, self.user(user), thread)
            if text is not None:
                message |= {"text": text, "entities": _entities(text)}
            if reply_to is not None:
                message["reply_to_message"] = reply_to
            message |= content
            self._push("message", message)
            return message

    def edit(self, message, text):
        """Somebody changes a message."""
        with self.news:
            message |= {"text": text, "entities": _entities(text), "edit_date": int(time.time())}
            self._push("edited_message", message)

    def press(self, label, *, user="ann", chat=None):
        """Somebody presses the newest button with this label; the id of the press."""
        with self.news:
            chat = chat or self.private(user)
            for message in reversed(self.transcript(chat)):
                for button in itertools.chain(*message.get("reply_markup", {}).get("inline_keyboard", ())):
                    if button["text"] == label:
                        press_id = f"press-{next(self._ids)}"
                        self.pressed[press_id] = None
                        query = {"id": press_id, "from": self.user(user), "chat_instance": "1", "message": message}
                        self._push("callback_query", query | {"data": button["callback_data"]})
                        return press_id
            raise AssertionError(f"there is no button {label!r}")

    def upload(self, content, **fields):
        """A file on the server, as it stands in a message."""
        file_id = f"file-{next(self._ids)}"
        self.files[file_id] = content
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": len(content), **fields}

    def block(self, user="ann"):
        """Somebody blocks the bot."""
        with self.news:
            self.blocked.add(self.private(user)["id"])
            self._membership(self.private(user), self.user(user), "member", "kicked")

    def join(self, chat, user="ann", status="member"):
        """Somebody puts the bot into a group."""
        with self.news:
            self._membership(chat, self.user(user), "left", status)

    def remove(self, message):
        """Somebody deletes a message; bots are not told."""
        with self.lock:
            del self.messages[message["chat"]["id"], message["message_id"]]

    def fail(self, method, code=500, **fault):
        """The next calls of this method go wrong."""
        self.faults.append(Fault(method, code, **fault))

    # What can be seen.

    def transcript(self, chat=None, *, user="ann"):
        """The messages of a chat, in order."""
        chat = chat or self.private(user)
        with self.lock:
            return [message for (chat_id, _), message in sorted(self.messages.items()) if chat_id == chat["id"]]

    def answers(self, chat=None, *, user="ann"):
        """The texts that the bot has in a chat now."""
        return [
            message.get("text") or message.get("caption") or message["document"]["file_name"]
            for message in self.transcript(chat, user=user)
            if message["from"]["id"] == BOT["id"]
        ]

    def called(self, method):
        """The parameters of all calls of a method."""
        return [parameters for name, parameters in self.calls if name == method]

    async def until(self, condition, seconds=10.0):
        """Waits for something to become true; its value."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, f"it did not happen; {[m.get('text') for m in self.messages.values()]}"
            await asyncio.sleep(0.01)
        return value

    # The calls of bots. Parameter names are Telegram's.

    def get_me(self):
        return BOT | {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    def get_updates(self, *, offset: int = 0, limit: int = 100, timeout: int = 0, allowed_updates: list = ()):
        if self.webhook is not None:
            raise Refused(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        if set(allowed_updates) != set(KINDS):
            self.violations.append(f"allowed_updates are {allowed_updates}")
        self._poller += 1
        me = self._poller
        self.news.notify_all()
        self.pending = [update for update in self.pending if update["update_id"] >= offset]
        deadline = time.monotonic() + timeout
        while not self.pending and self._poller == me and not self.down and (left := deadline - time.monotonic()) > 0:
            self.news.wait(left)
        if self._poller != me:
            raise Refused(
                409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
            )
        return self.pending[:limit]

    def send_message(
        self,
        *,
        chat_id: int,
        text: str,
        entities: list = (),
        message_thread_id: int | None = None,
        reply_parameters: dict | None = None,
        reply_markup: dict | None = None,
        link_preview_options: dict | None = None,
        disable_notification: bool = False,
    ):
        content = {"text": _checked(text, entities), "entities": entities} | _markup(reply_markup)
        _known(link_preview_options, {"is_disabled"})
        chat = self._writable(chat_id)
        message = self._message(chat, BOT, message_thread_id)
        if reply_parameters:
            _known(reply_parameters, {"message_id", "allow_sending_without_reply"})
            answered = self.messages.get((chat["id"], reply_parameters["message_id"]))
            if answered:
                message["reply_to_message"] = {**answered}
            elif not reply_parameters.get("allow_sending_without_reply"):
                raise Refused(400, "Bad Request: message to be replied not found")
        if disable_notification:
            message["silent"] = True
        message |= content
        return message

    def edit_message_text(
        self,
        *,
        chat_id: int,
        message_id: int,
        text: str,
        entities: list = (),
        reply_markup: dict | None = None,
        link_preview_options: dict | None = None,
    ):
        content = {"text": _checked(text, entities), "entities": entities} | _markup(reply_markup)
        _known(link_preview_options, {"is_disabled"})
        chat = self._writable(chat_id)
        message = self.messages.get((chat["id"], message_id))
        if message is None:
            raise Refused(400, "Bad Request: message to edit not found")
        if message["from"]["id"] != BOT["id"]:
            raise Refused(400, "Bad Request: message can't be edited")
        if content == {key: message[key] for key in ("text", "entities", "reply_markup") if key in message}:
            raise Refused(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message",
            )
        message.pop("reply_markup", None)
        message |= content | {"edit_date": int(time.time())}
        return message

    def send_message_draft(
        self,
        *,
        chat_id: int,
        draft_id: int,
        text: str = "",
        entities: list = (),
        message_thread_id: int | None = None,
    ):
        if chat_id not in self.chats or self.chats[chat_id]["type"] != "private":
            raise Refused(400, "Bad Request: TEXTDRAFT_PEER_INVALID")
        if not draft_id:
            raise Refused(400, "Bad Request: draft_id must be non-zero")
        self.drafts.append(_checked(text, entities))
        return True

    def delete_message(self, *, chat_id: int, message_id: int):
        if self.messages.pop((chat_id, message_id), None) is None:
            raise Refused(400, "Bad Request: message to delete not found")
        return True

    def send_chat_action(self, *, chat_id: int, action: str, message_thread_id: int | None = None):
        self._reachable(chat_id)
        self.actions.append((chat_id, action))
        return True

    def send_document(self, *, chat_id: int, document: bytes, caption: str = "", message_thread_id: int | None = None):
        if len(caption) > 1024:
            raise Refused(400, "Bad Request: message caption is too long")
        message = self._message(self._writable(chat_id), BOT, message_thread_id)
        name, content = document
        message["document"] = self.upload(content, file_name=name)
        if caption:
            message["caption"] = caption
        return message

    def answer_callback_query(self, *, callback_query_id: str, text: str = ""):
        if callback_query_id not in self.pressed:
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        if self.pressed[callback_query_id] is not None:
            self.violations.append(f"{callback_query_id} was answered twice")
        self.pressed[callback_query_id] = text
        return True

    def get_file(self, *, file_id: str):
        if file_id not in self.files:
            raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        size = len(self.files[file_id])
        if size > DOWNLOAD_BYTES:
            raise Refused(400, "Bad Request: file is too big")
        path = self.paths.get(file_id, f"documents/{file_id}")
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": size, "file_path": path}

    def get_my_commands(self, *, scope: dict | None = None, language_code: str = ""):
        return self.menus.get((json.dumps(scope, sort_keys=True), language_code), [])

    def set_my_commands(self, *, commands: list, scope: dict | None = None, language_code: str = ""):
        if len(commands) > 100 or not all(re.fullmatch(r"[a-z0-9_]{1,32}", row["command"]) for row in commands):
            raise Refused(400, "Bad Request: BOT_COMMAND_INVALID")
        self.menus[json.dumps(scope, sort_keys=True), language_code] = commands
        return True

    def leave_chat(self, *, chat_id: int):
        self.left.append(self._chat(chat_id)["id"])
        return True

    def set_webhook(self, *, url: str, max_connections: int = 40, allowed_updates: list = (), secret_token: str = ""):
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret_token):
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        self.webhook = (url, secret_token)
        threading.Thread(target=self._deliver, args=(self.webhook,), daemon=True).start()
        return True

    def delete_webhook(self, *, drop_pending_updates: bool = False):
        self.webhook = None
        self.news.notify_all()
        return True

    # Inside.

    def call(self, token, name, given):
        """Does what a request asks for; the result. Raises Refused or Dropped."""
        if token != self.token:
            raise Refused(401, "Unauthorized")
        with self.news:
            if self.down:
                raise Refused(502, "Bad Gateway")
            method = getattr(self, re.sub(r"(?=[A-Z])", "_", name).lower(), None)
            if method is None or name not in METHODS:
                self.violations.append(f"unknown call {name}")
                raise Refused(404, "Not Found")
            parameters = self._parameters(name, method, given)
            self.calls.append((name, parameters))
            fault = self._fault(name, parameters)
            if fault and fault.drop == "before":
                raise Dropped
            if fault and not fault.drop:
                extra = {"retry_after": fault.retry_after} if fault.retry_after else {}
                raise Refused(fault.code, fault.text, **extra)
            if name in PACED:
                self._check_flood(parameters["chat_id"])
            try:
                result = method(**parameters)
            except Refused as refused:
                if refused.text.startswith("Bad Request: unknown"):
                    self.violations.append(f"{name}: {refused.text}")
                raise
            if fault:
                raise Dropped
            return json.loads(json.dumps(result))

    def _parameters(self, name, method, given):
        known = inspect.signature(method).parameters
        if strange := set(given) - set(known):
            self.violations.append(f"{name} with {sorted(strange)}")
            raise Refused(400, f"Bad Request: unknown parameters {sorted(strange)}")
        missing = [key for key, known_one in known.items() if known_one.default is known_one.empty and key not in given]
        if missing:
            raise Refused(400, f"Bad Request: {missing[0]} is missing")
        return {key: _typed(value, known[key].annotation) for key, value in given.items()}

    def _fault(self, name, parameters):
        for fault in self.faults:
            if fault.method == name and fault.times > 0 and fault.contains in str(parameters):
                fault.times -= 1
                return fault
        return None

    def _check_flood(self, chat_id):
        group = chat_id < 0
        bucket = self._buckets.setdefault(chat_id, Bucket(20, 3.0) if group else Bucket(8, 1.0))
        if self._flood and (wait := bucket.take()):
            self.floods.append(chat_id)
            raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)

    def _message(self, chat, sender, thread=None):
        number = next(self._numbers[chat["id"]])
        message = {"message_id": number, "date": int(time.time()), "chat": chat, "from": sender}
        if thread is not None:
            message |= {"message_thread_id": thread, "is_topic_message": True}
        self.messages[chat["id"], number] = message
        return message

    def _membership(self, chat, user, before, after):
        old, new = ({"user": BOT, "status": status} for status in (before, after))
        change = {"chat": chat, "from": user, "date": int(time.time()), "old_chat_member": old, "new_chat_member": new}
        self._push("my_chat_member", change)

    def _push(self, kind, content):
        content = json.loads(json.dumps(content))
        self.pending.append({"update_id": next(self._updates), kind: content})
        self.news.notify_all()

    def _chat(self, chat_id):
        if chat_id not in self.chats:
            raise Refused(400, "Bad Request: chat not found")
        return self.chats[chat_id]

    def _reachable(self, chat_id):
        chat = self._chat(chat_id)
        if chat_id in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        if "moved_to" in chat:
            raise Refused(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat["moved_to"]
            )
        return chat

    _writable = _reachable

    def _deliver(self, webhook):
        """Brings updates to a webhook, one after the other, each until it is taken."""
        url, secret = webhook
        while self.webhook == webhook:
            with self.news:
                if not self.pending:
                    self.news.wait(0.2)
                    continue
                update = self.pending[0]
            head = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret}
            request = urllib.request.Request(url, json.dumps(update).encode(), head)
            try:
                with _without_proxy.open(request, timeout=5):
                    pass
            except OSError:
                time.sleep(0.05)
                continue
            with self.lock, suppress(ValueError):
                self.pending.remove(update)


METHODS = {
    "".join(part.capitalize() if index else part for index, part in enumerate(name.split("_")))
    for name, method in vars(BotApi).items()
    if "_" in name and name.partition("_")[0] in {"get", "send", "edit", "delete", "answer", "set", "leave"}
}
PACED = {"sendMessage", "editMessageText", "sendDocument"}
_without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def serve(api, *, last=True):
    """The server's address while it runs; `last`: polls that are still open end with it."""

    class Requests(_Requests):
        state = api

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        if last:
            with api.news:
                api.webhook, api.down = None, True
                api.news.notify_all()
        server.shutdown()
        server.server_close()
        thread.join()


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: BotApi

    def handle(self):
        """Requests of one connection, until it is closed, however that happens."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self):
        """A download."""
        prefix = f"/file/bot{self.state.token}/documents/"
        content = self.state.files.get(self.path.removeprefix(prefix)) if self.path.startswith(prefix) else None
        fault = self.state._fault("download", {"path": self.path})
        if fault:
            # More is promised than comes.
            self._reply(200, (content or b"")[: len(content or b"") // 2], length=len(content or b""))
            self.close_connection = True
        elif content is None:
            self._reply(404, b"Not Found")
        else:
            self._reply(200, content)

    def do_POST(self):
        """A call."""
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        if len(body) < size:  # whoever called died in the middle of it
            self.close_connection = True
            return
        token, _, name = self.path.removeprefix("/bot").partition("/")
        try:
            answer, code = {"ok": True, "result": self.state.call(token, name, _form(self.headers, body))}, 200
        except Refused as refused:
            code = refused.code
            answer = {"ok": False, "error_code": code, "description": refused.text}
            if refused.parameters:
                answer["parameters"] = refused.parameters
        except Dropped:
            self.close_connection = True
            return
        self._reply(code, json.dumps(answer).encode())

    def log_message(self, *_):
        """Not on the terminal."""

    def _reply(self, code, content, length=None):
        with suppress(ConnectionError):
            self.send_response(code)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.end_headers()
            self.wfile.write(content)


def _form(headers, body):
    """The parameters of a request; of a file its name and its bytes."""
    kind = headers.get("Content-Type", "")
    if kind.startswith("multipart/"):
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts()
        return {
            part.get_param("name", header="content-disposition"): (part.get_filename(), part.get_payload(decode=True))
            if part.get_filename()
            else part.get_payload(decode=True).decode()
            for part in parts
        }
    return dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))


def _typed(value, annotation):
    """A form value as the type that the parameter has."""
    kinds = getattr(annotation, "__args__", (annotation,))
    if bytes in kinds:
        return value
    if int in kinds:
        return int(value)
    if str in kinds:
        return value
    return json.loads(value)


def _checked(text, entities):
    """The text, if it can be sent."""
    if not text.strip():
        raise Refused(400, "Bad Request: message text is empty")
    if len(text) > 4096:
        raise Refused(400, "Bad Request: message is too long")
    units = len(text.encode("utf-16-le")) // 2
    for entity in entities:
        _known(entity, {"type", "offset", "length", "url", "language"})
        if entity["length"] < 1 or entity["offset"] < 0 or entity["offset"] + entity["length"] > units:
            raise Refused(400, "Bad Request: can't parse entities: out of range")
    return text


def _markup(markup):
    if markup is None:
        return {}
    _known(markup, {"inline_keyboard"})
    for button in itertools.chain(*markup["inline_keyboard"]):
        _known(button, {"text", "callback_data"})
        if not 1 <= len(button["callback_data"].encode()) <= 64:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    return {"reply_markup": markup}


def _known(value, fields):
    if strange := set(value or ()) - fields:
        raise Refused(400, f"Bad Request: unknown fields {sorted(strange)}")


def _entities(text):
    """What clients mark by themselves: mentions, commands."""
    kinds = {"@": "mention", "/": "bot_command"}
    return [
        {
            "type": kinds[match.group()[0]],
            "offset": len(text[: match.start()].encode("utf-16-le")) // 2,
            "length": len(match.group()),
        }
        for match in re.finditer(r"(?<!\S)[@/]\w+(@\w+)?", text)
    ]
