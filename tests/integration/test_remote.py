"""A model behind HTTP: real sockets, and a server that misbehaves in every way it can."""

import asyncio
import shutil
import ssl
import subprocess
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest

from engines.errors import ContextTooLong, EngineError, EngineFailed, EngineOverloaded, EngineRefused, EngineUnreachable
from engines.llm.request import ChatMessage, Finished, FinishReason, GenerationRequest, SamplingParams, TextDelta
from engines.remote import RemoteConfig, open_remote_generator
from engines.remote.client import _translated
from tests.fakes.http_server import serve

pytestmark = pytest.mark.integration

MODELS = {"data": [{"id": "first", "meta": {"n_ctx": 1000}}, {"id": "second", "max_model_len": 2000}]}
WORD = {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
DONE = b"data: [DONE]\n\n"


class Server:
    """Lists two models; chats and everything else are scripted."""

    def __init__(self, chat=None, **routes):
        self.routes = {"/v1/models": said(MODELS), "/v1/chat/completions": chat} | routes
        self.requests = []

    async def __call__(self, request, reply):
        self.requests.append(request)
        route = self.routes.get(request.path) or said({"error": "not here"}, 404)
        await route(request, reply)

    @property
    def paths(self):
        return [request.path for request in self.requests]


def said(value, status=200):
    async def answer(request, reply):
        await reply.json(value, status)

    return answer


def written(content, status=200, content_type="text/event-stream"):
    async def answer(request, reply):
        await reply.start(status, content_type)
        for byte in content:
            await reply.send(bytes([byte]))

    return answer


@asynccontextmanager
async def talking_to(server, api_key=None, **settings):
    async with (
        serve(server) as url,
        open_remote_generator(RemoteConfig(**({"url": url} | settings)), api_key) as generator,
    ):
        yield generator


def asked(text="Hello", max_tokens=100, **settings):
    sampling = SamplingParams(max_tokens=max_tokens)
    return GenerationRequest(session_id="chat", messages=(ChatMessage("user", text),), sampling=sampling, **settings)


async def heard(generator, request=None):
    events = [event async for event in generator.stream(request or asked())]
    return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1]


async def test_characters_that_arrive_byte_by_byte_are_whole():
    """Neither UTF-8 nor the lines of the stream depend on the network's packets."""
    content = 'data: {"choices": [{"delta": {"content": "Grüße 你好 🌍\u2028"}}]}\r\n\r\n'.encode()
    content += b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n' + DONE
    async with talking_to(Server(written(content))) as generator:
        text, finished = await heard(generator)

    assert text == "Grüße 你好 🌍\u2028"
    assert finished.reason is FinishReason.STOP


async def test_an_end_without_its_mark_is_an_end():
    """The reason counts; some servers close without [DONE]."""

    async def chat(request, reply):
        await reply.start()
        await reply.event(WORD)
        await reply.event(END)

    async with talking_to(Server(chat)) as generator:
        text, finished = await heard(generator)

    assert (text, finished.reason) == ("word ", FinishReason.STOP)


async def test_a_server_that_dies_in_the_middle():
    """The words so far stay, and the end says what happened."""

    async def chat(request, reply):
        await reply.start(200, "text/event-stream", "Transfer-Encoding: chunked")
        await reply.send(b"1000\r\n")
        await reply.event(WORD)
        await asyncio.sleep(0.05)
        reply.writer.transport.abort()

    async with talking_to(Server(chat)) as generator:
        text, finished = await heard(generator)

    assert text == "word "
    assert (finished.reason, finished.error_code) == (FinishReason.FAILED, "engine.cut_off")
    assert EngineFailed(finished.error_code, detail="").sentence


