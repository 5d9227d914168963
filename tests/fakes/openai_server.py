"""An OpenAI-compatible server over any Generator, with the extras of llama-server."""

import asyncio
import itertools
import json
from contextlib import aclosing, suppress

from engines.llm.request import ChatMessage, Finished, GenerationRequest, Prefilling, SamplingParams, TextDelta
from tests.fakes.http_server import HttpRequest, Reply


class OpenAiServer:
    """Answers requests; a handler for `serve`. `requests` has the bodies of all chats."""

    def __init__(self, generator) -> None:
        self.requests: list[dict] = []
        self._generator = generator
        self._sessions = itertools.count()

    async def __call__(self, request: HttpRequest, reply: Reply) -> None:
        routes = {
            "/v1/models": self._models,
            "/apply-template": self._template,
            "/tokenize": self._tokenize,
            "/v1/chat/completions": self._chat,
        }
        if request.path in routes:
            await routes[request.path](request.body, reply)
        else:
            await reply.json({"error": {"code": 404, "message": "File Not Found"}}, 404)

    async def _models(self, _body, reply):
        await reply.json({"data": [{"id": "a-model", "meta": {"n_ctx": self._generator.context_tokens}}]})

    async def _template(self, body, reply):
        await reply.json({"prompt": json.dumps(body["messages"])})

    async def _tokenize(self, body, reply):
        count = await self._generator.count_tokens(_messages(json.loads(body["content"])))
        await reply.json({"tokens": [0] * count})

    async def _chat(self, body, reply):
        self.requests.append(body)
        answering = asyncio.create_task(self._answer(body, reply))
        leaving = asyncio.create_task(reply.gone.wait())
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (answering, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _answer(self, body, reply):
        sampling = SamplingParams(
            temperature=body["temperature"], max_tokens=body["max_tokens"], stop=tuple(body.get("stop", ()))
        )
        session_id = f"visit {next(self._sessions)}"
        request = GenerationRequest(session_id=session_id, messages=_messages(body["messages"]), sampling=sampling)
        async with aclosing(self._generator.stream(request)) as events:
            await reply.start()
            async for event in events:
                await self._send(event, reply)
        await self._generator.forget(session_id)

    async def _send(self, event, reply):
        match event:
            case TextDelta(text):
                await reply.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
            case Prefilling(done, total, _):
                progress = {"total": total, "cache": 0, "processed": done, "time_ms": 1.0}
                await reply.event({"choices": [], "prompt_progress": progress})
            case Finished():
                await reply.event({"choices": [{"index": 0, "delta": {}, "finish_reason": event.reason.value}]})
                usage = {"prompt_tokens": event.usage.prompt_tokens, "completion_tokens": event.usage.completion_tokens}
                details = {"prompt_tokens_details": {"cached_tokens": event.usage.reused_tokens}}
                await reply.event({"choices": [], "usage": usage | details})
                await reply.send(b"data: [DONE]\n\n")


def _messages(listed):
    return tuple(ChatMessage(message["role"], message["content"]) for message in listed)
