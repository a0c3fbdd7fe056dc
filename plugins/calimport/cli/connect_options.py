"""What every ``calimport connect`` has in common: where the connection goes, and that it is tried before."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TypeVar

import click
import httpx

from calimport import connecting
from calimport.connections import AirflowConnection
from calimport.fetching import Http
from calimport.settings import Settings
from calimport.sources.base import FetchRequest
from calimport.windows import WindowRequest

_T = TypeVar("_T")


def where(default: str | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of every kind: where the connection goes."""

    def add(function: Callable[..., None]) -> Callable[..., None]:
        shown = f"Default: {default}." if default else "Default: google_ and the user."
        for option in (
            click.option(
                "--print", "is_printed", is_flag=True, help="Print it, with its secret, instead of storing it."
            ),
            click.option("--replace", is_flag=True, help="Replace a connection of this id."),
            click.option("--connection", "name", default=default, metavar="ID", help=f"Id of the connection. {shown}"),
        ):
            function = option(function)
        return click.pass_obj(function)

    return add


def check_room(name: str, *, replace: bool, is_printed: bool) -> None:
    connecting.check_id(name)
    if not is_printed:
        connecting.check_room(name, replace=replace)


def keep(name: str, connection: AirflowConnection, *, replace: bool, is_printed: bool) -> None:
    if is_printed:
        click.echo(connecting.environment_line(name, connection))
        return
    connecting.store(name, connection, replace=replace)
    tell(f"It works, and is stored as the Airflow connection {name}. Calendars name it with --connection {name}.")


def tell(text: str) -> None:
    """On the standard error: the standard output is for what --print prints."""
    click.echo(text, err=True)


def request_of(name: str, source: str | None = None) -> FetchRequest:
    return FetchRequest(source, name, timezone=None, window=WindowRequest(as_of=datetime.now(UTC)))


def tried(
    ask: Callable[[Http], Awaitable[_T]],
    name: str,
    connection: AirflowConnection,
    transport: httpx.AsyncBaseTransport | None,
) -> _T:
    async def run() -> _T:
        async with Http(Settings.from_environment(), transport) as http:
            return await ask(http)

    # Airflow writes its log to the standard output, which is for what --print prints.
    with connecting.trial(name, connection), redirect_stdout(sys.stderr):
        return asyncio.run(run())
