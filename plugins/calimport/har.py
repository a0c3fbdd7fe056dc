"""Recorded HTTP: answers from an HTTP Archive (HAR 1.2) in the network's place, as an httpx transport.

A browser's export replays as well as what :mod:`calimport.har_recorder` wrote: what a browser adds to the format is
ignored. A recording of ours holds no secret, so a request is looked for as it is, and then as it would be recorded.

http://www.softwareishard.com/blog/har-12-spec/
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import httpx

from calimport.errors import ConfigurationError, RequestNotRecorded
from calimport.har_masks import hide_url, mask_body, mask_url
from calimport.har_requests import Request, words

#: A HAR's text is decompressed and whole; these would say something else of it.
_OF_THE_TRANSFER: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_CHARSET: Final = re.compile(r";\s*charset=[^;]*", re.IGNORECASE)
#: What an XML document says of its own charset (XML 1.0, 2.8).
_XML_CHARSET: Final = re.compile(r"""\A(\ufeff?\s*<\?xml\b[^>]*?\bencoding\s*=\s*)(["'])[\w.:-]+\2""")
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True)
class Entry:
    """One recorded exchange. Its body stays as recorded until it is asked for."""

    request: Request
    status: int
    headers: tuple[tuple[str, str], ...]
    text: str
    base64: bool
    #: Whether the answer travelled in gzip: some programs keep it so, against the format.
    is_compressed: bool = False

    @property
    def says_something(self) -> bool:
        """Whether it is more than an answer whose body was not kept."""
        return bool(self.text) or self.status not in (200, 304)

    def response(self, request: httpx.Request) -> httpx.Response:
        """:raises ValueError, OSError, EOFError: the body is not the base64, or not the gzip, that it says it is."""
        content = base64.b64decode(self.text, validate=False) if self.base64 else self.text.encode("utf-8", "replace")
        if self.base64 and content.startswith(_GZIP) and self.is_compressed:
            content = gzip.decompress(content)
        status = self.status
        if status == 304 and content and not _is_conditional(request):
            status = 200  # a browser that asked whether its copy is still good, and exported the copy
        headers = [(name.encode(), value.encode()) for name, value in self.headers]
        return httpx.Response(status, headers=headers, content=content, request=request)


class Replay(httpx.AsyncBaseTransport):
    """Answers from recorded exchanges. Repeated requests get successive entries; the last one repeats."""

    #: What is read by :class:`calimport.fetching.Http`: without a network no credentials are needed.
    replayed = True

    def __init__(self, path: Path, *, private: bool = False) -> None:
        """:param private: whether a connection's private address was recorded: see :func:`har_masks.hide_url`.

        :raises ConfigurationError: ``path`` is not a readable HTTP Archive.
        """
        self._hide = hide_url if private else str
        self._path = path
        self._entries = load(path)
        self._used: set[int] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, mime = str(request.url), request.headers.get("content-type", "")
        body = (await request.aread()).decode("utf-8", "replace")
        asked = Request.of(request.method, url, mime, body)
        recorded_as = Request.of(request.method, self._hide(mask_url(url)), mime, mask_body(mime, body))
        number = self._find(asked, recorded_as)
        if number is None:
            what = f"{request.method} {self._hide(mask_url(url))}"
            raise RequestNotRecorded(f"The recording {self._path} holds no answer to {what}.")
        self._used.add(number)
        try:
            return self._entries[number].response(request)
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise ConfigurationError(f"The recording {self._path} is damaged: entry {number}: {error}.") from None

    def _find(self, *forms: Request) -> int | None:
        """The number of the entry that answers a request, which is given in each form it may be recorded in."""
        found = next((same for form in forms if (same := self._numbers(form.same_url))), [])
        found = found or next((same for form in forms if (same := self._numbers(form.nearly_same_url))), [])
        found = found or self._nearest(forms, Request.same_page) or self._nearest(forms, Request.nearly_same_page)
        bodies = {form.body for form in forms}
        found = [number for number in found if self._entries[number].request.body in bodies] or self._alike(
            found, forms[0]
        )
        if not found:
            return None
        first = self._entries[found[0]].request
        found = [number for number in found if first.same_url(self._entries[number].request)]
        # Of one address, a browser keeps some answers without their bodies: those that it had, or no longer has.
        found = [number for number in found if self._entries[number].says_something] or found
        return next((number for number in found if number not in self._used), found[-1])

    def _nearest(self, forms: tuple[Request, ...], is_same: Callable[[Request, Request], bool]) -> list[int]:
        """Those of the same page whose query is nearest."""
        nearness = {
            number: max(form.nearness(self._entries[number].request) for form in forms)
            for form in forms
            for number in self._numbers(partial(is_same, form))
        }
        nearest = max(nearness.values(), default=None)
        return sorted(number for number, near in nearness.items() if near == nearest)

    def _alike(self, found: list[int], asked: Request) -> list[int]:
        """All, in their order; of GraphQL those whose query has the most words in common: a site asks much there."""
        own = words(asked.body)
        if not own or len(found) < 2:
            return found
        common = {number: len(own & words(self._entries[number].request.body)) for number in found}
        return [number for number in found if common[number] == max(common.values())]

    def _numbers(self, matches: Callable[[Request], bool]) -> list[int]:
        return [number for number, entry in enumerate(self._entries) if matches(entry.request)]


