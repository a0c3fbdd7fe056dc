"""Which hosts a fetch may call: those that its kind of source declares, and the calendar's own.

An origin is scheme, host and port (RFC 6454, 4). A provider's host is asked over https alone. The calendar's own
address is its owner's choice: it may lead on to any other, which then is the calendar's own too; no credentials go
along.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from calimport.errors import FeedHostUnexpected, mask_url

_USUAL_PORTS: Final = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """``https://host`` or, where the port is not the usual one, ``https://host:port``; lower case."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _USUAL_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}".lower()


def host(url: str) -> str:
    """The origin without its scheme: what a provider counts requests by."""
    return origin(url).partition("://")[2]


class Hosts:
    """The hosts of one fetch.

    :param declared: names of the provider's hosts; None: any host, for a look at an address of no known kind.
    """

    def __init__(self, declared: Iterable[str] | None) -> None:
        self._declared = None if declared is None else frozenset(f"https://{name}" for name in declared)
        self._own: set[str] = set()

    def add_own(self, url: str) -> None:
        """Take this address, from the calendar's configuration, as the calendar's own; its https form too."""
        found = origin(url)
        self._own |= {found, found.replace("http://", "https://", 1)}

    def is_declared(self, url: str) -> bool:
        """Whether it is a host of the provider."""
        return self._declared is not None and origin(url) in self._declared

    def check(self, url: str, *, comes_from: str | None = None) -> None:
        """Make sure that ``url`` may be called.

        :param comes_from: the address that redirects to it.
        :raises FeedHostUnexpected: it may not; no request was sent.
        """
        if self._declared is None or origin(url) in self._declared or origin(url) in self._own:
            return
        if comes_from is not None and origin(comes_from) in self._own and not self.is_declared(comes_from):
            self.add_own(url)
            return
        raise FeedHostUnexpected(detail=f"{mask_url(url)} is no host of this source")
