"""GET from the Calendar API v3 as JSON, signed in, and what each refusal stands for.

https://developers.google.com/workspace/calendar/api/guides/errors
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from calimport import json_text
from calimport.errors import (
    CredentialsForbidden,
    CredentialsInvalid,
    CredentialsMissing,
    FeedIncomplete,
    FeedUnparsable,
    QuotaExceeded,
)
from calimport.fetching import Auth, Http, Response, raise_for_status, retry_after
from calimport.sources.base import FetchRequest
from calimport.sources.google_credentials import access_token

_ROOT: Final = "https://www.googleapis.com/calendar/v3"
_QUOTA_REASONS: Final = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED"}
)
_FORBIDDEN_SENTENCES: Final = {
    "accessNotConfigured": "The Google Calendar API is not switched on in the project of this key. Please enable it.",
    "insufficientPermissions": "The sign-in does not include permission to read calendars. Please sign in again.",
}


class SyncTokenExpired(FeedIncomplete):
    """410: "Sync token is no longer valid, a full sync is required"."""


class Api:
    """The API as one user or service account sees it."""

    def __init__(self, request: FetchRequest, http: Http) -> None:
        self.http = http
        self.replayed = http.replayed
        self._connection_id = request.connection_id
        self._token: str | None = None

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at ``path``.

        :raises SyncTokenExpired: status 410 where a sync token was given.
        :raises CalimportError: what any other answer than 200 stands for, or its body is not a JSON object.
        """
        response = await self._get(_ROOT + path, parameters)
        if response.status == 401 and not self.replayed:
            # "Get a new access token using the long-lived refresh token"; only if that fails the owner is asked.
            await self._sign_in(refused=self._token)
            response = await self._get(_ROOT + path, parameters)
        if response.status == 410 and parameters and "syncToken" in parameters:
            raise SyncTokenExpired(detail="Google Calendar: HTTP 410")
        _check(response)
        answer = json_text.loads(response.content)
        if not isinstance(answer, dict):
            raise FeedUnparsable(detail="Google Calendar: the answer is not a JSON object")
        return answer

    async def _get(self, url: str, parameters: Mapping[str, str] | None) -> Response:
        if self._token is None and not self.replayed:
            await self._sign_in(refused=None)
        # A token lives for an hour; what Google counts by is the user whom the connection stands for.
        auth = Auth.bearer(self._token, owner=f"connection {self._connection_id}") if self._token else None
        return await self.http.get(url, params=parameters, auth=auth, throttled=_is_quota)

    async def _sign_in(self, *, refused: str | None) -> None:
        if not self._connection_id:
            raise CredentialsMissing()
        self._token = await access_token(self._connection_id, self.http.settings, refused=refused)


def _check(response: Response) -> None:
    """Raise what the status and the reason in the body stand for. Google's own text is not shown: it may name users."""
    if response.status == 200:
        return
    reasons = _reasons(response.content)
    detail = f"Google Calendar: HTTP {response.status} {' '.join(sorted(reasons))}".rstrip()
    if response.status == 401:
        raise CredentialsInvalid(detail=detail)
    if _is_quota(response):
        raise QuotaExceeded(detail=detail, retry_after=retry_after(response))
    if response.status == 403:
        sentence = next((_FORBIDDEN_SENTENCES[reason] for reason in reasons if reason in _FORBIDDEN_SENTENCES), None)
        raise CredentialsForbidden(sentence, detail=detail)
    if response.status == 410:
        raise FeedIncomplete(detail=detail)
    raise_for_status(response)


def _is_quota(response: Response) -> bool:
    return response.status == 429 or (response.status == 403 and bool(_reasons(response.content) & _QUOTA_REASONS))


def _reasons(body: bytes) -> set[str]:
    """The reasons in an error's body: of ``errors``, and the newer ``status``."""
    try:
        error = json.loads(body)["error"]
        given = [*(one.get("reason") for one in error.get("errors", ())), error.get("status")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {reason for reason in given if isinstance(reason, str) and re.fullmatch(r"\w{1,60}", reason)}