def load(path: Path) -> tuple[Entry, ...]:
    """The entries of an archive that have an answer, in their order.

    :raises ConfigurationError: it cannot be read, or is no HTTP Archive.
    """
    try:
        state = path.stat()
        return _load(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise ConfigurationError(f"The recording {path} cannot be read: {error.strerror}.") from None


@lru_cache(maxsize=8)  # thousands of cases may replay one archive; time and size tell when it was written anew
def _load(path: Path, _modified: int, _size: int) -> tuple[Entry, ...]:
    try:
        entries = json.loads(path.read_bytes())["log"]["entries"]
    except (ValueError, RecursionError):
        raise ConfigurationError(f"The recording {path} is not an HTTP Archive: it is not JSON.") from None
    except (KeyError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise ConfigurationError(f"The recording {path} is not an HTTP Archive: it has no log.entries.")
    read = []
    for number, entry in enumerate(entries):
        try:
            read.append(_entry(entry))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"The recording {path} is not an HTTP Archive: entry {number}: {type(error).__name__}: {error}."
            raise ConfigurationError(message) from None
    return tuple(entry for entry in read if entry is not None)


def _entry(given: dict[str, Any]) -> Entry | None:
    """An entry; None where a browser got no answer (status 0), or did not ask a web server (`data:`, `blob:`)."""
    asked, answered = given["request"], given["response"]
    status = int(answered["status"])
    if not 200 <= status <= 599 or not asked["url"].lower().startswith(("http://", "https://")):
        return None
    posted = asked.get("postData") or {}
    content = answered.get("content") or {}
    text, is_base64 = content.get("text") or "", content.get("encoding") == "base64"
    headers = [
        (header["name"], header["value"].replace("\n", ", "))
        for header in answered.get("headers") or ()
        if not header["name"].startswith(":") and header["name"].lower() not in _OF_THE_TRANSFER
    ]
    is_compressed = any(
        header["name"].lower() == "content-encoding" and "gzip" in header["value"].lower()
        for header in answered.get("headers") or ()
    )
    names = {name.lower() for name, _ in headers}
    if answered.get("redirectURL") and "location" not in names:
        headers.append(("Location", answered["redirectURL"]))
    if content.get("mimeType") and "content-type" not in names:
        headers.append(("Content-Type", content["mimeType"]))
    if not is_base64:
        # The text is encoded anew, as UTF-8, whatever the server's charset was.
        headers = [(name, _CHARSET.sub("; charset=utf-8", value)) for name, value in headers]
        text = _XML_CHARSET.sub(r"\1\2utf-8\2", text)
    request = Request.of(asked["method"], asked["url"], posted.get("mimeType") or "", _posted_text(posted))
    return Entry(request, status, tuple(headers), text, is_base64, is_compressed)


def _posted_text(posted: dict[str, Any]) -> str:
    if text := posted.get("text"):
        return str(text)
    return str(httpx.QueryParams([(one["name"], one.get("value") or "") for one in posted.get("params") or ()]))


def _is_conditional(request: httpx.Request) -> bool:
    return "if-none-match" in request.headers or "if-modified-since" in request.headers
