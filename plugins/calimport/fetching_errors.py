"""What goes wrong on the way to a provider, as errors of ours: statuses, waits, and what httpx raises."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from calimport.errors import (
    CalimportError,
    CredentialsForbidden,
    CredentialsInvalid,
    FeedConnectionFailed,
    FeedForbidden,
    FeedHostUnknown,
    FeedNotFound,
    FeedServerError,
    FeedStatusUnexpected,
    FeedTimeout,
    FeedTlsInvalid,
    FeedTruncated,
    FeedUnparsable,
    QuotaExceeded,
    SourceUnsupported,
    mask,
    mask_url,
)

#: A moment later they may be gone; those over 511 are Cloudflare's.
PASSING_STATUSES: Final = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})
#: Seconds: 30 days. Who asks for more has made a mistake, and perhaps writes more digits than a number has.
_LONGEST_WAIT: Final = 2_592_000.0


@dataclass(frozen=True)
class Response:
    """A whole answer, its body decompressed. Its ``repr`` shows no address, which may be secret, and no body."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: str
    #: Whether it was asked for with a key or a sign-in, so that 401 and 403 speak of that.
    signed_in: bool = False

    def __repr__(self) -> str:
        return f"Response({self.status}, {mask_url(self.url)}, {len(self.content)} bytes)"


def is_throttled(response: Response) -> bool:
    """Whether the answer says that there were too many requests (RFC 6585, 4)."""
    return response.status == 429


def raise_for_status(response: Response) -> None:
    """Raise the error that the status stands for; 200 and 304 pass.

    :raises CredentialsInvalid, CredentialsForbidden: 401 and 403 to a request that was signed in.
    :raises CalimportError: any other status.
    """
    status = response.status
    if status in (200, 304):
        return
    detail = f"{mask_url(response.url)}: HTTP {status}"
    if status in (404, 410):
        raise FeedNotFound(detail=detail)
    if status in (401, 403) and response.signed_in:
        raise CredentialsInvalid(detail=detail) if status == 401 else CredentialsForbidden(detail=detail)
    if status in (401, 403, 407):
        raise FeedForbidden(detail=detail)
    if status == 429:
        raise QuotaExceeded(detail=detail, retry_after=retry_after(response))
    if status in PASSING_STATUSES:
        raise FeedServerError(detail=detail, retry_after=retry_after(response))
    raise FeedStatusUnexpected(
        f"The calendar's website answered with status {status} instead of a calendar. Please check the address.",
        detail=detail,
    )


def retry_after(response: Response) -> float | None:
    """Seconds of ``Retry-After`` (RFC 9110, 10.2.3), counted from the answer's own ``Date`` when it names a time.

    At most 30 days.
    """
    raw = response.headers.get("retry-after", "").strip()
    if raw.isdecimal():
        return min(float(raw), _LONGEST_WAIT)
    try:
        answered = parsedate_to_datetime(response.headers["date"])
        wait = (_aware(parsedate_to_datetime(raw)) - _aware(answered)).total_seconds()
        return min(max(0.0, wait), _LONGEST_WAIT)
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
    is_dns = "getaddrinfo" in str(error) or any(isinstance(cause, socket.gaierror) for cause in causes)
    if isinstance(error, httpx.ConnectError) and is_dns:
        return FeedHostUnknown(detail=detail)
    return FeedConnectionFailed(detail=detail)


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in causes:
        causes.append(current)
        current = current.__cause__ or current.__context__
    return causes


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
