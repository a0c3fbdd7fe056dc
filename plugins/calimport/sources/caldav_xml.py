"""What CalDAV asks and answers, as XML: WebDAV (RFC 4918), CalDAV (RFC 4791), sync-collection (RFC 6578)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from calimport import xml_text
from calimport.errors import CalimportError, FeedIncomplete, FeedStatusUnexpected, FeedUnparsable
from calimport.fetching import Response, raise_for_status

DAV: Final = "{DAV:}"
CALDAV: Final = "{urn:ietf:params:xml:ns:caldav}"
#: Apple's extensions that most servers have: the ctag and the colour.
CALENDARSERVER: Final = "{http://calendarserver.org/ns/}"
APPLE: Final = "{http://apple.com/ns/ical/}"

for _prefix, _namespace in (("D", DAV), ("C", CALDAV), ("CS", CALENDARSERVER), ("A", APPLE)):
    register_namespace(_prefix, _namespace.strip("{}"))

#: In the text of an event, where servers pass them on although XML forbids them. In UTF-8, which all write.
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
#: What may stand in a path's segment as it is (RFC 3986, 3.3).
_SEGMENT: Final = "-._~!$&'()*+,;=:@"


@dataclass(frozen=True)
class Member:
    """One response of a multistatus (RFC 4918, 14.24)."""

    #: Of its address: see :func:`path_of`.
    path: str
    #: Those that the server gave (status 200), by ``{namespace}name``.
    properties: dict[str, Element]
    #: Of the whole response, where it has one; else of the first properties that were neither given nor unknown.
    status: int | None = None

    def text(self, name: str) -> str | None:
        """A property's text, None where it says nothing."""
        found = self.properties.get(name)
        return ((found.text or "").strip() or None) if found is not None else None

    def href(self, name: str) -> str | None:
        """The address within a property, as it is written there."""
        found = self.properties.get(name)
        inner = found.find(f"{DAV}href") if found is not None else None
        return ((inner.text or "").strip() or None) if inner is not None else None

    def names(self, name: str) -> set[str]:
        """The names of all elements within a property."""
        found = self.properties.get(name)
        return {one.tag for one in found.iter() if one is not found} if found is not None else set()


@dataclass(frozen=True)
class Multistatus:
    """A whole answer with status 207."""

    members: Sequence[Member]
    #: Of the collection as this answer shows it (RFC 6578, 6.2).
    sync_token: str | None


def multistatus(response: Response) -> Multistatus:
    """The answer as a multistatus.

    :raises CalimportError: its status is not 207, or what came is none.
    """
    if response.status != 207:
        raise_for_status(response)
        raise FeedStatusUnexpected(
            "This address is not one of a CalDAV server. Please check the address.", detail=f"HTTP {response.status}"
        )
    root = xml_text.loads(_CONTROLS.sub(b"", response.content))
    if root.tag != f"{DAV}multistatus":
        raise FeedUnparsable(detail=f"a multistatus was asked for, {root.tag[:80]} came")
    token = (root.findtext(f"{DAV}sync-token") or "").strip()
    members = [_member(one, response.url, href) for one in root.iter(f"{DAV}response") for href in _hrefs(one)]
    return Multistatus(members, token or None)


def path_of(href: str, base: str) -> str:
    """The path of an address relative to ``base``, always encoded in the same way, so that equal ones are equal.

    :raises FeedIncomplete: it is no address.
    """
    try:
        path = urlsplit(urljoin(base, href)).path
    except ValueError:
        raise FeedIncomplete(detail="a multistatus names what is no address") from None
    return "/".join(quote(unquote(segment), safe=_SEGMENT) for segment in path.split("/"))


def has_precondition(response: Response, name: str) -> bool:
    """Whether an error's body names this precondition (RFC 4918, 16), such as ``{DAV:}valid-sync-token``."""
    try:
        return any(one.tag == name for one in xml_text.loads(response.content).iter())
    except CalimportError:
        return False


def propfind(names: Iterable[str]) -> bytes:
    root = Element(f"{DAV}propfind")
    _properties(root, names)
    return _written(root)


def sync_collection(token: str) -> bytes:
    """The body of the REPORT of what changed since ``token``; all members where it is empty (RFC 6578, 3.2)."""
    root = Element(f"{DAV}sync-collection")
    SubElement(root, f"{DAV}sync-token").text = token
    SubElement(root, f"{DAV}sync-level").text = "1"
    _properties(root, [f"{DAV}getetag"])
    return _written(root)


def multiget(paths: Iterable[str]) -> bytes:
    """The body of the REPORT of these members' texts (RFC 4791, 7.9)."""
    root = Element(f"{CALDAV}calendar-multiget")
    _properties(root, [f"{DAV}getetag", f"{CALDAV}calendar-data"])
    for path in paths:
        SubElement(root, f"{DAV}href").text = path
    return _written(root)


def query(start: datetime, end: datetime) -> bytes:
    """The body of the REPORT of all events with a part in [start, end) (RFC 4791, 7.8, 9.9). Both in UTC."""
    root = Element(f"{CALDAV}calendar-query")
    _properties(root, [f"{DAV}getetag", f"{CALDAV}calendar-data"])
    calendar = SubElement(SubElement(root, f"{CALDAV}filter"), f"{CALDAV}comp-filter", name="VCALENDAR")
    events = SubElement(calendar, f"{CALDAV}comp-filter", name="VEVENT")
    SubElement(events, f"{CALDAV}time-range", start=f"{start:%Y%m%dT%H%M%SZ}", end=f"{end:%Y%m%dT%H%M%SZ}")
    return _written(root)


def _written(root: Element) -> bytes:
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _properties(parent: Element, names: Iterable[str]) -> None:
    inner = SubElement(parent, f"{DAV}prop")
    for name in names:
        SubElement(inner, name)


def _hrefs(response: Element) -> list[str]:
    """The addresses that a response is about; several may share one status."""
    found = [(one.text or "").strip() for one in response.findall(f"{DAV}href")]
    if not found or not all(found):
        raise FeedIncomplete(detail="a response of a multistatus names nothing")
    return found


def _member(response: Element, base: str, href: str) -> Member:
    properties: dict[str, Element] = {}
    status = _status(response)
    for given in response.findall(f"{DAV}propstat"):
        code = _status(given)
        if code == 200:
            properties |= {one.tag: one for holder in given.findall(f"{DAV}prop") for one in holder}
        elif code != 404:  # that it lacks a property is no failure
            status = status or code
    return Member(path_of(href, base), properties, status)


def _status(holder: Element) -> int | None:
    """The number in ``HTTP/1.1 200 OK`` (RFC 4918, 14.28).

    :raises FeedIncomplete: there is a status, and no number in it.
    """
    given = holder.findtext(f"{DAV}status")
    if given is None:
        return None
    words = given.split()
    if len(words) < 2 or not words[1].isdecimal():
        raise FeedIncomplete(detail=f"a multistatus has the status {given[:40]!r}")
    return int(words[1])
