"""HTML pages: the scripts, links and meta data in which sites keep what programs read.

The page is read as a stream of tags, never as a tree: a page that nests or repeats without end costs time by its length
and no more. Nothing that a page names is fetched.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from lxml import etree

from calimport.errors import FeedUnparsable

#: A web page, however it begins: behind comments, an XML declaration, a byte order mark.
_PAGE: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|meta|title|script|div|a|p)\b", re.IGNORECASE)
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
#: Where HTML says its charset (HTML Standard, 4.2.5.4): within the first 1024 bytes.
_PRESCAN: Final = 1024
#: What is declared as Latin-1 or ASCII is Windows-1252 (WHATWG Encoding, 4.2).
_READ_AS: Final = {"iso8859-1": "cp1252", "ascii": "cp1252"}
#: `idna` and `punycode` take time by the square of the length; the others are no charsets of pages.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"})
_INNERMOST: Final = 32
#: Characters. Where `<html>` begins, and where it ends, before what statistics and comments add.
_TAIL: Final = 8192
_KEPT: Final = frozenset({"a", "base", "iframe", "link", "meta", "script", "title"})


@dataclass(frozen=True)
class Element:
    """One of the kept tags: attributes by lower-case name, and the text of a script or a title."""

    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    #: The ids of the elements around it, the innermost 32.
    within: tuple[str, ...] = ()

    def get(self, name: str) -> str:
        """An attribute without blanks around it; empty where it is not there."""
        return self.attributes.get(name, "").strip()


@dataclass(frozen=True)
class Page:
    """What of a page concerns us, in the page's order."""

    elements: list[Element] = field(default_factory=list)
    #: Every ``id``.
    ids: set[str] = field(default_factory=set)
    #: False where ``<html>`` begins and does not end: perhaps the rest is missing.
    is_whole: bool = True

    def scripts(self, mime_type: str | None = None) -> list[Element]:
        """The scripts of a type (``application/ld+json``), whatever parameters it has; None: all of them."""
        found = self._all("script")
        return [one for one in found if mime_type is None or _essence(one.get("type")) == mime_type]

    def metas(self, name: str) -> list[str]:
        """The contents of ``<meta name=…>`` or ``<meta property=…>``, compared in lower case."""
        return [
            one.get("content")
            for one in self._all("meta")
            if name.lower() in (one.get("name").lower(), one.get("property").lower())
        ]

    def links(self, rel: str | None = None, mime_type: str | None = None) -> list[Element]:
        """The ``<link>`` elements with a ``rel`` (one of its words) and a type."""
        return [
            one
            for one in self._all("link")
            if (rel is None or rel in one.get("rel").lower().split())
            and (mime_type is None or _essence(one.get("type")) == mime_type)
        ]

    def addresses(self, url: str, *, within: str | None = None) -> list[str]:
        """Where the page's ``<a>`` lead, absolute, without fragment, each once.

        :param url: the page's own, to which the others are relative unless it has a ``<base>``.
        :param within: the id of an element that they are in.
        """
        return self._targets("a", "href", url, within)

    def frames(self, url: str) -> list[str]:
        """What the page's ``<iframe>`` show, as for :meth:`addresses`."""
        return self._targets("iframe", "src", url)

    def _targets(self, tag: str, attribute: str, url: str, within: str | None = None) -> list[str]:
        base = next((self.absolute(url, one.get("href")) for one in self._all("base") if one.get("href")), url) or url
        shown = (one for one in self._all(tag) if one.get(attribute) and (within is None or within in one.within))
        found = (self.absolute(base, one.get(attribute)) for one in shown)
        return list(dict.fromkeys(one for one in found if one))

    @staticmethod
    def absolute(base: str, href: str) -> str:
        """``href`` on a page of the address ``base``; empty where it is none."""
        try:
            return urljoin(base, href).partition("#")[0]
        except ValueError:
            return ""

    @property
    def goes_on(self) -> bool:
        """Whether it says that it is not the last page of a list (HTML Standard, 4.6.7.14)."""
        return any(one.get("href") and "next" in one.get("rel").lower().split() for one in self.elements)

    @property
    def title(self) -> str | None:
        return next((" ".join(one.text.split()) for one in self._all("title") if one.text.strip()), None)

    def _all(self, tag: str) -> list[Element]:
        return [one for one in self.elements if one.tag == tag]


def is_html(content: bytes, content_type: str = "") -> bool:
    """Whether an answer is a web page, by its Content-Type or its first kilobyte."""
    head = content[:_PRESCAN].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in (b"{", b"["):
        return False
    return "html" in content_type.lower() or (head[:1] == b"<" and bool(_PAGE.search(head)))


def parse(content: bytes, content_type: str = "") -> Page:
    """The page. HTML has no errors, so every page is one.

    :param content_type: of the answer; its charset goes before the page's own, and both after UTF-8 that is valid.
    :raises FeedUnparsable: it holds a script larger than 10 MB.
    """
    collector = _Collector()
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, target=collector)
    text = _text(content, content_type).replace("\x00", "")
    try:
        etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        if text.strip():
            raise FeedUnparsable(detail=f"HTML: {error.msg}") from None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log.filter_from_fatals()):
        raise FeedUnparsable(detail="HTML: a script or text larger than the parser allows")
    is_whole = "</html" in text[-_TAIL:].lower() or "<html" not in text[:_TAIL].lower()
    return Page(collector.elements, collector.ids, is_whole)


class _Collector:
    """The parser's target: keeps the few elements that matter."""

    def __init__(self) -> None:
        self.elements: list[Element] = []
        self.ids: set[str] = set()
        #: The open elements, outermost first: tag and id.
        self._around: list[tuple[str, str]] = []
        self._names: list[str] = []
        self._open: tuple[str, dict[str, str]] | None = None
        self._text: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._enter(tag, str(attributes.get("id") or "").strip())
        if tag not in _KEPT:
            return
        given = {str(name).lower(): str(value or "") for name, value in attributes.items()}
        if tag in ("script", "title"):
            self._open, self._text = (tag, given), []
        else:
            self.elements.append(Element(tag, given, within=tuple(self._names[-_INNERMOST:])))

    def data(self, text: str) -> None:
        if self._open:
            self._text.append(text)

    def end(self, tag: str) -> None:
        if self._open and self._open[0] == tag:
            self.elements.append(Element(*self._open, "".join(self._text), within=tuple(self._names[-_INNERMOST:])))
            self._open = None
        self._leave(tag)

    def _enter(self, tag: str, name: str) -> None:
        self._around.append((tag, name))
        if name:
            self.ids.add(name)
            self._names.append(name)

    def _leave(self, tag: str) -> None:
        """The parser closes what a page leaves open, innermost first."""
        if self._around and self._around[-1][0] == tag and self._around.pop()[1]:
            self._names.pop()

    def close(self) -> None:
        """The parser asks for a result; it is in ``elements``."""


def _text(content: bytes, content_type: str) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass
    for place in (content_type, content[:_PRESCAN].decode("latin-1")):
        if declared := _CHARSET.search(place):
            try:
                name = codecs.lookup(declared.group(1)).name
                if name not in _NO_CHARSETS:
                    return content.decode(_READ_AS.get(name, name), "replace")
            except (LookupError, UnicodeError, ValueError):
                continue
    return content.decode("utf-8" if "utf-8" in content_type.lower() else "cp1252", "replace")


def _essence(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()
