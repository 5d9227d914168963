"""The project's own stand-in of the Bot API, in this process, from the user's side."""

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.telegram.user_side import REASONS, Event, Message, Sent, mime_type
from tests.fakes.botapi import BOT, TOKEN, BotApi, Refused, serve

EVENTS = {
    "sendMessage": "message",
    "sendDocument": "message",
    "editMessageText": "edit",
    "deleteMessage": "delete",
    "sendChatAction": "action",
    "answerCallbackQuery": "callback_answer",
}
CALLBACK_SECONDS = 15.0


class WatchedApi(BotApi):
    """The stand-in, with a list of what happened and when."""

    def __init__(self):
        super().__init__()
        self.log: list[Event] = []
        self.refused: list[tuple[str, int, str]] = []
        self.waiting = 0
        self.pressed_at: dict[str, tuple[float, int]] = {}

    def call(self, token, name, given):
        """The call, with a line in the list."""
        try:
            result = super().call(token, name, given)
        except Refused as refused:
            self.refused.append((name, refused.code, refused.text))
            raise
        if name in EVENTS:
            self._note(name, given, result)
        return result

    @functools.wraps(BotApi.get_updates)
    def get_updates(self, **given):
        """Counts who waits."""
        self.waiting += 1
        try:
            return super().get_updates(**given)
        finally:
            self.waiting -= 1

    def happened(self, kind, chat_id, message=None, text=""):
        """One more line; its number."""
        with self.lock:
            self.log.append(
                Event(seq=len(self.log) + 1, at=time.time(), kind=kind, chat=chat_id, message=message, text=text)
            )
            return len(self.log)

    def _note(self, name, given, result):
        if name == "answerCallbackQuery":
            chat_id = self.pressed_at[given["callback_query_id"]][1]
        else:
            chat_id = int(given["chat_id"])
        message = Message.of(result) if isinstance(result, dict) else None
        self.happened(EVENTS[name], chat_id, message, given.get("text", ""))


@contextmanager
def own_server() -> Iterator["OwnServer"]:
    """The stand-in on a free port."""
    api = WatchedApi()
    with serve(api) as address:
        yield OwnServer(api, address)


class OwnServer:
    """Implements `UserSide` by calling the stand-in's own functions."""

    token = TOKEN
    username = BOT["username"]

    def __init__(self, api: WatchedApi, address: str):
        self._api = api
        self.address = address
        self._tolerated: list[str] = []

    def text(self, user, text, *, chat=None, reply_to=None, thread=None):
        return self._write(user, chat, reply_to, thread, text=text)

    def media(self, user, kind, files: list[Path], *, caption="", chat=None, reply_to=None, claimed_bytes=None):
        album = {"media_group_id": f"album-{time.monotonic_ns()}"} if len(files) > 1 else {}
        for number, path in enumerate(files):
            content = {kind: self._uploaded(kind, path, claimed_bytes), **album}
            if caption and number == 0:
                content["caption"] = caption
            sent = self._write(user, chat, reply_to, None, **content)
        return sent

    def location(self, user):
        return self._write(user, None, None, None, location={"latitude": 52.5, "longitude": 13.4})

    def edit(self, user, message_id, text):
        chat_id = self.user(user)
        with self._api.lock:
            after = self._api.happened("user_edit", chat_id, text=text)
            self._api.edit(self._api.messages[chat_id, message_id], text)
        return Sent(message_id, after)

    def press(self, user, data, *, message_id, chat=None):
        chat_id = chat or self.user(user)
        with self._api.lock:
            message = self._api.messages[chat_id, message_id]
            (label,) = (label for label, carried in Message.of(message).buttons.items() if carried == data)
            after = self._api.happened("tap", chat_id, text=label)
            press_id = self._api.press(label, user=user, chat=message["chat"])
            self._api.pressed_at[press_id] = (time.time(), chat_id)
        return Sent(message_id, after)

    def group(self, title, members, *, topics=()):
        with self._api.lock:
            chat = self._api.group(title, forum=bool(topics))
            for member in members:
                self._api.user(member)
            self._api.join(chat, members[0])
        return chat["id"], {name: 100 + number for number, name in enumerate(topics)}

    def block(self, user):
        self.tolerate(REASONS[403])
        self._api.block(user)

    def unblock(self, user):
        with self._api.lock:
            self._api.blocked.discard(self.user(user))

    def user(self, name, *, language=""):
        with self._api.lock:
            user = self._api.user(name)
            user["language_code"] = language or user["language_code"]
            self._api.private(name)
        return user["id"]

    def messages(self, chat):
        with self._api.lock:
            return [Message.of(raw) for raw in self._api.transcript({"id": chat})]

    def events(self, after=0):
        with self._api.lock:
            return self._api.log[after:]

    def file(self, file_id):
        return self._api.files[file_id]

    def menu(self, user, *, language="en"):
        private = '{"type": "all_private_chats"}'
        own = f'{{"chat_id": {self.user(user)}, "type": "chat"}}'
        for key in ((own, language), (own, ""), (private, language), (private, "")):
            if key in self._api.menus:
                return [row["command"] for row in self._api.menus[key]]
        return []

    def fault(self, method, *, times=1, code=None, retry_after=None, contains="", drop=False):
        if drop:
            self._api.fail(method, times=times, contains=contains, drop="before")
            return
        self.tolerate(REASONS[code])
        extra = {"retry_after": retry_after} if retry_after else {}
        self._api.fail(method, code, text=REASONS[code], times=times, contains=contains, **extra)

    def tolerate(self, words):
        self._tolerated.append(words)

    def polling(self):
        with self._api.lock:
            return self._api.waiting > 0 and not self._api.pending

    def report(self):
        """Violations, what was refused without a test having asked for it, and presses that nobody answered."""
        with self._api.lock:
            late = [
                press
                for press, (at, _) in self._api.pressed_at.items()
                if self._api.pressed[press] is None and time.time() - at > CALLBACK_SECONDS
            ]
            refused = [call for call in self._api.refused if not any(words in call[2] for words in self._tolerated)]
            return {"violations": list(self._api.violations), "refused": refused, "unanswered": late}

    def _write(self, user, chat, reply_to, thread, **content) -> Sent:
        chat_id = chat or self.user(user)
        with self._api.lock:
            answered = self._api.messages[chat_id, reply_to] if reply_to else None
            after = self._api.happened("user_message", chat_id, text=content.get("text", ""))
            message = self._api.write(
                user=user, chat=self._api.chats[chat_id], reply_to=answered, thread=thread, **content
            )
        return Sent(message["message_id"], after)

    def _uploaded(self, kind, path: Path, claimed_bytes):
        fields = {
            "voice": {"duration": 5, "mime_type": "audio/ogg"},
            "photo": {"width": 1280, "height": 960},
            "document": {"file_name": path.name, "mime_type": mime_type(path)},
            "sticker": {"width": 512, "height": 512, "type": "regular", "is_animated": False, "is_video": False},
        }[kind]
        if claimed_bytes:
            fields["file_size"] = claimed_bytes
        file = self._api.upload(path.read_bytes(), **fields)
        return [file] if kind == "photo" else file
