"""From a configured CalDAV address to one calendar collection, and requests to it.

The address may be the collection's own, or a server's, a principal's or a home's: then its only calendar is taken
(RFC 4791, 6.2.1; RFC 5397; RFC 6764, 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from calimport.authorization import Auth
from calimport.errors import FeedHostUnexpected, FeedNotFound, FeedStatusUnexpected, SourceUnsupported
from calimport.fetching import Http, Response
from calimport.hosts import origin
from calimport.sources.caldav_xml import APPLE, CALDAV, CALENDARSERVER, DAV, Member, Multistatus, multistatus, propfind

_OF_COLLECTION: Final = (
    *(f"{DAV}resourcetype", f"{DAV}displayname", f"{DAV}sync-token", f"{DAV}supported-report-set"),
    *(f"{CALDAV}calendar-timezone", f"{CALDAV}supported-calendar-component-set"),
    *(f"{CALENDARSERVER}getctag", f"{APPLE}calendar-color"),
)
_OF_PRINCIPAL: Final = (f"{DAV}current-user-principal", f"{CALDAV}calendar-home-set")


class Dav:
    """WebDAV requests. The sign-in goes to the host that it is configured for, and to no other."""

    def __init__(self, http: Http, url: str, auth: Auth | None) -> None:
        self.http = http
        self._auth = auth
        self._origins = {origin(url), origin(url).replace("http://", "https://", 1)}

    async def propfind(self, url: str, names: tuple[str, ...], *, depth: int = 0) -> tuple[Multistatus, str]:
        """The properties of a resource, or of it and its members (``depth`` 1), and the address that answered."""
        response = await self._ask("PROPFIND", url, propfind(names), depth)
        return multistatus(response), response.url

    async def report(self, url: str, body: bytes, *, depth: int | None) -> Response:
        """The answer to a REPORT, whatever its status."""
        return await self._ask("REPORT", url, body, depth)

    async def _ask(self, method: str, url: str, body: bytes, depth: int | None) -> Response:
        headers = {"Content-Type": "application/xml; charset=utf-8"} | ({} if depth is None else {"Depth": str(depth)})
        # A server may send us on to another host; from there on we come without a sign-in.
        auth = self._auth if origin(url) in self._origins else None
        return await self.http.ask(method, url, body, headers=headers, auth=auth)


@dataclass(frozen=True)
class Collection:
    """A calendar collection (RFC 4791, 4.2) and what it says of itself."""

    url: str
    properties: Member

    @property
    def sync_token(self) -> str | None:
        return self.properties.text(f"{DAV}sync-token")

    @property
    def ctag(self) -> str | None:
        """Another one after each change within the collection."""
        return self.properties.text(f"{CALENDARSERVER}getctag")

    @property
    def syncs(self) -> bool:
        """Whether it can tell what changed (RFC 6578, 3.2, 4)."""
        reports = self.properties.names(f"{DAV}supported-report-set")
        return f"{DAV}sync-collection" in reports or self.sync_token is not None


async def find(dav: Dav, url: str) -> Collection:
    """The calendar collection that ``url`` is or leads to.

    :raises SourceUnsupported: there is none, or there are several: the message lists them.
    :raises CalimportError: the server does not answer as it should.
    """
    try:
        answer, url = await dav.propfind(url, _OF_COLLECTION + _OF_PRINCIPAL)
    except (FeedNotFound, FeedStatusUnexpected):
        if urlsplit(url).path.strip("/"):
            raise
        # A host alone: where its CalDAV begins, it says there (RFC 6764, 5).
        answer, url = await dav.propfind(urljoin(url, "/.well-known/caldav"), _OF_COLLECTION + _OF_PRINCIPAL)
    given = _only(answer)
    if _is_calendar(given):
        return Collection(url, given)
    home = given.href(f"{CALDAV}calendar-home-set")
    if home is None and (principal := given.href(f"{DAV}current-user-principal")):
        url = _on_same_host(principal, url)
        answer, url = await dav.propfind(url, _OF_PRINCIPAL)
        home = _only(answer).href(f"{CALDAV}calendar-home-set")
    # Without a home it may be one itself, or the folder of one.
    url = _on_same_host(home, url) if home else url
    answer, url = await dav.propfind(url, _OF_COLLECTION, depth=1)
    found = {urljoin(url, one.path): one for one in answer.members if _is_calendar(one)}
    if len(found) == 1:
        return Collection(*next(iter(found.items())))
    if not found:
        raise SourceUnsupported("There is no calendar at this address of a CalDAV server. Please check the address.")
    names = "; ".join(
        f"{one.text(f'{DAV}displayname') or 'without a name'}: {address}" for address, one in sorted(found.items())
    )
    raise SourceUnsupported(
        f"There are {len(found)} calendars at this address. Please give that of one: {names[:1500]}"
    )


def _only(answer: Multistatus) -> Member:
    """The response of a PROPFIND with depth 0: the first, since some servers answer for more."""
    if not answer.members:
        raise SourceUnsupported(
            "There is no calendar at this address of a CalDAV server. Please check the address.",
            detail="a multistatus without a response",
        )
    return answer.members[0]


def _is_calendar(given: Member) -> bool:
    """Whether it is a calendar collection, and may hold events: there are those of tasks alone."""
    if f"{CALDAV}calendar" not in given.names(f"{DAV}resourcetype"):
        return False
    held = given.properties.get(f"{CALDAV}supported-calendar-component-set")
    kinds = {one.get("name", "").upper() for one in held.iter(f"{CALDAV}comp")} if held is not None else set()
    return not kinds or "VEVENT" in kinds


def _on_same_host(href: str, url: str) -> str:
    """The address that a server gives for its principal or home.

    :raises FeedHostUnexpected: it is on another host, where the sign-in must not go unasked.
    """
    found = urljoin(url, href)
    if origin(found) != origin(url):
        raise FeedHostUnexpected(
            f"The calendars are kept at {origin(found)}. If you trust it, please give that address instead."
        )
    return found
