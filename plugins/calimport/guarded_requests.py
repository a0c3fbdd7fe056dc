"""The network guard for the library ``requests``, through which Google's libraries ask for tokens.

Where a token is asked for stands in a key or a file of client secrets that somebody was given.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from calimport import network_guard
from calimport.settings import Settings


def session(settings: Settings) -> requests.Session:
    """A session that connects where a fetch may, follows the environment's proxies nowhere, and verifies TLS."""
    opened = requests.Session()
    guard(opened, settings)
    return opened


def guard(opened: requests.Session, settings: Settings) -> None:
    """Have this session connect only where a fetch may."""
    opened.trust_env = False
    for scheme in ("https://", "http://"):
        opened.mount(scheme, _GuardedAdapter(network_guard.networks(settings.allowed_networks)))


class _GuardedAdapter(HTTPAdapter):
    """Connects to a judged address in the name's place; TLS and the Host header keep the name."""

    def __init__(self, allowed: network_guard.Networks) -> None:
        self._allowed = allowed
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        where, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        name = where["host"]
        try:
            address = network_guard.resolved(name, where["port"] or 0, self._allowed)[0]
        except OSError as error:
            raise requests.ConnectionError(str(error), request=request) from error
        if where["scheme"] == "https":
            tls["server_hostname"] = name
        return {**where, "host": address}, tls

    def add_headers(self, request: requests.PreparedRequest, **kwargs: Any) -> None:
        request.headers["Host"] = urlsplit(str(request.url)).netloc.rpartition("@")[2]
