"""From an Airflow connection to an access token for Microsoft Graph (OAuth 2.0, RFC 6749).

The connection's login and password are an application's id and secret, ``tenant`` in its extra is the directory. With
``refresh_token`` in the extra the application reads for the person who signed in; without one for itself (client
credentials), and an administrator has to have allowed it.

Each use of a refresh token brings a newer one, which cannot be stored: a task of Airflow 3 reads connections and writes
none. Nobody is locked out by that, since Microsoft "doesn't revoke old refresh tokens when used to fetch new access
tokens"; but the one in the connection ends 90 days after it was given.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
https://learn.microsoft.com/entra/identity-platform/refresh-tokens
"""

from __future__ import annotations

import re
import time
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlencode

from calimport import json_text
from calimport.connections import AirflowConnection, read_connection
from calimport.errors import (
    CalimportError,
    CredentialsForbidden,
    CredentialsInvalid,
    CredentialsMissing,
    FeedServerError,
    FeedUnparsable,
    SignInExpired,
    SignInRevoked,
)
from calimport.fetching import Http, Response, raise_for_status

HOST: Final = "login.microsoftonline.com"
#: All that the application was allowed to do.
_SCOPE: Final = "https://graph.microsoft.com/.default"
#: Seconds: a token is not used in its last minutes, so that it outlasts the fetch.
_SPARE: Final = 300.0

#: Microsoft's numbers (AADSTS…) of a refresh token whose time is over, and of one that was withdrawn.
_EXPIRED: Final = frozenset({70008, 700082, 700084})
_REVOKED: Final = frozenset({50173})

#: Tokens of this process by connection and content, with the time of :func:`time.monotonic` until which they are used.
_known: dict[tuple[str, bytes], tuple[str, float]] = {}


async def access_token(connection_id: str, http: Http, *, refused: str | None = None) -> str:
    """A token that is valid now.

    :param refused: a token that Graph has just refused; it is not given again.
    :raises CalimportError: there is no such connection, or Microsoft gives no token for it.
    """
    connection = read_connection(connection_id)
    form, tenant = _form(connection, connection_id)
    key = (connection_id, sha256(repr((tenant, form)).encode()).digest())
    token, until = _known.get(key, ("", 0.0))
    if token and token != refused and time.monotonic() < until:
        return token
    response = await http.ask(
        "POST",
        f"https://{HOST}/{quote(tenant, safe='')}/oauth2/v2.0/token",
        urlencode(form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
    )
    if response.status in (400, 401, 403):
        raise _refused(response, connection_id)
    raise_for_status(response)
    answer = json_text.loads(response.content)
    issued = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(issued, str) or not issued:
        raise FeedUnparsable(detail=f"connection {connection_id}: the answer holds no token")
    lifetime = answer.get("expires_in")
    seconds = float(lifetime) if isinstance(lifetime, int | float) else 0.0
    _known[key] = (issued, time.monotonic() + seconds - _SPARE)
    return issued


def _form(connection: AirflowConnection, connection_id: str) -> tuple[dict[str, str], str]:
    """What to ask the token endpoint with, and of which directory."""
    tenant = str(connection.extra.get("tenant") or "")
    if not connection.login or not tenant:
        raise CredentialsMissing(
            f"The connection {connection_id} needs the application's id as login, its secret as password, and "
            '{"tenant": "…"} in its extra.'
        )
    form = {"client_id": connection.login, "scope": _SCOPE}
    if connection.password:
        form["client_secret"] = connection.password
    if refresh_token := connection.extra.get("refresh_token"):
        return form | {"grant_type": "refresh_token", "refresh_token": str(refresh_token)}, tenant
    if not connection.password:
        raise CredentialsMissing(f"The connection {connection_id} holds neither a secret nor a refresh token.")
    return form | {"grant_type": "client_credentials"}, tenant


def _refused(response: Response, connection_id: str) -> CalimportError:
    """What the token endpoint's error means (RFC 6749, 5.2). Only its code is shown: the text may name people."""
    try:
        answer = json_text.loads(response.content)
    except FeedUnparsable:
        answer = None
    given = answer.get("error") if isinstance(answer, dict) else None
    code = given if isinstance(given, str) and re.fullmatch("[a-z_]{1,40}", given) else f"HTTP {response.status}"
    detail = f"connection {connection_id}: {code}"
    if code == "temporarily_unavailable":
        return FeedServerError(detail=detail)
    if code in ("unauthorized_client", "access_denied", "invalid_scope", "consent_required", "interaction_required"):
        return CredentialsForbidden(
            "The sign-in works but does not include permission to read calendars. Please allow it.", detail=detail
        )
    if code == "invalid_client":
        return CredentialsInvalid(
            "Microsoft does not accept the application's secret; perhaps it has expired. Please enter a new one.",
            detail=detail,
        )
    numbers = answer.get("error_codes") if isinstance(answer, dict) else None
    numbers = frozenset(one for one in numbers if isinstance(one, int)) if isinstance(numbers, list) else frozenset()
    if numbers & _REVOKED:
        return SignInRevoked(detail=detail)
    return SignInExpired(detail=detail) if numbers & _EXPIRED else CredentialsInvalid(detail=detail)
