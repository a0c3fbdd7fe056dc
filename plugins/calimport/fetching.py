"""HTTP for every source: one client, time-outs, caps, redirects, and each failure as an error of ours."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from calimport.errors import (
    CalimportError,
    FeedConnectionFailed,
    FeedForbidden,
    FeedHostUnknown,
    FeedMovedTooOften,
    FeedNotFound,
    FeedServerError,
    FeedStatusUnexpected,
    FeedTimeout,
    FeedTlsInvalid,
    FeedTooLarge,
    FeedTruncated,
    FeedUnparsable,
    QuotaExceeded,
    SourceUnsupported,
    mask,
    mask_url,
)
from calimport.settings import Settings

# They write every address to the log, private ones too: httpx at INFO, httpcore at DEBUG.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What httpx decompresses piece by piece, so that the caps hold before memory is gone. Brotli in one piece, and one
#: compression within another, can turn a kilobyte into gigabytes.
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_PASSING_STATUSES = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})


@dataclass(frozen=True)
class Response:
    """A whole answer, its body decompressed."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: str


class Http:
    """What a source fetches through. Counts what it cost.

    :param transport: replaces the network, for replay and for tests.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.settings = settings
        self.requests = 0
        self.bytes_received = 0
        #: Without a network no credentials are needed: a source may then go without them.
        self.replayed = getattr(transport, "replayed", False)
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=_tls(),
            headers={"User-Agent": settings.user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Http:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._client.__aexit__(*exc_info)

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """GET ``url``, redirects followed; any status comes back: see :func:`raise_for_status`.

        ``webcal://`` is ``https://``. ``Authorization`` is not sent on to another host.

        :raises CalimportError: the class of what went wrong on the way.
        """
        try:
            async with asyncio.timeout(self.settings.fetch_timeout):
                return await self._get(url, dict(headers or {}))
        except TimeoutError as error:
            raise FeedTimeout(detail=f"{mask_url(url)}: over {self.settings.fetch_timeout:g} s in all") from error

    async def _get(self, url: str, headers: dict[str, str]) -> Response:
        for _ in range(self.settings.max_redirects + 1):
            url = http_url(url)
            try:
                response = await self._get_once(url, headers)
            except httpx.HTTPError as error:
                raise connection_error(error, url) from error
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location:
                return response
            target = http_url(_joined(url, location))
            if not _is_as_safe(url, target):
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = target
        raise FeedMovedTooOften(detail=f"{mask_url(url)}: over {self.settings.max_redirects} redirects")

    async def _get_once(self, url: str, headers: dict[str, str]) -> Response:
        self.requests += 1
        async with self._client.stream("GET", url, headers=headers) as response:
            body = bytearray()
            try:
                if _content_length(response) > self.settings.max_bytes:
                    raise FeedTooLarge(detail=f"{mask_url(url)}: Content-Length {response.headers['content-length']}")
                if (encoding := response.headers.get("content-encoding", "").strip().lower()) not in _ENCODINGS:
                    raise FeedUnparsable(
                        detail=f"{mask_url(url)}: Content-Encoding {encoding}, which was not asked for"
                    )
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if response.num_bytes_downloaded > self.settings.max_bytes:
                        raise FeedTooLarge(detail=f"{mask_url(url)}: over {self.settings.max_bytes} bytes")
                    if len(body) > self.settings.max_decompressed_bytes:
                        raise FeedTooLarge(
                            detail=f"{mask_url(url)}: over {self.settings.max_decompressed_bytes} bytes decompressed"
                        )
            finally:
                self.bytes_received += response.num_bytes_downloaded
            return Response(response.status_code, response.headers, bytes(body), url)


@cache
def _tls() -> ssl.SSLContext:
    """One for the process: reading the certificates takes longer than many a fetch."""
    return httpx.create_ssl_context(trust_env=False)


def http_url(url: str) -> str:
    """``url`` with ``webcal`` and ``webcals`` read as ``https``.

    :raises SourceUnsupported: it is not an http, https or webcal URL with a host.
    """
    try:
        parts = urlsplit(url.strip())
        scheme = {"webcal": "https", "webcals": "https"}.get(parts.scheme.lower(), parts.scheme.lower())
        if scheme not in ("http", "https") or not parts.hostname:
            raise SourceUnsupported(detail=f"scheme {parts.scheme!r}")
        _ = parts.port  # raises where it is none
        absolute = urlunsplit((scheme, parts.netloc, parts.path or "/", parts.query, ""))
        httpx.URL(absolute)
    except (ValueError, httpx.InvalidURL):
        raise SourceUnsupported(detail="the address is not a URL") from None
    return absolute


def raise_for_status(response: Response) -> None:
    """Raise the error that the status stands for; 200 and 304 pass.

    :raises CalimportError: any other status.
    """
    status = response.status
    if status in (200, 304):
        return
    detail = f"{mask_url(response.url)}: HTTP {status}"
    if status in (404, 410):
        raise FeedNotFound(detail=detail)
    if status in (401, 403, 407):
        raise FeedForbidden(detail=detail)
    if status == 429:
        raise QuotaExceeded(detail=detail, retry_after=retry_after(response))
    if status in _PASSING_STATUSES:
        raise FeedServerError(detail=detail, retry_after=retry_after(response))
    raise FeedStatusUnexpected(
        f"The calendar's website answered with status {status} instead of a calendar. Please check the address.",
        detail=detail,
    )


def retry_after(response: Response) -> float | None:
    """Seconds of ``Retry-After`` (RFC 9110, 10.2.3), counted from the answer's own ``Date`` when it names a time."""
    raw = response.headers.get("retry-after", "").strip()
    if raw.isdigit():
        return float(raw)
    try:
        answered = parsedate_to_datetime(response.headers["date"])
        return max(0.0, (_aware(parsedate_to_datetime(raw)) - _aware(answered)).total_seconds())
    except (KeyError, ValueError):
        return None


def connection_error(error: httpx.HTTPError, url: str) -> CalimportError:
    """The error of ours that stands for one of httpx's."""
    detail = f"{mask_url(url)}: {type(error).__name__}: {mask(str(error))}"
    if isinstance(error, httpx.TimeoutException):
        return FeedTimeout(detail=detail)
    if isinstance(error, httpx.UnsupportedProtocol):
        return SourceUnsupported(detail=detail)
    if isinstance(error, httpx.DecodingError):
        return FeedUnparsable(detail=detail)
    if isinstance(error, httpx.RemoteProtocolError) and "complete message body" in str(error):
        return FeedTruncated(detail=detail)  # fewer bytes than announced
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return FeedTlsInvalid(detail=detail)
    if isinstance(error, httpx.ConnectError) and ("getaddrinfo" in str(error) or _is_dns(causes)):
        return FeedHostUnknown(detail=detail)
    return FeedConnectionFailed(detail=detail)


def _is_dns(causes: list[BaseException]) -> bool:
    import socket

    return any(isinstance(cause, socket.gaierror) for cause in causes)


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in causes:
        causes.append(current)
        current = current.__cause__ or current.__context__
    return causes


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise SourceUnsupported(detail=f"{mask_url(url)}: redirect to what is not a URL") from None


def _is_as_safe(url: str, target: str) -> bool:
    """Whether what is secret for ``url`` may go to ``target``: the same host, and not from https to http."""
    before, after = urlsplit(url), urlsplit(target)
    return after.netloc == before.netloc and (after.scheme == before.scheme or after.scheme == "https")


def _content_length(response: httpx.Response) -> int:
    raw = response.headers.get("content-length", "")
    return int(raw) if raw.isdigit() else 0


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