@pytest.mark.parametrize(
    "rest",
    [b"", b'data: {"error": {"code": 500, "message": "out of memory"}}\n\n', b"data: {broken\n\n", b"data: 7\n\n"],
    ids=["the connection's end", "an error", "no JSON", "no chunk"],
)
async def test_an_answer_that_breaks_off(rest):
    """After the first words every fault is an end; before them it is an error."""
    word = b'data: {"choices": [{"delta": {"content": "word"}}]}\n\n'
    async with talking_to(Server(written(word + rest))) as generator:
        text, finished = await heard(generator)
    assert (text, finished.error_code) == ("word", "engine.cut_off")

    async with talking_to(Server(written(rest))) as generator:
        with pytest.raises(EngineRefused):
            await heard(generator)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "detail"),
    [
        (400, b'{"error": {"message": "bad grammar"}}', EngineRefused, "engine.refused", "bad grammar"),
        (404, b'{"error": "model not found"}', EngineRefused, "engine.refused", "model not found"),
        (500, b"<html>\n<h1>Internal Error</h1>", EngineRefused, "engine.refused", "<html> <h1>Internal Error</h1>"),
        (500, b"", EngineRefused, "engine.refused", "no reason"),
        (500, b"\xff" * 100_000, EngineRefused, "engine.refused", "\ufffd"),
        (302, b"", EngineRefused, "engine.refused", "302"),
        (401, b'{"error": {"message": "wrong key sk-1234"}}', EngineRefused, "engine.unauthorized", "API key"),
        (403, b"", EngineRefused, "engine.unauthorized", "API key"),
        (429, b'{"error": {"message": "slow down"}}', EngineOverloaded, "engine.busy", "slow down"),
        (503, b'{"error": {"message": "Loading model"}}', EngineOverloaded, "engine.busy", "Loading model"),
        (
            400,
            b'{"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 900, "n_ctx": 512}}',
            ContextTooLong,
            "engine.context_too_long",
            "900 tokens, 512 fit",
        ),
    ],
)
async def test_refusals(status, body, kind, code, detail):
    """The server's own sentence, in one line and bounded; keys it may quote are not repeated."""
    async with talking_to(Server(written(body, status, "text/html"))) as generator:
        with pytest.raises(kind) as raised:
            await heard(generator)

    assert raised.value.code == code
    assert detail in raised.value.sentence
    assert "sk-1234" not in raised.value.sentence
    assert len(raised.value.sentence) < 500


async def test_a_web_page_is_no_answer():
    """A wrong address, found out in words."""
    async with talking_to(Server(written(b"<html>", 200, "text/html"))) as generator:
        with pytest.raises(EngineRefused, match=r"not answer like an OpenAI-compatible server: .*text/html"):
            await heard(generator)


async def test_nobody_there():
    """Opening is possible, asking says where nobody is; later somebody is."""
    async with serve(Server()) as url:
        pass
    async with open_remote_generator(RemoteConfig(url=url, context_tokens=100)) as generator:
        assert generator.context_tokens == 100
        for question in (generator.ping(), heard(generator), generator.count_tokens(asked().messages)):
            with pytest.raises(EngineUnreachable, match=url):
                await question


@pytest.mark.parametrize("url", ["nas:8080", "ftp://nas", "http://", "http://nas:port"])
async def test_an_address_that_cannot_work(url):
    """Said when it is opened."""
    with pytest.raises(EngineUnreachable):
        async with open_remote_generator(RemoteConfig(url=url)):
            pass


async def test_a_silent_server_is_given_up():
    """Before the first word and between words."""

    async def chat(request, reply):
        if request.body["messages"][0]["content"] == "begin":
            await reply.start()
            await reply.event(WORD)
        await reply.gone.wait()

    async with talking_to(Server(chat), read_seconds=0.2) as generator:
        with pytest.raises(EngineUnreachable, match="no answer in time"):
            await heard(generator)
        text, finished = await heard(generator, asked("begin"))

    assert (text, finished.error_code) == ("word ", "engine.cut_off")


async def test_the_deadline_ends_an_answer():
    """Whatever the server does, and the connection with it."""
    gone = asyncio.Event()

    async def chat(request, reply):
        await reply.start()
        await reply.event(WORD)
        await reply.gone.wait()
        gone.set()

    async with talking_to(Server(chat)) as generator:
        text, finished = await heard(generator, asked(deadline_seconds=0.2))
        await asyncio.wait_for(gone.wait(), 5)

    assert (text, finished.error_code) == ("word ", "engine.timeout")


@pytest.mark.parametrize("begun", [True, False], ids=["while it talks", "before the first word"])
async def test_cancelling_closes_the_connection(begun):
    """The server learns at once that nobody listens, in either phase."""
    there, gone = asyncio.Event(), asyncio.Event()

    async def chat(request, reply):
        if begun:
            await reply.start()
            await reply.event(WORD)
        there.set()
        await reply.gone.wait()
        gone.set()

    async with talking_to(Server(chat)) as generator:
        reading = asyncio.create_task(heard(generator))
        await there.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(gone.wait(), 5)


async def test_closing_the_stream_closes_the_connection():
    """As cancelling does, from the reader's own hand."""
    gone = asyncio.Event()

    async def chat(request, reply):
        await reply.start()
        try:
            while not reply.gone.is_set():
                await reply.event(WORD)
                await asyncio.sleep(0)
        finally:
            gone.set()

    async with talking_to(Server(chat)) as generator:
        async with aclosing(generator.stream(asked())) as events:
            await anext(events)
        await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize(
    ("settings", "model", "context_tokens"),
    [
        ({}, "first", 1000),
        ({"model": "second"}, "second", 2000),
        ({"model": "unlisted"}, "unlisted", 1000),
        ({"context_tokens": 300}, "first", 300),
    ],
)
async def test_what_the_server_tells_of_itself(settings, model, context_tokens):
    """The model is the named one or the first; its context is what was configured or listed."""
    server = Server(written(DONE))
    async with talking_to(server, **settings) as generator:
        await heard(generator)

        assert server.requests[-1].body["model"] == model
        assert generator.context_tokens == context_tokens


