"""``calimport connect google``."""

from __future__ import annotations

import json
import re
import webbrowser
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click
import httpx

from calimport import connecting, key_checks
from calimport.cli.connect_options import check_room, keep, request_of, tell, tried, where
from calimport.connections import AirflowConnection, read_connection
from calimport.errors import ConfigurationError, CredentialsInvalid, CredentialsMissing, FeedUnreachable
from calimport.fetching import Http
from calimport.logs import printable
from calimport.settings import Settings

if TYPE_CHECKING:
    from calimport.google_consent import Client

#: Seconds that a person has to sign in.
_WAIT: Final = 300.0
#: A service account's, whatever was shared with it.
_EMPTY: Final = "Its list of calendars is empty. Share calendars with it, and give their ids."
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@click.command()
@click.option("--user", metavar="NAME|EMAIL", help="Who signs in; with an e-mail address, nobody else may.")
@click.option(
    "--client-secrets", type=click.File("rb"), metavar="FILE.json", help="The desktop app, from Google's console."
)
@click.option("--service-account", type=click.File("rb"), metavar="FILE.json", help="A service account's key instead.")
@click.option("--subject", metavar="EMAIL", help="The person whom the service account acts for.")
@click.option("--open", "is_opened", is_flag=True, help="Open the address in this machine's browser.")
@click.option("--wait", type=click.FloatRange(1), default=_WAIT, show_default=True, help="Seconds to sign in.")
@where(None)
def google(
    transport: httpx.AsyncBaseTransport | None,
    user: str | None,
    client_secrets: IO[bytes] | None,
    service_account: IO[bytes] | None,
    subject: str | None,
    name: str | None,
    is_opened: bool,
    wait: float,
    replace: bool,
    is_printed: bool,
) -> None:
    """Sign in to Google Calendar, or store a service account's key."""
    if (service_account is None and subject) or (service_account is not None and (user or client_secrets)):
        raise ConfigurationError(
            "Give --user and --client-secrets for a person, --service-account and --subject for a service account."
        )
    if not (name or user or service_account):
        raise ConfigurationError("Give --user: the name or e-mail address of the person who signs in.")
    name = name or "_".join(filter(None, ("google", connecting.connection_id(user or subject or ""))))
    check_room(name, replace=replace, is_printed=is_printed)
    if service_account is not None:
        extra = _service_account(service_account, subject)
    else:
        extra = _person(_client(client_secrets, name), user, wait, is_opened)
    connection = AirflowConnection("google_cloud_platform", extra=extra)
    calendars = _calendars(name, connection, transport)
    person = next((one.get("id") for one in calendars if one.get("primary") is True), None)
    if user and _EMAIL.fullmatch(user) and isinstance(person, str) and person.lower() != user.lower():
        raise CredentialsInvalid(f"The one who signed in is {printable(person)}, not {user}. Nothing was stored.")
    keep(name, connection, replace=replace, is_printed=is_printed)
    lines = [
        f"{printable(str(one.get('summary', '')))}: {printable(str(one['id']))}" for one in calendars if "id" in one
    ]
    tell("\n".join(["Calendars that it can read:", *lines] if lines else [_EMPTY]))
    if until := extra.get("signed_in_until"):
        tell(
            f"Google ends this sign-in on {until[:10]}: its application is in testing. Publish it in Google's console "
            "(Audience), and sign in again."
        )


def _calendars(
    name: str, connection: AirflowConnection, transport: httpx.AsyncBaseTransport | None
) -> list[dict[str, Any]]:
    """The user's list of calendars, its first page: what shows that sign-in and permission are good."""
    from calimport.completeness import objects
    from calimport.sources import google
    from calimport.sources.google_api import Api

    async def ask(http: Http) -> list[dict[str, Any]]:
        http.restrict(google.HOSTS)
        try:
            answer = await Api(request_of(name), http).get("/users/me/calendarList", {"maxResults": "250"})
        except FeedUnreachable as error:
            raise key_checks.said(error, "Google") from None
        return objects(answer.get("items"), "calendars")

    return tried(ask, name, connection, transport)


def _service_account(file: IO[bytes], subject: str | None) -> dict[str, Any]:
    try:
        key = json.load(file)
        is_key = key["type"] == "service_account" and key["private_key"] and key["client_email"]
    except (ValueError, KeyError, TypeError):
        is_key = False
    if not is_key:
        raise ConfigurationError(f"{Path(file.name).name} is not the key of a service account.")
    return {"keyfile_dict": key} | ({"subject": subject} if subject else {})


def _client(file: IO[bytes] | None, name: str) -> Client:
    """The application: of the file, else of the sign-in that is to be replaced."""
    from calimport import google_consent

    if file is not None:
        return google_consent.client_of_file(file.read(), Path(file.name).name)
    try:
        found = google_consent.client_of_extra(read_connection(name).extra)
    except CredentialsMissing:
        found = None
    if found is None:
        raise ConfigurationError(
            "Give --client-secrets: the file of a desktop app, as the Google Cloud console gives it (Clients). Only "
            "who signs in again can do without."
        )
    return found


def _person(client: Client, user: str | None, wait: float, is_opened: bool) -> dict[str, Any]:
    from calimport import google_consent
    from calimport.sources.google_credentials import SIGNED_IN_AT, SIGNED_IN_UNTIL

    def show(address: str) -> None:
        tell(
            f"Open this address in a browser on this machine, and allow calimport to see your calendars:\n\n{address}\n"
        )
        if is_opened:
            webbrowser.open(address)

    hint = user if user and _EMAIL.fullmatch(user) else None
    found = google_consent.sign_in(client, show=show, wait=wait, settings=Settings.from_environment(), login_hint=hint)
    extra = {"credential_config_file": json.dumps(found.authorized_user), SIGNED_IN_AT: found.at.isoformat()}
    return extra | ({SIGNED_IN_UNTIL: found.until.isoformat()} if found.until else {})
