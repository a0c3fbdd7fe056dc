"""Addresses of sources: whether one has the form that its kind reads, and whether it is itself a secret.

Nothing is fetched here and no name is resolved. No sentence repeats an address, because it may be a private one; that
of a public feed at Google is named: it holds no more than the calendar's id.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from calimport import network_guard
from calimport.errors import FeedAddressForbidden, SourceUnsupported
from calimport.settings import Settings
from calimport.sources.detecting import by_address
from calimport.sources.looking import google_feed

_SECRET_PATH: Final = re.compile(r"/private-[^/]+/|/owa/calendar/", re.IGNORECASE)
_SECRET_PARAMETER: Final = re.compile(r"(token|key|secret|sig|signature|password|passwd|pwd|auth)$", re.IGNORECASE)


def check(source: str, *, kind: str, connection: str | None) -> None:
    """Make sure that ``source`` has a form that this kind reads.

    :raises ValueError: it has not; the sentence is for the person who wrote it.
    """
    if any(character.isspace() for character in source):
        raise ValueError("must not hold spaces.")
    if "://" in source:
        _check_url(source)
    if kind == "google" or _is_read(source, connection if kind == "auto" else None):
        return
    if kind == "auto" and "://" in source and (feed := google_feed(source)):
        raise ValueError(
            "is the page of a Google calendar: `connection` must name the Airflow connection to Google; or, where the"
            f" calendar is public, give the address of its feed, {feed}."
        )
    if kind == "auto" and _is_read(source, "any"):
        raise ValueError("looks like a Google calendar's id: `connection` must name the Airflow connection to Google.")
    raise ValueError("is not the address of a calendar feed, which starts with https://, http:// or webcal://.")


def is_private(source: str) -> bool:
    """Whether an address looks as if whoever has it can read a private calendar (Google, Outlook, tokens)."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return True  # nobody knows what it is: rather hidden than shown
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    by_name = any(_SECRET_PARAMETER.search(name) for name, _ in parameters)
    return by_name or "@" in parts.netloc or bool(_SECRET_PATH.search(parts.path))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no port
    except ValueError:
        raise ValueError("is not a well-formed address.") from None
    if "@" in parts.netloc:
        raise ValueError(
            "holds a user name or a password. Secrets belong in an Airflow connection: "
            "`airflow connections add ID --conn-type generic --conn-login USER --conn-password PASSWORD`; "
            "then give the address without them, and `connection: ID`."
        )
    if not parts.hostname:
        raise ValueError("is an address without a host.")
    try:
        network_guard.check_written(
            parts.hostname, network_guard.networks(Settings.from_environment().allowed_networks)
        )
    except FeedAddressForbidden as error:
        raise ValueError(
            "leads to a computer that is not on the internet. Whoever runs calimport can allow its network: "
            f"{error.detail}."
        ) from None


def _is_read(source: str, connection: str | None) -> bool:
    try:
        by_address(source, connection_id=connection)
    except SourceUnsupported:
        return False
    return True
