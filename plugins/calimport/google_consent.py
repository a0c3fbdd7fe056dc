"""A person's consent to read their Google calendars: OAuth 2.0 for desktop applications.

The browser comes back to a port of this machine's loopback interface (RFC 8252, 7.3), with PKCE (RFC 7636) and a state
(RFC 6749, 10.12). The protocol is google-auth-oauthlib's; waiting for the browser is our own, since that library's
server takes the first request for the answer, whoever sends it.

https://developers.google.com/identity/protocols/oauth2/native-app
"""

from __future__ import annotations

import hmac
import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from calimport.errors import (
    CalimportError,
    ConfigurationError,
    CredentialsForbidden,
    CredentialsInvalid,
    FeedConnectionFailed,
    FeedServerError,
    FeedTimeout,
)
from calimport.settings import Settings
from calimport.sources.google_credentials import SCOPE, refused

# They write secrets and tokens to the log at DEBUG.
for _library in ("requests_oauthlib", "oauthlib", "google_auth_oauthlib"):
    logging.getLogger(_library).setLevel(logging.WARNING)

_AUTH_URI: Final = "https://accounts.google.com/o/oauth2/v2/auth"
_TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_NO_CLIENT: Final = (
    "is not the file of client secrets of a desktop app, as the Google Cloud console gives it (Clients)."
)


@dataclass(frozen=True, repr=False)
class Client:
    """An application that Google knows. Has no ``repr``: it would show the secret."""

    id: str
    secret: str
    auth_uri: str = _AUTH_URI
    token_uri: str = _TOKEN_URI


@dataclass(frozen=True, repr=False)
class SignIn:
    """What a person's consent gave. Has no ``repr``: it would show secrets."""

    client: Client
    refresh_token: str
    at: datetime
    #: When Google ends it by itself, if it says so: after a week where the application is in testing.
    until: datetime | None

    @property
    def authorized_user(self) -> dict[str, str]:
        """The document that google-auth reads a sign-in from."""
        return {
            "type": "authorized_user",
            "client_id": self.client.id,
            "client_secret": self.client.secret,
            "refresh_token": self.refresh_token,
        }


def client_of_file(content: bytes, name: str) -> Client:
    """The application of a file of client secrets.

    :raises ConfigurationError: it is none of a desktop app; others may not lead back to any port of this machine.
    """
    try:
        given = json.loads(content)["installed"]
        texts = (given["client_id"], given["client_secret"], given["auth_uri"], given["token_uri"])
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"{name} {_NO_CLIENT}") from None
    if not all(isinstance(text, str) and text for text in texts):
        raise ConfigurationError(f"{name} {_NO_CLIENT}")
    return Client(*texts)


def client_of_extra(extra: Mapping[str, Any]) -> Client | None:
    """The application of a sign-in that a connection holds already; None where it holds none."""
    document: Any = extra.get("credential_config_file")
    try:
        given = json.loads(document) if isinstance(document, str) else document
        return Client(str(given["client_id"]), str(given["client_secret"]))
    except (ValueError, KeyError, TypeError):
        return None


def sign_in(
    client: Client,
    *,
    show: Callable[[str], None],
    wait: float,
    settings: Settings,
    login_hint: str | None = None,
) -> SignIn:
    """Have a person consent in a browser of this machine.

    :param show: is given the address to open there.
    :param wait: seconds that the person has.
    :param login_hint: e-mail address of the account that the page shall offer.
    :raises CalimportError: no consent came in time, it was refused, or Google gives no refresh token for it.
    """
    from google_auth_oauthlib.flow import Flow  # type: ignore[import-untyped]

    from calimport import guarded_requests

    config = {
        "client_id": client.id,
        "client_secret": client.secret,
        "auth_uri": client.auth_uri,
        "token_uri": client.token_uri,
    }
    flow = Flow.from_client_config({"installed": config}, scopes=[SCOPE])
    guarded_requests.guard(flow.oauth2session, settings)
    with _listening() as listener:
        flow.redirect_uri = f"http://127.0.0.1:{listener.server_port}"
        # Without `consent` Google gives a refresh token only the first time.
        hint = {"login_hint": login_hint} if login_hint else {}
        with _oauth_errors():
            address, listener.state = flow.authorization_url(access_type="offline", prompt="consent", **hint)
        show(address)
        try:
            answer = listener.answers.get(timeout=wait)
        except queue.Empty:
            raise FeedTimeout(f"Nobody signed in within {wait:g} seconds. Nothing was stored.") from None
    if error := answer.get("error"):
        raise _declined(error)
    with _oauth_errors():
        token = flow.fetch_token(code=answer.get("code", ""), include_client_id=True, timeout=settings.read_timeout)
    return _signed_in(client, token)


def _signed_in(client: Client, token: Mapping[str, Any]) -> SignIn:
    refresh_token = token.get("refresh_token")
    if not isinstance(refresh_token, str) or not refresh_token:
        raise CredentialsInvalid(
            "Google gave no lasting sign-in (no refresh token). Remove this application from the Google account under "
            "Security, Third-party access, and sign in again. Nothing was stored."
        )
    now = datetime.now(UTC).replace(microsecond=0)
    lifetime = token.get("refresh_token_expires_in")
    seconds = lifetime if isinstance(lifetime, int | float) and 0 < lifetime < 10**9 else 0
    return SignIn(client, refresh_token, now, now + timedelta(seconds=seconds) if seconds else None)


def _declined(code: str) -> CalimportError:
    """What the page of consent says in the place of a code (RFC 6749, 4.1.2.1)."""
    if code == "access_denied":
        return CredentialsForbidden("The permission to read calendars was not given. Nothing was stored.")
    if code in ("server_error", "temporarily_unavailable"):
        return FeedServerError("Google reports a fault of its own. Please try again.")
    known = refused(code, "consent")
    return known or CredentialsInvalid("Google refused the sign-in. Nothing was stored.", detail="consent")


@contextmanager
def _oauth_errors() -> Iterator[None]:
    """What oauthlib and requests raise, as errors of ours. None has a cause: its text could quote a secret."""
    import requests
    from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]

    try:
        yield
    except OAuth2Error as error:
        known = refused(str(error.error), "token endpoint")
        raise known or CredentialsInvalid(
            "Google did not accept the consent, perhaps since it came too late. Please sign in again.",
            detail=type(error).__name__,
        ) from None
    except Warning:  # oauthlib's way to say that the scopes given are not those asked for
        raise CredentialsForbidden("The permission to read calendars was not given. Nothing was stored.") from None
    except requests.Timeout:
        raise FeedTimeout("Google took too long to answer. Please sign in again.") from None
    except (requests.RequestException, ValueError) as error:
        raise FeedConnectionFailed(
            "Google could not be reached. Please sign in again.", detail=type(error).__name__
        ) from None


class _Listener(ThreadingHTTPServer):
    """Where the browser comes back to. A thread each: browsers open connections that they do not use."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = ""
        self.answers: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes early; the default would print a traceback."""


@contextmanager
def _listening() -> Iterator[_Listener]:
    with _Listener() as listener:
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield listener
        finally:
            listener.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        state = self.server.state
        if parts.path != "/" or not (query.get("code") or query.get("error")):
            self._say(404, "There is nothing here.")
        elif not state or not hmac.compare_digest(query.get("state", "").encode(), state.encode()):
            self._say(400, "This answer belongs to another sign-in. Please open the address that the terminal shows.")
        else:
            self._say(200, "Thank you. You may close this page; the terminal says how it went.")
            self.server.answers.put(query)

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response_only(status)
        for name, value in (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the line would hold the code."""
