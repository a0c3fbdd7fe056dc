"""From an Airflow connection to an access token for the Google Calendar API.

The connection is one of the Google provider's: a service account's key (``keyfile_dict``, ``key_path``, …), or the
sign-in of a user (``credential_config_file`` with an ``authorized_user`` document). ``subject`` in its extra names the
user whom a service account acts for (domain-wide delegation).
"""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from calimport.errors import (
    CalimportError,
    ConfigurationError,
    CredentialsForbidden,
    CredentialsInvalid,
    CredentialsMissing,
    FeedConnectionFailed,
    FeedServerError,
    FeedTimeout,
    SignInExpired,
    SignInRevoked,
)
from calimport.settings import Settings

#: Reads events, calendars, the calendar list and colours; writes nothing.
SCOPE: Final = "https://www.googleapis.com/auth/calendar.readonly"
#: In the extra of a connection that ``calimport connect`` stored, RFC 3339: when the person signed in, and until when
#: Google said that it holds (``refresh_token_expires_in``), if it said so.
SIGNED_IN_AT: Final = "signed_in_at"
SIGNED_IN_UNTIL: Final = "signed_in_until"

#: Credentials of this process by connection and content, so that the calendars of one user share a token.
_known: dict[tuple[str, bytes], Any] = {}
#: One at a time: the calendars of one connection would otherwise all ask for the same token at once.
_lock = threading.Lock()


async def access_token(connection_id: str, settings: Settings, *, refused: str | None = None) -> str:
    """A token that is valid now.

    :param refused: a token that the API has just refused; it is not given again.
    :raises CalimportError: there is no such connection, or Google gives no token for it.
    """
    try:
        async with asyncio.timeout(settings.fetch_timeout):
            # A thread, since google-auth and Airflow's look-up of a connection both block.
            return await asyncio.to_thread(_access_token, connection_id, settings, refused)
    except TimeoutError as error:
        raise FeedTimeout(detail=f"connection {connection_id}: no token in {settings.fetch_timeout:g} s") from error


def _access_token(connection_id: str, settings: Settings, refused: str | None) -> str:
    from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
    from google.auth.transport.requests import Request

    from calimport import guarded_requests

    with _lock:
        credentials, extras = _credentials(connection_id)
        if not credentials.valid or credentials.token == refused:
            # A machine's own credentials ask the cloud that it runs in, which is no address from outside.
            is_given = hasattr(credentials, "token_uri") or hasattr(credentials, "_token_uri")
            session = guarded_requests.session(settings) if is_given else None
            request = functools.partial(Request(session), timeout=settings.read_timeout)
            try:
                credentials.refresh(request)
            except RefreshError as error:
                is_user = not hasattr(credentials, "service_account_email")
                raise _refused(error, connection_id, extras, is_user=is_user) from None
            except TransportError as error:
                raise _unreached(error, connection_id) from None
            except GoogleAuthError as error:
                raise CredentialsInvalid(detail=f"connection {connection_id}: {type(error).__name__}") from None
        return str(credentials.token)


def _credentials(connection_id: str) -> tuple[Any, Mapping[str, Any]]:
    """The connection's credentials, and its extra. No error has a cause: its text could quote the key."""
    from airflow.providers.google.suite.hooks.calendar import GoogleCalendarHook
    from google.auth.exceptions import DefaultCredentialsError

    try:
        hook = GoogleCalendarHook(api_version="v3", gcp_conn_id=connection_id)
    except Exception as error:  # noqa: BLE001 - each place a connection may come from has its own class for "not found"
        raise CredentialsMissing(
            f"There is no Airflow connection {connection_id}. Add it with `airflow connections add`.",
            detail=type(error).__name__,
        ) from None
    key = (connection_id, sha256(repr(sorted(hook.extras.items())).encode()).digest())
    if key in _known:
        return _known[key], hook.extras
    try:
        credentials = _narrowed(hook.get_credentials(), hook.extras.get("subject"))
    except DefaultCredentialsError as error:
        raise CredentialsMissing(
            f"The Airflow connection {connection_id} holds no key or sign-in of Google.", detail=type(error).__name__
        ) from None
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged key fails in as many ways as there are kinds of key
        raise CredentialsInvalid(
            f"The key in the Airflow connection {connection_id} cannot be read.", detail=type(error).__name__
        ) from None
    _known[key] = credentials
    return credentials, hook.extras


