"""Requests to Microsoft Graph, signed in, and what its errors stand for."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote

from calimport import json_text
from calimport.errors import (
    CredentialsForbidden,
    CredentialsInvalid,
    CredentialsMissing,
    FeedIncomplete,
    FeedNotFound,
    FeedUnparsable,
)
from calimport.fetching import Auth, Http, Response, raise_for_status
from calimport.sources import microsoft_credentials
from calimport.sources.base import FetchRequest

HOST: Final = "graph.microsoft.com"
ROOT: Final = f"https://{HOST}/v1.0"
_PREFER: Final = 'outlook.timezone="UTC", outlook.body-content-type="html", odata.maxpagesize=200'
_RESYNC: Final = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})


class ResyncRequired(FeedIncomplete):
    """Graph no longer knows what has changed since this link."""


class Graph:
    """GET from Graph as JSON, signed in."""

    def __init__(self, request: FetchRequest, http: Http, user: str) -> None:
        self.http = http
        self.user = user
        self._connection_id = request.connection_id
        self._token: str | None = None

    async def get(self, url: str) -> dict[str, Any]:
        response = await self._get(url)
        if response.status == 401 and not self.http.replayed:
            await self._sign_in(refused=self._token)
            response = await self._get(url)
        _check(response)
        answer = json_text.loads(response.content)
        if not isinstance(answer, dict):
            raise FeedUnparsable(detail="Microsoft Graph: the answer is not a JSON object")
        return answer

    def event(self, key: str) -> str:
        """The address of an event."""
        return f"{ROOT}{self.user}/events/{quote(key, safe='')}"

    async def series(self, key: str) -> dict[str, Any] | None:
        """The master of a series; None where it is gone by now."""
        try:
            found = await self.get(self.event(key))
        except FeedNotFound:
            return None
        return {name: value for name, value in found.items() if not name.startswith("@odata.")} | {"id": key}

    async def _get(self, url: str) -> Response:
        if self._token is None and not self.http.replayed:
            await self._sign_in(refused=None)
        # Graph counts by application and mailbox.
        owner = f"connection {self._connection_id} {self.user}"
        auth = Auth.bearer(self._token, owner=owner) if self._token else None
        return await self.http.get(url, headers={"Prefer": _PREFER, "Accept": "application/json"}, auth=auth)

    async def _sign_in(self, *, refused: str | None) -> None:
        if not self._connection_id:
            raise CredentialsMissing()
        self._token = await microsoft_credentials.access_token(self._connection_id, self.http, refused=refused)


def _check(response: Response) -> None:
    """Raise what the status and the error's code stand for. Graph's own text is not shown: it may name people.

    https://learn.microsoft.com/graph/errors
    """
    if response.status == 200:
        return
    code = _code(response.content)
    detail = f"Microsoft Graph: HTTP {response.status} {code}".rstrip()
    if response.status == 410 or code.lower() in _RESYNC:
        raise ResyncRequired(detail=detail)
    if response.status == 401:
        raise CredentialsInvalid(detail=detail)
    if response.status == 403:
        raise CredentialsForbidden(detail=detail)
    raise_for_status(response)
    raise FeedIncomplete(detail=detail)  # 304 was not asked for


def _code(body: bytes) -> str:
    """The code of an error, where there is one."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[\w.]{1,80}", code) else ""
