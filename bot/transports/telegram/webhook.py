"""Updates that Telegram brings itself: an HTTP server behind the operator's reverse proxy."""

import hashlib
import hmac
import json
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from bot.errors import StoreError
from bot.ports import Handler
from bot.transports.telegram.inbound import Account
from bot.transports.telegram.polling import read_all

log = structlog.get_logger()

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
MAX_BYTES = 1_000_000
"""Of one update: far more than the longest message."""


def secret_of(token: str) -> str:
    """What Telegram has to show with every update.

    Derived from the token, so that it is as secret, changes with it, and nobody has to keep a second one.
    """
    return hmac.new(token.encode(), b"inglenook webhook", hashlib.sha256).hexdigest()


def receiver(url: str, secret: str, handler: Handler, account: Account) -> web.Application:
    """A web application that stores what comes before it answers 200."""

    async def receive(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), secret.encode()):
            log.warning("webhook called with a wrong secret")
            return web.Response(status=403)
        try:
            update = json.loads(await request.read())
            upcoming = str(update["update_id"] + 1)
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400)
        try:
            await handler(*read_all([update], account), cursor=upcoming)
        except StoreError as error:
            log.error("update not stored", error=str(error))  # noqa: TRY400 - the sentence says it
            return web.Response(status=503)  # it comes again
        return web.Response()

    app = web.Application(client_max_size=MAX_BYTES)
    app.router.add_post(urlsplit(url).path or "/", receive)
    return app
