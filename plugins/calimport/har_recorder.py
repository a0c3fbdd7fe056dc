"""HTTP recorded into an HTTP Archive (HAR 1.2), as an httpx transport that stands before the network.

http://www.softwareishard.com/blog/har-12-spec/
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

import calimport
from calimport.errors import ConfigurationError
from calimport.har_masks import hide_urls, mask_answer, mask_body, mask_header, mask_url
from calimport.settings import Settings


class Recorder(httpx.AsyncBaseTransport):
    """Passes requests on and keeps what was said. :meth:`write` after the last, whether it went well or not.

    :param private: whether a connection's private address led to all of it, so that no address may be read from it.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, settings: Settings, *, private: bool = False) -> None:
        self._private = private
        self.replayed = getattr(inner, "replayed", False)
        self._inner = inner
        self._max_bytes = settings.max_decompressed_bytes
        self._entries: list[dict[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        # The one clock below the program's edge: when an exchange was recorded is a fact about the recording.
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry: dict[str, Any] = {"startedDateTime": now, "request": _request(request)}
        self._entries.append(entry)
        started = time.perf_counter()
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            entry |= _exchange(_no_response(error), started, started)
            raise
        answered = time.perf_counter()

        def finish(raw: bytes, error: BaseException | None) -> None:
            entry.update(_exchange(_response(response, raw, error, self._max_bytes), started, answered))

        stream = _Tee(response.stream, finish)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    def write(self, path: Path) -> None:
        """The archive, in one step: whoever reads ``path`` finds the old file or the whole new one.

        :raises ConfigurationError: ``path`` cannot be written.
        """
        creator = {"name": "calimport", "version": calimport.__version__}
        entries = [entry for entry in self._entries if "response" in entry]
        if self._private:
            for entry in entries:
                hide_urls(entry)
        archive = {"log": {"version": "1.2", "creator": creator, "entries": entries}}
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(archive, file, ensure_ascii=False, indent=1)
                os.replace(temporary, path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ConfigurationError(f"The recording {path} cannot be written: {error.strerror}.") from error


class _Tee(httpx.AsyncByteStream):
    """A response's stream that is kept while it passes."""

    def __init__(self, inner: Any, finish: Callable[[bytes, BaseException | None], None]) -> None:
        self._inner = inner
        self._finish = finish
        self._raw = bytearray()
        self._error: BaseException | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                self._raw += chunk
                yield chunk
        except GeneratorExit:
            raise  # the reader has had enough, which is no fault of the answer
        except BaseException as error:
            self._error = error
            raise

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._finish(bytes(self._raw), self._error)


def _request(request: httpx.Request) -> dict[str, Any]:
    url, mime = mask_url(str(request.url)), request.headers.get("content-type", "")
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    recorded: dict[str, Any] = {
        "method": request.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(request.headers),
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": -1,
        "bodySize": len(request.content),
    }
    if request.content:
        text = mask_body(mime, request.content.decode("utf-8", "replace"))
        recorded["postData"] = {"mimeType": mime, "text": text}
    return recorded


def _response(response: httpx.Response, raw: bytes, error: BaseException | None, max_bytes: int) -> dict[str, Any]:
    body = mask_answer(_decompressed(raw, response.headers.get("content-encoding", ""), max_bytes))
    content: dict[str, Any] = {"size": len(body), "mimeType": response.headers.get("content-type", "")}
    try:
        content["text"] = body.decode()
    except UnicodeDecodeError:
        content |= {"text": base64.b64encode(body).decode(), "encoding": "base64"}
    return {
        "status": response.status_code,
        "statusText": response.reason_phrase,
        "httpVersion": response.http_version,
        "cookies": [],
        "headers": _headers(response.headers),
        "content": content,
        "redirectURL": mask_url(response.headers.get("location", "")),
        "headersSize": -1,
        "bodySize": len(raw),
        **({"_error": type(error).__name__} if error else {}),
    }


def _no_response(error: BaseException) -> dict[str, Any]:
    """Status 0 and the reason, as Chrome writes it."""
    return {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": ""},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
        "_error": type(error).__name__,
    }


def _exchange(response: dict[str, Any], started: float, answered: float) -> dict[str, Any]:
    wait, receive = (answered - started) * 1000, (time.perf_counter() - answered) * 1000
    timings = {"send": 0, "wait": round(wait, 3), "receive": round(receive, 3)}
    return {"response": response, "cache": {}, "timings": timings, "time": round(sum(timings.values()), 3)}


def _headers(headers: httpx.Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": mask_header(name, value)} for name, value in headers.multi_items()]


def _decompressed(raw: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body as far as it can be decompressed, as :class:`calimport.fetching.Http` would see it."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return raw
    try:
        return zlib.decompressobj(wbits=47).decompress(raw, max_bytes + 1)  # 47: gzip or zlib, as its header says
    except zlib.error:
        return raw