def _narrowed(credentials: Any, subject: str | None) -> Any:
    """Credentials that may only read calendars, on behalf of ``subject``."""
    from google.oauth2.credentials import Credentials as UserCredentials

    if isinstance(credentials, UserCredentials):
        # The hook asks for `cloud-platform`, which the user never granted: the refresh would end in `invalid_scope`.
        # Without a scope Google gives all that the user did grant (RFC 6749, section 6).
        credentials = UserCredentials(
            token=None,
            refresh_token=credentials.refresh_token,
            token_uri=credentials.token_uri,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            quota_project_id=credentials.quota_project_id,
        )
    elif hasattr(credentials, "with_scopes"):
        credentials = credentials.with_scopes([SCOPE])
    if not subject:
        return credentials
    if not hasattr(credentials, "with_subject"):
        raise ConfigurationError("The connection names a subject, which only a service account's own key can act for.")
    return credentials.with_subject(subject)


def refused(code: str, detail: str) -> CalimportError | None:
    """What an error code of Google's sign-in page or token endpoint means, whoever signs in; None for any other.

    https://developers.google.com/identity/protocols/oauth2/native-app#authorization-errors
    """
    if code in ("deleted_client", "disabled_client", "invalid_client"):
        return CredentialsInvalid(
            "Google no longer knows the application that signs in here, or not its secret. Please have its operator "
            "sign in again with a new file of client secrets.",
            detail=detail,
        )
    if code in ("admin_policy_enforced", "org_internal"):
        return CredentialsForbidden(
            "The administrator of this Google account's organisation does not let us read its calendars. "
            "Please ask them to allow it.",
            detail=detail,
        )
    # A service account without delegation, or without it for this scope, is told so with one of these too.
    if code in ("unauthorized_client", "access_denied", "invalid_scope"):
        return CredentialsForbidden(
            "The sign-in works but does not include permission to read calendars. Please allow it.", detail=detail
        )
    return None


def _refused(error: Any, connection_id: str, extras: Mapping[str, Any], *, is_user: bool) -> CalimportError:
    """What the answer of the token endpoint means (RFC 6749, 5.2). Its code alone is shown: the text may name users."""
    answer = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
    code = str(answer.get("error", ""))
    detail = f"connection {connection_id}: {code if re.fullmatch('[a-z_]{1,40}', code) else 'no token'}"
    if error.retryable:
        return FeedServerError(detail=detail)
    if known := refused(code, detail):
        return known
    again = f"Please sign in again: `calimport connect google --connection {connection_id} --replace`."
    # What google-auth makes of `invalid_grant` with the subtype `invalid_rapt` or `rapt_required`.
    if str(error).startswith("Reauthentication is needed"):
        return SignInExpired(
            f"The organisation of this Google account ends sign-ins after some hours. {again} It lasts if the "
            "organisation's administrator trusts the application.",
            detail=detail,
        )
    if code == "invalid_grant" and is_user:
        return _ended(str(answer.get("error_description", "")).lower(), extras, again, detail)
    return CredentialsInvalid(detail=detail)


def _ended(text: str, extras: Mapping[str, Any], again: str, detail: str) -> CredentialsInvalid:
    """A user's sign-in that is over: expired or withdrawn.

    Google's usual text is "Token has been expired or revoked." So it is the time that decides, where ``calimport
    connect`` wrote down when the sign-in was given, and until when.

    https://developers.google.com/identity/protocols/oauth2#expiration

    :param text: Google's, in small letters; it is not shown.
    """
    if "account" in text and any(word in text for word in ("deleted", "disabled", "restricted")):
        return SignInRevoked(
            "Google has closed or restricted the account that signed in for this calendar.", detail=detail
        )
    until = _instant(extras.get(SIGNED_IN_UNTIL))
    is_over = until is not None and datetime.now(UTC) >= until
    if is_over or ("expired" in text and "revoked" not in text):
        on = f" on {until:%Y-%m-%d}" if until is not None and is_over else ""
        return SignInExpired(f"The Google sign-in for this calendar expired{on}. {again}", detail=detail)
    if ("revoked" in text and "expired" not in text) or _instant(extras.get(SIGNED_IN_AT)):
        return SignInRevoked(
            f"The permission to read this calendar was withdrawn in the Google account. {again}", detail=detail
        )
    return CredentialsInvalid(
        f"The Google sign-in for this calendar has expired or was withdrawn. {again}", detail=detail
    )


def _instant(written: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def _unreached(error: Any, connection_id: str) -> CalimportError:
    import requests

    cause = error.args[0] if error.args else None
    detail = f"connection {connection_id}: token endpoint: {type(cause).__name__}"
    return FeedTimeout(detail=detail) if isinstance(cause, requests.Timeout) else FeedConnectionFailed(detail=detail)
