"""Which addresses a fetch may connect to. URLs come from outside, and must not lead into the network that we run in.

The name is resolved here, each address is judged, and the connection goes to an address that was judged: a name that
changes its mind between two look-ups (DNS rebinding) gains nothing. TLS and the ``Host`` header still have the name, so
certificates are verified against it. Every connection is judged anew, and so is every redirect.

Judged is what DNS and the system make of a name, not how it is written: ``2130706433``, ``0x7f.1`` and
``[::ffff:127.0.0.1]`` are all 127.0.0.1. An address that carries an IPv4 address is judged by that one too.

An operator may allow networks (``CALIMPORT_ALLOWED_NETWORKS``). The environment's proxies are not used: a proxy would
resolve the name itself, behind our back.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from itertools import chain, zip_longest
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from calimport.errors import ConfigurationError, FeedAddressForbidden
from calimport.settings import Settings

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def _table(*rows: tuple[str, str]) -> tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str], ...]:
    return tuple((ipaddress.ip_network(network), reason) for network, reason in rows)


#: What is no public host (the IANA registries of special-purpose addresses), and why.
_FORBIDDEN: Final = _table(
    ("127.0.0.0/8", "this machine"),
    ("0.0.0.0/8", "this machine"),
    ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
    ("168.63.129.16/32", "Azure's own services"),
    ("10.0.0.0/8", "a private network"),
    ("172.16.0.0/12", "a private network"),
    ("192.168.0.0/16", "a private network"),
    ("100.64.0.0/10", "a provider's own network"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("192.88.99.0/24", "reserved"),
    ("198.18.0.0/15", "for benchmarks"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::1/128", "this machine"),
    ("::/128", "this machine"),
    ("fe80::/10", "link-local"),
    ("fc00::/7", "a private network"),
    ("fec0::/10", "a private network"),
    ("ff00::/8", "multicast"),
    ("2001::/23", "reserved, Teredo among it"),
    ("2001:db8::/32", "for documentation"),
    ("3fff::/20", "for documentation"),
)
#: All that is public in IPv6 lies here; the rest is not given to anybody yet.
_GLOBAL_IPV6: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LOOPBACK: Final = "127.0.0.0/8,::1/128"
#: Addresses of one name that are tried: each has its share of the time to connect.
_MOST_TRIED: Final = 4
#: Hosts to which idle connections are kept.
_MOST_HOSTS: Final = 32


@cache
def networks(text: str) -> Networks:
    """The networks of ``CALIMPORT_ALLOWED_NETWORKS``: in CIDR notation, separated by commas.

    :raises ConfigurationError: one is no network.
    """
    try:
        return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise ConfigurationError(
            f"CALIMPORT_ALLOWED_NETWORKS must be networks such as 10.1.0.0/16, separated by commas: {error}."
        ) from None


def judge(address: str, allowed: Networks) -> str | None:
    """Why ``address`` may not be connected to; None: it may.

    :param address: as the system writes it; a zone id (``%eth0``) changes nothing.
    """
    given = ipaddress.ip_address(address.partition("%")[0])
    inner = _embedded(given)
    if any(one in network for one in (given, inner) for network in allowed):
        return None
    for network, reason in _FORBIDDEN:
        if inner in network:
            return reason
    is_public = inner.version == 4 or inner in _GLOBAL_IPV6
    return None if is_public else "reserved"


def check_written(host: str, allowed: Networks) -> None:
    """Make sure that a host that is written as a number, or as this machine's name, may be connected to.

    No name is resolved: what it stands for is judged at each fetch.

    :raises FeedAddressForbidden: it may not.
    """
    address = _written(host)
    if address is not None and (reason := judge(address, allowed)):
        raise forbidden(host, [(address, reason)])


def with_own_machine(source: str | None, settings: Settings) -> Settings:
    """Settings that let a fetch reach this machine, where its person has named it: ``http://127.0.0.1:8000/a.ics``.

    For those alone who may read this machine's files too. A name from DNS that leads here does not count.
    """
    try:
        address = _written(urlsplit(source or "").hostname or "")
    except ValueError:
        return settings
    if address is None or judge(address, networks(_LOOPBACK)) or judge(address, ()) is None:
        return settings
    return replace(settings, allowed_networks=f"{settings.allowed_networks},{_LOOPBACK}")


def transport(settings: Settings, verify: ssl.SSLContext | None = None) -> httpx.AsyncBaseTransport:
    """The network, as far as a fetch may use it."""
    return _GuardedTransport(networks(settings.allowed_networks), verify)


def resolved(host: str, port: int, allowed: Networks) -> list[str]:
    """The addresses of ``host`` that may be connected to, in the order to try them. Blocks.

    :raises OSError: it has no address. :raises FeedAddressForbidden: it has none that may be connected to.
    """
    return permitted(host, socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), allowed)


def permitted(host: str, found: Iterable[tuple[Any, ...]], allowed: Networks) -> list[str]:
    """Of what ``getaddrinfo`` gave, the addresses that may be connected to: IPv6 and IPv4 in turns, the first ones.

    :raises FeedAddressForbidden: there is none.
    """
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    judged = [(address, judge(address, allowed)) for address in addresses]
    good = [address for address, reason in judged if reason is None]
    if not good:
        raise forbidden(host, [(address, str(reason)) for address, reason in judged])
    first_family = ":" in good[0]
    same, other = ([one for one in good if (":" in one) is (first_family is family)] for family in (True, False))
    turns = chain.from_iterable(zip_longest(same, other))
    return [one for one in turns if one is not None][:_MOST_TRIED]


def forbidden(host: str, judged: Iterable[tuple[str, str]]) -> FeedAddressForbidden:
    """The error, with what an operator needs to know; the owner is not told the addresses of our network."""
    seen = ", ".join(f"{address} ({reason})" for address, reason in judged)
    return FeedAddressForbidden(detail=f"{host} is {seen}; CALIMPORT_ALLOWED_NETWORKS could allow it")


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, whose connections are made by the guard."""

    def __init__(self, allowed: Networks, verify: ssl.SSLContext | None) -> None:
        context = verify or httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        if not hasattr(self, "_pool"):  # rather no network than one without the guard
            raise RuntimeError("httpx has changed: its transport has no _pool to guard")
        guarded = partial(
            httpcore.AsyncConnectionPool,
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_GuardedNetwork(allowed),
        )
        # All that the transport asks of it.
        self._pool = _PoolOfEachHost(guarded)  # type: ignore[assignment]


