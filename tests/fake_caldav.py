"""A CalDAV collection in memory that answers as RFC 4791 and RFC 6578 say, and in whatever other way a test needs.

For what a real server does there is Radicale (``test_caldav_import.py``); this one pages, forgets its tokens, lacks
reports, and fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.web import Asked, Reply

NAMESPACES = {"D": "DAV:", "C": "urn:ietf:params:xml:ns:caldav"}
OPEN = (
    '<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    ' xmlns:CS="http://calendarserver.org/ns/" xmlns:A="http://apple.com/ns/ical/">'
)
FAILURE = '<?xml version="1.0"?><D:error xmlns:D="DAV:"><D:{}/></D:error>'


@dataclass
class FakeCollection:
    """A route of :class:`tests.web.Web`: the texts by name, and how it tells what changed."""

    #: As the address has it.
    path: str = "/calendars/choir/"
    texts: dict[str, str] = field(default_factory=dict)
    #: Properties as XML, by element.
    about: dict[str, str] = field(default_factory=lambda: {"D:displayname": "Choir"})
    #: ``token``, ``ctag`` or ``none``.
    tells_by: str = "token"
    #: Members in one answer to a sync-collection.
    page_size: int = 1000
    #: Names of members without an ETag, and those left out of every multiget.
    without_etag: set[str] = field(default_factory=set)
    kept_back: set[str] = field(default_factory=set)
    #: What answers in its place: by what is asked (``PROPFIND``, ``sync-collection``, …).
    instead: dict[str, Callable[[Asked], Reply | None]] = field(default_factory=dict)
    #: Names by the number of the change; the tokens count these.
    log: list[str] = field(default_factory=list)
    #: The first change that it still knows.
    remembers_from: int = 0
    asked: list[str] = field(default_factory=list)

    def put(self, name: str, text: str) -> None:
        self.texts[name] = text
        self.log.append(name)

    def delete(self, name: str) -> None:
        del self.texts[name]
        self.log.append(name)

    def __call__(self, asked: Asked) -> Reply:
        root = ElementTree.fromstring(asked.body)  # noqa: S314 - what calimport itself sends
        what = "PROPFIND" if asked.method == "PROPFIND" else root.tag.rpartition("}")[2]
        self.asked.append(what)
        if what in self.instead and (reply := self.instead[what](asked)) is not None:
            return reply
        if what == "PROPFIND":
            members = self._members() if asked.headers["depth"] == "1" else ""
            return multistatus(self._collection() + members)
        if what == "sync-collection":
            return self._changes(root.findtext("D:sync-token", "", NAMESPACES))
        if what == "calendar-multiget":
            names = [(one.text or "").rpartition("/")[2] for one in root.findall("D:href", NAMESPACES)]
            return multistatus("".join(self._text(name) for name in names if name not in self.kept_back))
        return multistatus("".join(self._text(name) for name in self.texts))

    def _collection(self) -> str:
        own = {"D:resourcetype": "<D:collection/><C:calendar/>", **self.about}
        if self.tells_by == "token":
            report = "<D:supported-report><D:report><D:sync-collection/></D:report></D:supported-report>"
            own |= {"D:supported-report-set": report, "D:sync-token": self._token(len(self.log))}
        if self.tells_by == "ctag":
            own["CS:getctag"] = f"ctag-{len(self.log)}"
        given = "".join(f"<{name}>{value}</{name}>" for name, value in own.items())
        unknown = "<D:propstat><D:prop><C:x/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"
        return response(self.path, f"<D:propstat><D:prop>{given}</D:prop>{OK}</D:propstat>{unknown}")

    def _members(self) -> str:
        return "".join(response(self.path + name, properties(self._etag(name))) for name in self.texts)

    def _etag(self, name: str) -> str:
        return "" if name in self.without_etag else f'<D:getetag>"{self.log.count(name)}"</D:getetag>'

    def _text(self, name: str) -> str:
        if name not in self.texts:
            return response(self.path + name, GONE)
        data = f"<C:calendar-data>{escape(self.texts[name])}</C:calendar-data>"
        return response(self.path + name, properties(self._etag(name) + data))

    def _changes(self, token: str) -> Reply:
        """A token is the number of changes that its owner knows; within a first round also how many members."""
        kind, _, number = token.rpartition("/")
        known = int(number) if token else 0
        if token and kind != "urn:first" and known < self.remembers_from:
            return Reply(FAILURE.format("valid-sync-token").encode(), status=403)
        is_first = not token or kind == "urn:first"
        names = list(self.texts) if is_first else list(dict.fromkeys(self.log[known:]))
        start = known if is_first else 0
        shown = names[start : start + self.page_size]
        is_cut = start + len(shown) < len(names)
        newest = self._token(len(self.log))
        if is_cut:
            newest = f"urn:first/{start + len(shown)}" if is_first else self._token(known + len(shown))
        body = "".join(
            response(self.path + name, properties(self._etag(name)) if name in self.texts else GONE) for name in shown
        )
        body += response(self.path, "<D:status>HTTP/1.1 507 Insufficient Storage</D:status>") if is_cut else ""
        return multistatus(f"{body}<D:sync-token>{newest}</D:sync-token>")

    def _token(self, number: int) -> str:
        return f"urn:token/{number}"


OK = "<D:status>HTTP/1.1 200 OK</D:status>"
GONE = "<D:status>HTTP/1.1 404 Not Found</D:status>"


def properties(given: str) -> str:
    return f"<D:propstat><D:prop>{given}</D:prop>{OK}</D:propstat>"


def response(path: str, given: str) -> str:
    return f"<D:response><D:href>{escape(path)}</D:href>{given}</D:response>"


def multistatus(body: str) -> Reply:
    content = f"{OPEN}{body}</D:multistatus>".encode()
    return Reply(content, status=207, headers={"Content-Type": "application/xml; charset=utf-8"})
