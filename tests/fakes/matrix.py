"""The test's end of `matrix_person.py`: a person with an encrypting client in a process of their own."""

import asyncio
import json
from pathlib import Path

from tests.fakes.synapse import ENVIRONMENT

_SCRIPT = Path(__file__).parent / "matrix_person.py"


class Person:
    """Somebody with a Matrix client; `await person.do("send", room=..., content=...)` is one call of the script."""

    def __init__(self, synapse, name):
        self.user_id = synapse.register(name)
        self._address = synapse.address
        self._process = None

    async def login(self, **options):
        """On a device of its own; again for another device."""
        await self.close()
        self._process = await asyncio.create_subprocess_exec(
            ENVIRONMENT, _SCRIPT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24
        )
        await self.do("login", homeserver=self._address, user_id=self.user_id, password="secret", **options)
        return self

    async def do(self, call, **arguments):
        self._process.stdin.write(json.dumps({"do": call} | arguments).encode() + b"\n")
        await self._process.stdin.drain()
        answer = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 60))
        if "error" in answer:
            raise RuntimeError(f"{call}: {answer['error']}")
        return answer["result"]

    async def close(self):
        if self._process:
            self._process.stdin.close()
            await self._process.wait()
            self._process = None

    async def room_with(self, *others, **options):
        """A new room with these people in it; returns when they have joined."""
        room = await self.do("create_room", invite=list(others), **options)
        await self.until(lambda: self._all_in(room, others), "nobody joined")
        return room

    async def say(self, room, text, **more):
        return await self.do("send", room=room, content={"msgtype": "m.text", "body": text} | more)

    async def edit(self, room, event_id, text):
        new = {"msgtype": "m.text", "body": text}
        relation = {"rel_type": "m.replace", "event_id": event_id}
        return await self.say(room, f"* {text}", **{"m.new_content": new, "m.relates_to": relation})

    async def answers(self, room, count=1, body=None):
        """The messages of others in the room, once there are so many, the last one with this text if any is given."""

        async def enough():
            found = await self.do("read", room=room)
            texts = [message["content"].get("body") for message in found]
            return found if len(found) >= count and (body is None or body == texts[-1]) else None

        return await self.until(enough, f"not {count} message(s) ending with {body!r}")

    async def until(self, found, complaint, seconds=180):
        """Waits until the coroutine function finds something; what it found."""
        for _ in range(seconds * 10):
            if result := await found():
                return result
            await asyncio.sleep(0.1)
        raise AssertionError(complaint)

    async def _all_in(self, room, others):
        return set(others) <= set(await self.do("members", room=room))
