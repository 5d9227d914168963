"""Which Telegram the tests run against."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.telegram.own import own_server
from tests.e2e.telegram.strict import strict_server
from tests.e2e.telegram.user_side import UserSide


@contextmanager
def open_side() -> Iterator[UserSide]:
    """The project's own stand-in; with `BOTAPI=FOLDER` in the environment, the strict server of that folder.

    At the end nobody may have found fault with what the bot did.
    """
    folder = os.environ.get("BOTAPI")
    with strict_server(Path(folder).absolute()) if folder else own_server() as side:
        yield side
        report = side.report()
        assert not any(report.values()), report