class _PoolOfEachHost:
    """Connections by host: a pool looks at all that it has at each request, which takes long where each is of another.

    The hosts that were asked last keep theirs open.
    """

    def __init__(self, new: Callable[[], httpcore.AsyncConnectionPool]) -> None:
        self._new = new
        self._pools: dict[tuple[bytes, bytes, int | None], httpcore.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        url = request.url
        asked = (url.scheme, url.host, url.port)
        pool = self._pools.pop(asked) if asked in self._pools else self._new()
        self._pools[asked] = pool
        try:
            return await pool.handle_async_request(request)
        finally:
            await self._close(list(self._pools)[:-_MOST_HOSTS])

    async def _close(self, hosts: Iterable[tuple[bytes, bytes, int | None]]) -> None:
        """Close the connections to these hosts that nobody uses."""
        for host in hosts:
            pool = self._pools.get(host)
            if pool is not None and all(one.is_idle() for one in pool.connections):
                await self._pools.pop(host).aclose()

    async def __aenter__(self) -> _PoolOfEachHost:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        while self._pools:
            await self._pools.popitem()[1].aclose()


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses. The pool above knows hosts by name: no connection serves two names."""

    def __init__(self, allowed: Networks) -> None:
        self._allowed = allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("DNS") from error
        except UnicodeError as error:  # a label that is too long, or empty
            raise httpcore.ConnectError("getaddrinfo: the name is not valid") from error
        except OSError as error:
            raise httpcore.ConnectError(f"getaddrinfo: {error}") from error
        addresses = permitted(host, found, self._allowed)
        share = None if timeout is None else timeout / len(addresses)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout=share, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None  # noqa: S101 - there is at least one address
        raise failure

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("no fetch connects to a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _embedded(address: IPAddress) -> IPAddress:
    """The IPv4 address that packets to ``address`` may end at: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).

    Any other address is itself. Teredo is forbidden as a whole, whatever it carries.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _written(host: str) -> str | None:
    """The address that ``host`` is without any look-up; None: it is a name."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(name))  # 127.1, 0x7f000001, 2130706433, 0177.0.0.1
    except (OSError, ValueError):
        return None
