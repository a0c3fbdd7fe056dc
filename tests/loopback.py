"""The internet on the loopback interface: a transport that leads each host to a server of the test.

What :class:`calimport.fetching.Http` asks for stays what it is in production, ``https://www.eventbriteapi.com/…``: by
that hosts, credentials and redirects are judged. Only the connection goes elsewhere, as with a proxy. A host that the
test does not serve cannot be reached, and every request is on record.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

#: Where the tests' servers are, for ``CALIMPORT_ALLOWED_NETWORKS``: fetches are not let into it by themselves.
LOOPBACK = "127.0.0.0/8,::1/128"
#: What makes two requests the same one: method, address, body.
Asking = tuple[str, str, bytes]


def asking(request: httpx.Request) -> Asking:
    """What was asked for, whatever the headers."""
    return request.method, str(request.url), request.content


class Loopback(httpx.AsyncBaseTransport):
    """A real transport to ``http://127.0.0.1:…`` servers.

    :param servers: base addresses by host name; a path in them goes before the path that is asked for. An address on
        the loopback interface is asked as it is.
    """

    def __init__(self, servers: Mapping[str, str]) -> None:
        self._servers = {name: httpx.URL(url) for name, url in servers.items()}
        # Fetches at once share it, and each closes what it was given: so nothing is kept that could be closed.
        self._inner = httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
        #: Each request as it was asked for, before it was led elsewhere.
        self.asked: list[httpx.Request] = []
        #: Addresses that answer in the place of these requests; each is taken once, or for ever as the last.
        self.instead: dict[Asking, list[str]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        if replacements := self.instead.get(asking(request)):
            url = replacements.pop(0) if len(replacements) > 1 else replacements[0]
            if url:
                led = httpx.Request("GET", url, headers={"host": request.url.host}, extensions=request.extensions)
                return await self._inner.handle_async_request(led)
        server = self._servers.get(request.url.host)
        if server is None:
            if request.url.host == "127.0.0.1":
                return await self._inner.handle_async_request(request)
            raise httpx.ConnectError(f"no server of this test is {request.url.host}")
        path = server.raw_path.rstrip(b"/") + request.url.raw_path
        url = request.url.copy_with(scheme=server.scheme, host=server.host, port=server.port, raw_path=path)
        # The Host header stays the one that was asked for.
        led = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return await self._inner.handle_async_request(led)
