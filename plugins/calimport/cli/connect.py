"""``calimport connect``: a sign-in or a key, tried, and then stored as an Airflow connection."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import click
import httpx

from calimport import key_checks
from calimport.cli.connect_google import google
from calimport.cli.connect_options import check_room, keep, request_of, tried, where
from calimport.connections import AirflowConnection
from calimport.errors import CredentialsMissing


@click.group()
def connect() -> None:
    """Try a sign-in or a key, and store it as an Airflow connection if it works.

    Keys are read from a prompt that does not show them, or from the standard input, a line each; never from the command
    line, which other users of the machine can see.
    """


def _add(kind: str, summary: str, *options: Callable[[Any], Any]) -> None:
    """The command of a kind that has a key."""

    def command(
        transport: httpx.AsyncBaseTransport | None, name: str, replace: bool, is_printed: bool, **given: str | None
    ) -> None:
        check_room(name, replace=replace, is_printed=is_printed)
        source = given.pop("source", None)
        connection = _CONNECTIONS[kind](given)
        request = request_of(name, source)
        tried(lambda http: key_checks.check(kind, request, http), name, connection, transport)
        keep(name, connection, replace=replace, is_printed=is_printed)

    command.__doc__ = summary
    decorated: Callable[..., None] = where(kind)(command)
    for option in options:
        decorated = option(decorated)
    connect.command(kind)(decorated)


def _of_key(_: Mapping[str, str | None]) -> AirflowConnection:
    return AirflowConnection("http", password=_secret("API key"))


def _of_login(given: Mapping[str, str | None]) -> AirflowConnection:
    return AirflowConnection("http", login=given["login"] or "", password=_secret("Password"))


def _of_address(_: Mapping[str, str | None]) -> AirflowConnection:
    return AirflowConnection("http", extra={"url": _secret("Private address")})


def _of_application(given: Mapping[str, str | None]) -> AirflowConnection:
    secret = _secret("Secret of the application")
    return AirflowConnection(
        "http", login=given["application"] or "", password=secret, extra={"tenant": given["tenant"]}
    )


_CONNECTIONS: Final[dict[str, Callable[[Mapping[str, str | None]], AirflowConnection]]] = {
    "eventbrite": _of_key,
    "ticketsource": _of_key,
    "tickettailor": _of_key,
    "caldav": _of_login,
    "ics": _of_address,
    "microsoft": _of_application,
}

connect.add_command(google)
_add("eventbrite", "Store the private token of an Eventbrite account.")
_add("ticketsource", "Store the API key of a TicketSource account.")
_add("tickettailor", "Store the API key of a Ticket Tailor box office.")
_add("ics", "Store the private address of an iCalendar feed.")
_add(
    "caldav",
    "Store login and password of a CalDAV server.",
    click.option("--source", required=True, metavar="URL", help="Address of the server or a calendar, to try it."),
    click.option("--login", required=True, metavar="NAME", help="The login."),
)
_add(
    "microsoft",
    "Store an application's secret for Microsoft Graph.",
    click.option("--source", metavar="MAILBOX", help="A mailbox to try it with. Default: the sign-in alone is tried."),
    click.option("--tenant", required=True, metavar="ID", help="The directory's id or domain."),
    click.option("--application", required=True, metavar="ID", help="The application's (client) id."),
)


def _secret(what: str) -> str:
    is_person = sys.stdin.isatty()
    given = str(click.prompt(what, hide_input=True, err=True) if is_person else sys.stdin.readline()).strip()
    if not given:
        raise CredentialsMissing(f"{what}: nothing was given, neither at the prompt nor on the standard input.")
    return given
