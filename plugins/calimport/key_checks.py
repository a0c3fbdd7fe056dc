"""One cheap request with a key, before it is stored: does the provider accept it?

Each is a request that the provider documents, and where there is one, the one that the import begins with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from calimport import sources
from calimport.errors import (
    CalimportError,
    ConfigurationError,
    CredentialsForbidden,
    CredentialsInvalid,
    FeedHostUnknown,
    FeedServerError,
    FeedTimeout,
    FeedTlsInvalid,
    FeedUnreachable,
    QuotaExceeded,
)
from calimport.fetching import Auth, Http, raise_for_status
from calimport.json_text import loads
from calimport.sources import caldav_collection, ics, microsoft, microsoft_credentials, microsoft_graph
from calimport.sources.api_keys import api_key
from calimport.sources.base import FetchRequest
from calimport.sources.caldav_xml import DAV
from calimport.sources.loose import member

_REASONS: Final[dict[type[FeedUnreachable], str]] = {
    FeedTimeout: "took too long to answer",
    FeedHostUnknown: "cannot be found on the internet; is the address right, and is there a network",
    FeedTlsInvalid: "has no valid security certificate",
    FeedServerError: "reports a fault of its own",
    QuotaExceeded: "asks us to slow down",
}


async def check(kind: str, request: FetchRequest, http: Http) -> None:
    """Ask the provider once with the connection of ``request``.

    :raises CredentialsInvalid: the key is wrong, expired or withdrawn.
    :raises CredentialsForbidden: the key is good but may not read events.
    :raises CalimportError: the provider cannot be reached, or what is there is no calendar.
    """
    name, ask = CHECKS[kind]
    http.restrict(sources.load(kind).HOSTS)
    try:
        await ask(request, http)
    except (CredentialsInvalid, CredentialsForbidden) as error:
        if str(error) != type(error).sentence:  # it knows more
            raise
        raise said(error, name) from None
    except FeedUnreachable as error:
        raise said(error, name) from None


def said(error: CalimportError, name: str) -> CalimportError:
    """The same error, in the words for someone who is about to store a key."""
    if isinstance(error, CredentialsInvalid):
        sentence = f"{name} does not accept this: it is wrong, expired or withdrawn."
    elif isinstance(error, CredentialsForbidden):
        sentence = f"{name} knows this key or sign-in, which lacks the permission to read calendars or events."
    else:
        reason = next((text for kind, text in _REASONS.items() if isinstance(error, kind)), "cannot be reached")
        sentence = f"{name} {reason}."
    return type(error)(f"{sentence} Nothing was stored.", detail=error.detail, retry_after=error.retry_after)


async def _eventbrite(request: FetchRequest, http: Http) -> None:
    """https://www.eventbrite.com/platform/api#/reference/user: who owns the token."""
    url = "https://www.eventbriteapi.com/v3/users/me/"
    response = await http.get(url, headers=_JSON, auth=Auth.bearer(_key(request, http, "Eventbrite")))
    # "INVALID_AUTH: Your authentication is incorrect. Status code 400", and 401 by now.
    if response.status == 400 and str(member(_document(response.content), "error")).startswith("INVALID_AUTH"):
        raise CredentialsInvalid(detail="HTTP 400 INVALID_AUTH")
    raise_for_status(response)


async def _ticketsource(request: FetchRequest, http: Http) -> None:
    """https://www.ticketsource.io/working-with-events: one event of the listing."""
    auth = Auth.basic(_key(request, http, "TicketSource"))
    await http.get_json("https://api.ticketsource.io/events", params={"per_page": "1", "page": "1"}, auth=auth)


async def _tickettailor(request: FetchRequest, http: Http) -> None:
    """https://developers.tickettailor.com/docs/api/list-events: one event of the listing."""
    auth = Auth.basic(_key(request, http, "Ticket Tailor"))
    params = {"status": "published", "limit": "1"}
    await http.get_json("https://api.tickettailor.com/v1/events", params=params, auth=auth)


async def _caldav(request: FetchRequest, http: Http) -> None:
    """RFC 5397: who the server takes us for."""
    url, auth = ics.address(request)
    url = http.own(url)
    names = (f"{DAV}current-user-principal", f"{DAV}resourcetype")
    answer, _ = await caldav_collection.Dav(http, url, auth).propfind(url, names)
    if not answer.members:
        raise ConfigurationError("There is no CalDAV server at this address. Nothing was stored.")


async def _ics(request: FetchRequest, http: Http) -> None:
    """The feed itself, which says whether it is one."""
    await ics.fetch(request, http)


async def _microsoft(request: FetchRequest, http: Http) -> None:
    """The token endpoint; and the calendar of a mailbox, where one is given.

    https://learn.microsoft.com/graph/api/calendar-get
    """
    assert request.connection_id is not None  # noqa: S101 - it is what is checked
    if request.source is None:
        await microsoft_credentials.access_token(request.connection_id, http)
        return
    user, calendar = microsoft.paths(request.source)
    default = f"{user}/calendar" if calendar == user else calendar
    await microsoft_graph.Graph(request, http, user).get(f"{microsoft_graph.ROOT}{default}")


#: Kind → what its provider is called, and the request.
CHECKS: Final[dict[str, tuple[str, Callable[[FetchRequest, Http], Awaitable[None]]]]] = {
    "eventbrite": ("Eventbrite", _eventbrite),
    "ticketsource": ("TicketSource", _ticketsource),
    "tickettailor": ("Ticket Tailor", _tickettailor),
    "caldav": ("The CalDAV server", _caldav),
    "ics": ("The calendar's website", _ics),
    "microsoft": ("Microsoft", _microsoft),
}
_JSON: Final = {"Accept": "application/json"}


def _key(request: FetchRequest, http: Http, provider: str) -> str:
    return api_key(request, http, provider) or ""


def _document(body: bytes) -> Any:
    try:
        return loads(body)
    except CalimportError:
        return None
