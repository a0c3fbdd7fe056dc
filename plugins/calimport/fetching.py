"""HTTP for every source: redirects, retries, budgets, JSON, and each failure as an error of ours.

What a source asks for through :class:`Http` either comes whole or raises. A request that fails in a way that may pass
(a status such as 503, a connection refused or dropped) is sent again a few times, after a random wait that grows; a
time-out is not, since it has cost enough. All of it stays within ``fetch_timeout``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from calimport import json_text, logs
from calimport.authorization import Auth
from calimport.budgets import Budget, LocalBudget, Rate, credential_key, host_key
from calimport.client import Client, http_url
from calimport.errors import (
    FeedConnectionFailed,
    FeedMovedTooOften,
    FeedTimeout,
    FeedTruncated,
    QuotaExceeded,
    SourceUnsupported,
    mask_url,
)
from calimport.fetching_errors import (
    PASSING_STATUSES,
    Response,
    is_throttled,
    raise_for_status,
    retry_after,
)
from calimport.hosts import Hosts, host, origin
from calimport.settings import Settings

__all__ = ["Auth", "Http", "Response", "http_url", "raise_for_status", "retry_after"]

log = logs.logger(__name__)

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: What may follow a redirect to another host. A key may stand in any other header.
_HARMLESS_HEADERS: Final = frozenset(
    {"accept", "accept-language", "content-type", "depth", "if-none-match", "if-modified-since"}
)


class Http:
    """What a source fetches one calendar through. Counts what it cost.

    :param transport: replaces the network: for replay, and in tests, where it leads each host to the loopback
        interface.
    :param budget: how often hosts and credentials may be asked; default: one of this object's own.
    :param sleep: waits so many seconds.
    :param jitter: a number from 0 to 1, the share of a back-off that is waited.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        budget: Budget | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.retries = 0
        #: Without a network no credentials are needed: a source may then go without them.
        self.replayed = getattr(transport, "replayed", False)
        self._hosts = Hosts(None)
        self._default_rate = Rate(settings.host_requests_per_second, settings.host_request_burst)
        self._host_rate = self._credential_rate = self._default_rate
        self._budget = budget or LocalBudget()
        self._sleep = sleep
        self._jitter = jitter
        self._kept: dict[str, Response] = {}
        self._deadline = 0.0
        self._client = Client(settings, transport)

    async def __aenter__(self) -> Http:
        self._deadline = asyncio.get_running_loop().time() + self.settings.fetch_timeout
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._client.__aexit__(*exc_info)

    @property
    def requests(self) -> int:
        """Every one that was sent, redirects and retries too."""
        return self._client.requests

    @property
    def bytes_received(self) -> int:
        """Of all bodies, as they travelled."""
        return self._client.bytes_received

    def restrict(
        self, hosts: tuple[str, ...], *, host_rate: Rate | None = None, credential_rate: Rate | None = None
    ) -> None:
        """Call only these hosts from now on, https alone, and the calendar's own: see :meth:`own`.

        :param host_rate: what the provider documents for all requests to its hosts.
        :param credential_rate: what it documents for one key or user.
        """
        self._hosts = Hosts(hosts)
        self._host_rate = host_rate or self._default_rate
        self._credential_rate = credential_rate or self._default_rate

    def own(self, url: str) -> str:
        """Let the calendar's own address, as configured, be called. The URL to call: ``webcal://`` is ``https://``.

        :raises SourceUnsupported: it is no http, https or webcal URL.
        """
        url = http_url(url)
        self._hosts.add_own(url)
        return url

    def keep(self, url: str, response: Response) -> None:
        """Let this answer be that to every further GET of ``url``: what was looked at once is not fetched again."""
        self._kept[http_url(url)] = response

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        throttled: Callable[[Response], bool] = is_throttled,
    ) -> Response:
        """GET ``url``, redirects followed; any status comes back: see :func:`raise_for_status`.

        Credentials are not sent on to another host.

        :param params: added to the query.
        :param throttled: whether an answer says that there were too many requests: status 429, unless the provider has
            other ways to say so.
        :raises FeedHostUnexpected: the address, or one that it redirects to, is on a host that the source may not call.
        :raises QuotaExceeded: the budget has no slot within the time of this fetch.
        :raises CalimportError: the class of what went wrong on the way.
        """
        if params:
            url += ("&" if urlsplit(url).query else "?") + str(httpx.QueryParams(dict(params)))
        if kept := self._kept.get(http_url(url)):
            self._hosts.check(http_url(url))
            return kept
        return await self._retried("GET", url, dict(headers or {}), None, auth, throttled)

    async def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
    ) -> Any:
        """The JSON that a GET gives.

        :raises FeedUnparsable: the answer is not JSON.
        :raises CalimportError: its status is not 200, or as for :meth:`get`.
        """
        accept = {"Accept": "application/json"} | dict(headers or {})
        return _json(await self.get(url, params=params, headers=accept, auth=auth))

    async def post_json(
        self, url: str, body: Any, *, headers: Mapping[str, str] | None = None, auth: Auth | None = None
    ) -> Any:
        """The JSON that a POST of JSON gives. It may be sent again, so it must only ask (a GraphQL query).

        A redirect is not followed, and so an error.

        :raises FeedUnparsable: the answer is not JSON.
        :raises CalimportError: its status is not 200, or as for :meth:`get`.
        """
        own = {"Accept": "application/json", "Content-Type": "application/json"}
        content = json_text.canonical(body)
        return _json(await self._retried("POST", url, own | dict(headers or {}), content, auth, is_throttled))

    async def ask(
        self,
        method: str,
        url: str,
        content: bytes,
        *,
        headers: Mapping[str, str],
        auth: Auth | None = None,
    ) -> Response:
        """The answer, of any status, to a request that has a body and changes nothing, since it may be sent again.

        :param method: ``PROPFIND`` or ``REPORT`` (RFC 4918, RFC 3253), whose redirects are followed, or ``POST``.
        :raises CalimportError: as for :meth:`get`.
        """
        return await self._retried(method, url, dict(headers), content, auth, is_throttled)

    async def _retried(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        content: bytes | None,
        auth: Auth | None,
        throttled: Callable[[Response], bool],
    ) -> Response:
        url = http_url(url)
        for attempt in range(1, self.settings.fetch_attempts + 1):
            response, failure = None, None
            try:
                async with asyncio.timeout_at(self._deadline):
                    response = await self._redirected(method, url, headers, content, auth)
            except TimeoutError as error:
                raise self._out_of_time(url) from error
            except (FeedConnectionFailed, FeedTruncated) as error:
                failure = error
            backoff = min(self.settings.retry_delay * 2 ** (attempt - 1), self.settings.retry_delay_max)
            wait = backoff * self._jitter()
            if response is not None:
                is_too_much = throttled(response)
                if not is_too_much and response.status not in PASSING_STATUSES:
                    return response
                asked = retry_after(response)
                if is_too_much or asked is not None:
                    self._budget.postpone(self._slots(response.url, auth)[-1], backoff if asked is None else asked)
                wait = max(wait, asked or 0.0)
            is_last = attempt == self.settings.fetch_attempts
            if is_last or wait > min(self.settings.retry_delay_max, self._seconds_left()):
                break
            self.retries += 1
            why = f"HTTP {response.status}" if response is not None else type(failure).__name__
            log.info("Retry %d of %s after %s, in %.1f s", attempt, mask_url(url), why, wait)
            await self._wait(wait)
        if response is not None:
            return response
        assert failure is not None  # noqa: S101 - one of the two, since there is at least one attempt
        raise failure

    async def _redirected(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None, auth: Auth | None
    ) -> Response:
        comes_from = None
        for _ in range(self.settings.max_redirects + 1):
            self._hosts.check(url, comes_from=comes_from)
            await self._reserve(url, auth)
            response = await self._client.send(method, url, headers, content, auth)
            location = response.headers.get("location")
            if method == "POST" or response.status not in _REDIRECTS or not location:
                return response
            comes_from, url = url, http_url(_joined(url, location))
            if not _is_as_safe(comes_from, url):
                auth = None
                headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS_HEADERS}
        raise FeedMovedTooOften(detail=f"{mask_url(url)}: over {self.settings.max_redirects} redirects")

    async def _reserve(self, url: str, auth: Auth | None) -> None:
        """Wait for a slot in the budgets of host and credential."""
        if self.replayed:
            return
        on_host, of_credential = self._slots(url, auth)
        wait = self._budget.reserve(on_host | of_credential)
        if wait > self._seconds_left():
            raise QuotaExceeded(detail=f"{mask_url(url)}: no slot for {wait:.0f} s", retry_after=wait)
        if wait > 0:
            await self._wait(wait)

    def _slots(self, url: str, auth: Auth | None) -> tuple[dict[str, Rate], dict[str, Rate]]:
        """What a request takes from: the host's budget, and the credential's; without one the host's again."""
        rate = self._host_rate if self._hosts.is_declared(url) else self._default_rate
        on_host = {host_key(host(url)): rate}
        return on_host, {credential_key(auth.owner): self._credential_rate} if auth else on_host

    async def _wait(self, seconds: float) -> None:
        if not self.replayed:  # a recording has nobody who could be asked too often
            await self._sleep(seconds)

    def _seconds_left(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()

    def _out_of_time(self, url: str) -> FeedTimeout:
        return FeedTimeout(detail=f"{mask_url(url)}: over {self.settings.fetch_timeout:g} s in all")


def _json(response: Response) -> Any:
    raise_for_status(response)
    return json_text.loads(response.content)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise SourceUnsupported(detail=f"{mask_url(url)}: redirect to what is not a URL") from None


def _is_as_safe(url: str, target: str) -> bool:
    """Whether what is secret for ``url`` may go to ``target``: the same host, and not from https to http."""
    return origin(target) in (origin(url), origin(url).replace("http://", "https://", 1))