@pytest.mark.parametrize(
    ("props", "context_tokens"), [({"default_generation_settings": {"n_ctx": 777}}, 777), ({}, 4096), (None, 4096)]
)
async def test_the_context_of_an_older_llama_server(props, context_tokens):
    """It stands in /props; a server without either is given the usual length."""
    routes = {"/v1/models": said({"data": [{"id": "m"}]})} | ({"/props": said(props)} if props is not None else {})
    async with talking_to(Server(**routes)) as generator:
        assert generator.context_tokens == context_tokens


async def test_counting_in_the_ways_of_the_servers():
    """llama-server in two steps, vLLM in one, others by an estimate; what is not there is asked for only once."""
    messages = asked("Hello").messages
    llama = Server(**{"/apply-template": said({"prompt": "<hello>"}), "/tokenize": said({"tokens": [1, 2, 3]})})
    async with talking_to(llama) as generator:
        assert await generator.count_tokens(messages) == 3
    assert llama.requests[-1].body == {"content": "<hello>", "add_special": True, "parse_special": True}

    vllm = Server(**{"/tokenize": said({"count": 2, "tokens": [1, 2]})})
    async with talking_to(vllm) as generator:
        assert [await generator.count_tokens(messages) for _ in range(3)] == [2, 2, 2]
    assert vllm.paths.count("/apply-template") == 1
    assert vllm.requests[-1].body["messages"] == [{"role": "user", "content": "Hello"}]

    other = Server()
    async with talking_to(other) as generator:
        assert [await generator.count_tokens(messages) for _ in range(3)] == [12, 12, 12]
    assert (other.paths.count("/apply-template"), other.paths.count("/tokenize")) == (1, 1)


async def test_an_answer_gets_the_room_that_there_is():
    """Near the end of the context the prompt is counted; what cannot fit is refused before it is sent."""
    server = Server(written(DONE), **{"/apply-template": said({"prompt": ""})})
    server.routes["/tokenize"] = said({"tokens": [0] * 990})
    long = asked("x" * 900, max_tokens=200)
    async with talking_to(server) as generator:
        await heard(generator, long)
        assert server.requests[-1].body["max_tokens"] == 10

        server.routes["/tokenize"] = said({"tokens": [0] * 1000})
        with pytest.raises(ContextTooLong, match="1000 tokens, 999 fit"):
            await heard(generator, long)
        assert server.paths[-1] == "/tokenize"


async def test_the_key_travels_and_is_not_shown():
    """In the header of every request, and in no sentence."""
    server = Server(said({}, 401))
    async with talking_to(server, "sk-secret") as generator:
        with pytest.raises(EngineRefused) as raised:
            await heard(generator)

    assert {request.headers["authorization"] for request in server.requests} == {"Bearer sk-secret"}
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_the_address_in_all_its_forms(path):
    """With or without /v1, with or without the last slash."""
    server = Server(written(DONE))
    async with serve(server) as url, open_remote_generator(RemoteConfig(url=url + path)) as generator:
        await heard(generator)

    assert server.paths == ["/v1/models", "/v1/chat/completions"]


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    """What people say goes to the configured address and nowhere else."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with talking_to(Server(written(DONE))) as generator:
        assert (await heard(generator))[1].reason is FinishReason.STOP


@pytest.mark.parametrize("error", [error for error in vars(httpx).values() if isinstance(error, type)], ids=str)
def test_every_exception_of_httpx_is_ours(error):
    """Whatever httpx raises for a request that was made properly arrives as an EngineError."""
    misuse = (httpx.StreamError, httpx.CookieConflict, httpx.HTTPStatusError)
    if not issubclass(error, Exception) or issubclass(error, misuse):
        return
    with pytest.raises(EngineError), _translated("http://nas"):
        raise error("broken")


@pytest.fixture
def certificate(tmp_path):
    """One's own authority and its certificate for this machine, in one file."""
    if not shutil.which("openssl"):
        pytest.fail("the openssl program is needed")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *names]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


async def test_a_certificate_of_ones_own(certificate):
    """Trusted when it is named; refused when it is not."""
    ca_file, context = certificate
    async with serve(Server(written(DONE)), context) as url:
        assert url.startswith("https://")
        async with open_remote_generator(RemoteConfig(url=url, ca_file=ca_file)) as generator:
            assert isinstance((await heard(generator))[1], Finished)
        async with open_remote_generator(RemoteConfig(url=url)) as generator:
            with pytest.raises(EngineUnreachable, match="certificate"):
                await heard(generator)
    with pytest.raises(EngineUnreachable):
        async with open_remote_generator(RemoteConfig(url=url, ca_file=ca_file.parent / "missing.pem")):
            pass
