"""One request and its whole answer: time-outs, caps on what comes, and no address in any log."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, lru_cache
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from calimport import network_guard
from calimport.authorization import Auth
from calimport.errors import FeedTooLarge, FeedUnparsable, SourceUnsupported, mask_url
from calimport.fetching_errors import Response, connection_error
from calimport.settings import Settings

# They write every address to the log, private ones too: httpx at INFO, httpcore at DEBUG.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

#: What httpx decompresses piece by piece, so that the caps hold before memory is gone. Brotli in one piece, and one
#: compression within another, can turn a kilobyte into gigabytes.
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


class Client:
    """An HTTP client for one fetch; all its answers together may have ``max_decompressed_bytes``.

    :param transport: replaces the network; None: the network, as far as :mod:`calimport.network_guard` lets it.
    :raises ConfigurationError: the networks that are allowed are none.
    """

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None) -> None:
        self.requests = 0
        self.bytes_received = 0
        self._settings = settings
        self._decompressed = 0
        self._client = httpx.AsyncClient(
            transport=transport or network_guard.transport(settings, tls()),
            headers={"User-Agent": settings.user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Client:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._client.__aexit__(*exc_info)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, auth: Auth | None
    ) -> Response:
        """The answer, whatever its status; no redirect is followed.

        :raises FeedTooLarge: it is larger than allowed, as it travels or after decompression.
        :raises CalimportError: the class of what went wrong on the way.
        """
        self.requests += 1
        signed = dict(headers) | ({"Authorization": auth.header} if auth else {})
        try:
            async with self._client.stream(method, url, headers=signed, content=content) as response:
                body = await self._read(response, url)
        except httpx.HTTPError as error:
            raise connection_error(error, url) from error
        return Response(response.status_code, response.headers, body, url, signed_in=auth is not None)

    async def _read(self, response: httpx.Response, url: str) -> bytes:
        """The body, decompressed."""
        most, most_decompressed = self._settings.max_bytes, self._settings.max_decompressed_bytes
        body = bytearray()
        try:
            if _content_length(response) > most:
                raise FeedTooLarge(detail=f"{mask_url(url)}: Content-Length {response.headers['content-length']}")
            if (encoding := response.headers.get("content-encoding", "").strip().lower()) not in _ENCODINGS:
                raise FeedUnparsable(detail=f"{mask_url(url)}: Content-Encoding {encoding}, which was not asked for")
            async for chunk in response.aiter_bytes():
                body += chunk
                self._decompressed += len(chunk)
                if response.num_bytes_downloaded > most:
                    raise FeedTooLarge(detail=f"{mask_url(url)}: over {most} bytes")
                if self._decompressed > most_decompressed:
                    raise FeedTooLarge(detail=f"{mask_url(url)}: over {most_decompressed} bytes decompressed")
        finally:
            self.bytes_received += response.num_bytes_downloaded
        return bytes(body)


@asynccontextmanager
async def open_network(settings: Settings) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """The network, for the fetches of many calendars: connections stay open and serve the next fetch from that host.

    Each connection was judged by :mod:`calimport.network_guard` when it was made, and serves one name alone.
    """
    network = _Network(settings)
    try:
        yield network
    finally:
        await network.close()


class _Network(httpx.AsyncBaseTransport):
    """A transport that a client which ends does not close."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._inner: httpx.AsyncBaseTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._inner is None:  # only now: a setting that is wrong is an error of each fetch
            self._inner = network_guard.transport(self._settings, tls())
        return await self._inner.handle_async_request(request)

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.aclose()


@lru_cache(maxsize=1024)
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


@cache
def tls() -> ssl.SSLContext:
    """One for the process: reading the certificates takes longer than many a fetch."""
    return httpx.create_ssl_context(trust_env=False)


def _content_length(response: httpx.Response) -> int:
    raw = response.headers.get("content-length", "")
    return int(raw) if raw.isdigit() else 0
