"""A request as far as a recording goes: what makes two of them the same, or how near they are."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True)
class Request:
    """A request as far as matching goes."""

    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    #: The body's meaning, so that a blank more in some JSON makes no difference; None: no body.
    body: tuple[str, str] | None

    @classmethod
    def of(cls, method: str, url: str, mime: str, body: str) -> Request:
        """:raises ValueError: this is no URL."""
        parts = urlsplit(url)
        return cls(
            method=method.upper(),
            host=_host(parts.hostname or "", parts.port),
            path=unquote(parts.path) or "/",
            query=tuple(sorted(parse_qsl(parts.query, keep_blank_values=True))),
            body=_meaning(mime, body),
        )

    def same_url(self, other: Request) -> bool:
        return self.same_page(other) and self.query == other.query

    def same_page(self, other: Request) -> bool:
        return (self.method, self.host, self.path) == (other.method, other.host, other.path)

    def nearly_same_page(self, other: Request) -> bool:
        """Sites lead from one to the other, and a browser that knows the way asks for the second alone."""
        return self._without_slash() == other._without_slash()

    def nearly_same_url(self, other: Request) -> bool:
        return self.nearly_same_page(other) and self.query == other.query

    def _without_slash(self) -> tuple[str, str, str]:
        return self.method, self.host, self.path.rstrip("/")

    def nearness(self, other: Request) -> tuple[int, int, int]:
        """The most query parameters in common, then names in common, then the fewest that only one of them has."""
        ours, theirs = Counter(self.query), Counter(other.query)
        names, other_names = {name for name, _ in self.query}, {name for name, _ in other.query}
        return (ours & theirs).total(), len(names & other_names), -len(names ^ other_names)


def words(body: tuple[str, str] | None) -> frozenset[str]:
    """Those of a GraphQL request (a JSON object with a text ``query``)."""
    document = json.loads(body[1]) if body and body[0] == "json" else None
    is_query = isinstance(document, dict) and isinstance(document.get("query"), str)
    return frozenset(_WORD.findall(body[1])) if body and is_query else frozenset()


def _meaning(mime: str, body: str) -> tuple[str, str] | None:
    if not body:
        return None
    if "x-www-form-urlencoded" in mime.lower():
        return "form", repr(sorted(parse_qsl(body, keep_blank_values=True)))
    try:
        return "json", json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        return "text", body


def _host(host: str, port: int | None) -> str:
    """Host and port; of the usual ports nothing is said, so that http and https of one host are near."""
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        host = host.lower()
    return host if port in (None, 80, 443) else f"{host}:{port}"
