"""`inglenook people`: who may talk with the assistant. Works while it runs, and while it does not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.table import Table

from bot.access import Role
from bot.cli.invocation import Invocation
from bot.cli.output import console, fail, print_json, run
from bot.clock import SystemClock
from bot.config import Settings
from bot.people import People, identity_of
from bot.store import Code, Group, KnownPerson, Store, open_store
from bot.texts import say

app = typer.Typer(help="The people: who may talk with the assistant, and who asks to.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
CodeArgument = Annotated[str, typer.Argument(metavar="CODE")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="Like telegram/123456.")]
Admin = Annotated[bool, typer.Option("--admin", help="As an admin, who decides about others.")]


@app.command("list")
def list_people(ctx: typer.Context, as_json: Json = False) -> None:
    """Show everybody who is known, the groups, and the codes that wait."""

    async def work(settings: Settings) -> tuple[list[KnownPerson], list[Group], list[Code]]:
        async with _people(settings) as (people, _):
            return await people.all(), await people.groups(), await people.codes()

    known, groups, codes = run(work(_settings(ctx)))
    if as_json:
        for row in (*known, *groups, *codes):
            print_json(row)
        return
    table = Table("id", "name", "role", box=None)
    for person in known:
        table.add_row(", ".join(person.identities), person.name, person.role)
    for group in groups:
        table.add_row(str(group.chat), group.title, f"group, {group.state}")
    for code in codes:
        table.add_row(code.code, code.name, f"{code.purpose}, until {code.expires_at.astimezone():%H:%M}")
    console.print(table)


@app.command()
def approve(ctx: typer.Context, code: CodeArgument) -> None:
    """Let in the person or the group that got this code."""

    async def work(settings: Settings) -> Code | None:
        async with _people(settings) as (people, store):
            approved = await people.approve(code)
            if approved is not None and approved.chat is not None:
                said = "group.opened" if approved.purpose == "group" else "access.welcome"
                # The running assistant sends it within its next round, a stopped one after its start.
                await store.outbox.add(approved.chat, (say(said, settings.language, name=approved.name),))
            return approved

    _print_outcome(run(work(_settings(ctx))), "is let in")


@app.command()
def deny(ctx: typer.Context, code: CodeArgument) -> None:
    """Drop a code without letting anybody in."""

    async def work(settings: Settings) -> Code | None:
        async with _people(settings) as (people, _):
            return await people.deny(code)

    _print_outcome(run(work(_settings(ctx))), "is not let in")


@app.command()
def invite(ctx: typer.Context, admin: Admin = False) -> None:
    """Make a code that lets in whoever sends `/start CODE` first."""

    async def work(settings: Settings) -> str:
        async with _people(settings) as (people, _):
            return await people.invite(Role.ADMIN if admin else Role.USER)

    console.print(run(work(_settings(ctx))), markup=False)


@app.command()
def allow(ctx: typer.Context, identity: Identity, admin: Admin = False) -> None:
    """Let a person in without a code, or lift their ban."""

    async def work(settings: Settings) -> None:
        async with _people(settings) as (people, _):
            await people.allow(_canonical(identity), Role.ADMIN if admin else Role.USER)

    run(work(_settings(ctx)))


@app.command()
def ban(ctx: typer.Context, identity: Identity) -> None:
    """Shut a person out, without a word to them."""

    async def work(settings: Settings) -> None:
        async with _people(settings) as (people, _):
            await people.ban(_canonical(identity))

    run(work(_settings(ctx)))


@asynccontextmanager
async def _people(settings: Settings) -> AsyncIterator[tuple[People, Store]]:
    """SQLite lets a second process in, and the assistant reads people anew for each message: no lock is needed."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with open_store(settings.data_dir / "inglenook.db") as store:
        yield People(settings.access, store.people, SystemClock()), store


def _canonical(identity: str) -> str:
    if "/" not in identity:
        fail(f"{identity} names no platform. Write it like telegram/{identity}.")
    return identity_of(identity, "")


def _print_outcome(code: Code | None, outcome: str) -> None:
    if code is None:
        fail("No such code waits: it was used, or it has expired.")
    console.print(f"{code.name or code.code} {outcome}.", markup=False)


def _settings(ctx: typer.Context) -> Settings:
    invocation: Invocation = ctx.obj
    return invocation.settings()
