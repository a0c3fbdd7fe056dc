"""``calimport connect google``: a consent in a browser, a service account's key, and sign-ins that are over."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shlex
import threading
import webbrowser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from click.testing import CliRunner, Result

from calimport import errors, google_consent
from calimport.cli import main
from calimport.settings import Settings
from calimport.sources import google_credentials
from tests.fake_google import SCOPE, Failure, FakeCalendar, FakeGoogle
from tests.loopback import LOOPBACK, Loopback
from tests.test_google import airflow_home, keyfile, service_account

__all__ = ["airflow_home", "service_account"]  # fixtures

# The hook loads a user's sign-in with a function that google-auth would rather see replaced.
pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")

ANNA = "anna@example.org"
CLIENT = {"client_id": "client", "client_secret": "GOCSPX-client"}
SECRETS = ("ya29", "1//refresh", "GOCSPX-client", "4/code", "PRIVATE KEY")
WITHDRAWN = "The permission to read this calendar was withdrawn in the Google account. "
AGAIN = "Please sign in again: `calimport connect google --connection google --replace`."


class Browser(webbrowser.BaseBrowser):
    """Follows the page of consent back, as a person's browser would, beside the command that waits for it."""

    def __init__(self) -> None:
        super().__init__("test")
        self.visit: Callable[[str], None] = lambda url: None
        self.opened: list[str] = []
        self.pages: list[tuple[int, str]] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.opened.append(url)
        threading.Thread(target=self.visit, args=[url], daemon=True).start()
        return True

    def get(self, url: str) -> httpx.Response:
        page = httpx.get(url, follow_redirects=True, trust_env=False)
        self.pages.append((page.status_code, page.text))
        return page


@pytest.fixture(scope="module")
def server() -> Iterator[FakeGoogle]:
    with FakeGoogle() as running:
        yield running


@pytest.fixture
def fake(server: FakeGoogle, service_account: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> FakeGoogle:
    """A Google with Anna's two calendars."""
    from google.oauth2 import credentials

    server.reset()
    server.public_key = service_account["public"].encode()
    server.calendars = {
        ANNA: FakeCalendar({"id": ANNA, "summary": "Anna", "primary": True}),
        "choir@group.calendar.google.com": FakeCalendar({"id": "choir@group.calendar.google.com", "summary": "Choir"}),
    }
    monkeypatch.setattr(google_credentials, "_known", {})
    # google-auth takes the endpoint of a user's sign-in from nowhere else, and oauthlib asks for https but for this.
    monkeypatch.setattr(credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{server.url}/token")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    return server


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    browser = Browser()
    browser.visit = browser.get
    webbrowser.register("test", None, browser, preferred=True)
    return browser


def client_file(fake: FakeGoogle, folder: Path, kind: str = "installed", **changes: str) -> str:
    client = {**fake.client, "auth_uri": f"{fake.url}/o/oauth2/v2/auth", "token_uri": f"{fake.url}/token"}
    path = folder / "client.json"
    path.write_text(json.dumps({kind: client | changes}))
    return str(path)


def run(fake: FakeGoogle, caplog: pytest.LogCaptureFixture, *arguments: str) -> Result:
    """The command with ``--print``. Neither the log nor what it tells people holds a secret."""
    caplog.set_level(logging.DEBUG)
    transport = Loopback({"www.googleapis.com": fake.url})
    done = CliRunner().invoke(main, ["connect", "google", "--print", *arguments], obj=transport)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert [secret for secret in SECRETS if secret in done.stderr + caplog.text] == []
    return done


def signing_in(fake: FakeGoogle, caplog: pytest.LogCaptureFixture, folder: Path, *arguments: str) -> Result:
    file = client_file(fake, folder)
    return run(fake, caplog, "--user", ANNA, "--client-secrets", file, "--open", "--wait", "20", *arguments)


def printed(done: Result) -> tuple[str, dict[str, Any]]:
    """The variable and the connection of a line for a shell."""
    (line,) = shlex.split(done.stdout)
    name, _, connection = line.partition("=")
    return name, json.loads(connection)


def problem(done: Result) -> str:
    """The one line about what went wrong."""
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr.splitlines()[-1]


def test_a_consent_becomes_a_connection(fake, browser, caplog, tmp_path):
    done = signing_in(fake, caplog, tmp_path)

    name, connection = printed(done)
    signed_in_at = datetime.fromisoformat(connection["extra"].pop("signed_in_at"))
    assert name == "AIRFLOW_CONN_GOOGLE_ANNA_EXAMPLE_ORG"
    assert json.loads(connection["extra"].pop("credential_config_file")) == {
        "type": "authorized_user",
        "client_id": "client",
        "client_secret": "GOCSPX-client",
        "refresh_token": "1//refresh-secret",
    }
    assert connection == {"conn_type": "google_cloud_platform", "extra": {}}
    assert signed_in_at.tzinfo is not None
    assert browser.pages == [(200, "Thank you. You may close this page; the terminal says how it went.")]
    assert "Anna: anna@example.org\nChoir: choir@group.calendar.google.com\n" in done.stderr
    assert fake.requests == {"consent": 1, "token": 2, "calendarList": 1}


def test_the_page_of_consent_is_asked_as_google_documents_it(fake, browser, caplog, tmp_path):
    done = signing_in(fake, caplog, tmp_path)

    (address,) = browser.opened
    assert address in done.stderr
    query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", query.pop("redirect_uri"))
    assert len(query.pop("state")) >= 22
    assert len(query.pop("code_challenge")) == 43
    assert query == {
        "client_id": "client",
        "response_type": "code",
        "scope": SCOPE,
        "access_type": "offline",
        "prompt": "consent",
        "code_challenge_method": "S256",
        "login_hint": ANNA,
    }


def test_an_answer_with_another_state_is_not_taken(fake, browser, caplog, tmp_path):
    def visit(url: str) -> None:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        browser.get(f"{redirect}/favicon.ico")
        browser.get(f"{redirect}/?code=4%2Fcode-forged&state=guessed")
        browser.get(f"{redirect}/?code=4%2Fcode-forged")
        browser.get(url)

    browser.visit = visit
    done = signing_in(fake, caplog, tmp_path)

    assert done.exit_code == 0
    assert [status for status, _ in browser.pages] == [404, 400, 400, 200]
    assert fake.requests["token"] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"error": "access_denied"},
            "CredentialsForbidden: The permission to read calendars was not given. Nothing was stored.",
        ),
        (
            {"error": "admin_policy_enforced"},
            "CredentialsForbidden: The administrator of this Google account's organisation does not let us read its "
            "calendars. Please ask them to allow it.",
        ),
        ({"error": "made_up"}, "CredentialsInvalid: Google refused the sign-in. Nothing was stored."),
        (
            {"granted": "openid"},
            "CredentialsForbidden: The permission to read calendars was not given. Nothing was stored.",
        ),
        (
            {"gives_refresh_token": False},
            "CredentialsInvalid: Google gave no lasting sign-in (no refresh token). Remove this application from the "
            "Google account under Security, Third-party access, and sign in again. Nothing was stored.",
        ),
    ],
)
def test_what_is_no_consent_is_said(fake, browser, caplog, tmp_path, changes, said):
    for name, value in changes.items():
        setattr(fake.consent, name, value)

    assert problem(signing_in(fake, caplog, tmp_path)) == f"calimport: {said}"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            Failure(401, "invalid_client"),
            "CredentialsInvalid: Google no longer knows the application that signs in here, or not its secret. Please "
            "have its operator sign in again with a new file of client secrets.",
        ),
        (
            Failure(400, "invalid_grant"),
            "CredentialsInvalid: Google did not accept the consent, perhaps since it came too late. "
            "Please sign in again.",
        ),
        (Failure(), "FeedConnectionFailed: Google could not be reached. Please sign in again."),
    ],
)
def test_a_code_that_gives_no_token_is_said(fake, browser, caplog, tmp_path, failure, said):
    fake.failures["token", 1] = failure

    assert problem(signing_in(fake, caplog, tmp_path)) == f"calimport: {said}"


def test_a_sign_in_that_may_not_call_the_api_is_not_stored(fake, browser, caplog, tmp_path):
    fake.failures["calendarList", 1] = Failure(403, "accessNotConfigured")

    assert problem(signing_in(fake, caplog, tmp_path)) == (
        "calimport: CredentialsForbidden: The Google Calendar API is not switched on in the project of this key. "
        "Please enable it."
    )


def test_nobody_signs_in(fake, caplog, tmp_path):
    done = run(fake, caplog, "--user", ANNA, "--client-secrets", client_file(fake, tmp_path), "--wait", "1")

    assert problem(done) == "calimport: FeedTimeout: Nobody signed in within 1 seconds. Nothing was stored."


def test_another_person_than_the_one_asked_for_is_not_stored(fake, browser, caplog, tmp_path):
    done = signing_in(fake, caplog, tmp_path, "--user", "ben@example.org")

    assert problem(done) == (
        "calimport: CredentialsInvalid: The one who signed in is anna@example.org, not ben@example.org. "
        "Nothing was stored."
    )


def test_a_sign_in_with_an_end_says_when_and_why(fake, browser, caplog, tmp_path):
    fake.consent.refresh_token_expires_in = 604_799

    done = signing_in(fake, caplog, tmp_path)

    extra = printed(done)[1]["extra"]
    began, ends = (datetime.fromisoformat(extra[name]) for name in ("signed_in_at", "signed_in_until"))
    assert ends - began == timedelta(seconds=604_799)
    assert f"Google ends this sign-in on {ends:%Y-%m-%d}: its application is in testing." in done.stderr


def test_who_signs_in_again_needs_no_file():
    """The application is that of the connection; its addresses are Google's own, since a sign-in does not hold them."""
    known = google_consent.client_of_extra({"credential_config_file": json.dumps({"type": "x", **CLIENT})})

    assert known is not None
    assert (known.id, known.secret) == ("client", "GOCSPX-client")
    assert (known.auth_uri, known.token_uri) == (
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
    )
    assert google_consent.client_of_extra({"keyfile_dict": {}}) is None
    assert google_consent.client_of_extra({"credential_config_file": "/etc/key.json"}) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give --user: the name or e-mail address of the person who signs in."),
        (["--user", "Anna", "--subject", ANNA], "Give --user and --client-secrets for a person"),
        (["--user", "Anna"], "Give --client-secrets: the file of a desktop app"),
        (["--user", "Anna", "--connection", "a-b"], "'a-b' is no id of a connection"),
    ],
)
def test_what_is_missing_is_said(fake, caplog, arguments, said):
    assert problem(run(fake, caplog, *arguments)).startswith(f"calimport: ConfigurationError: {said}")


@pytest.mark.parametrize(("kind", "changes"), [("web", {}), ("installed", {"client_secret": ""})])
def test_only_a_desktop_app_can_sign_in_here(fake, caplog, tmp_path, kind, changes):
    file = client_file(fake, tmp_path, kind, **changes)

    assert problem(run(fake, caplog, "--user", "Anna", "--client-secrets", file)) == (
        "calimport: ConfigurationError: client.json is not the file of client secrets of a desktop app, as the Google "
        "Cloud console gives it (Clients)."
    )


# Service accounts


def key_file(fake: FakeGoogle, service_account: dict[str, str], folder: Path, **changes: Any) -> str:
    path = folder / "key.json"
    path.write_text(json.dumps(keyfile(fake, service_account) | changes))
    return str(path)


def test_a_service_account_is_tried_with_its_subject(fake, service_account, caplog, tmp_path):
    file = key_file(fake, service_account, tmp_path)

    name, connection = printed(run(fake, caplog, "--service-account", file, "--subject", ANNA))

    assert name == "AIRFLOW_CONN_GOOGLE_ANNA_EXAMPLE_ORG"
    assert connection["extra"] == {"keyfile_dict": keyfile(fake, service_account), "subject": ANNA}
    assert list(fake.tokens.values()) == [ANNA]


def test_a_service_account_without_calendars_is_told_what_to_do(fake, service_account, caplog, tmp_path):
    fake.calendars = {}

    done = run(fake, caplog, "--service-account", key_file(fake, service_account, tmp_path))

    assert printed(done)[0] == "AIRFLOW_CONN_GOOGLE"
    assert "Its list of calendars is empty. Share calendars with it, and give their ids." in done.stderr


@pytest.mark.parametrize(
    ("failure", "changes", "said"),
    [
        (
            Failure(401, "unauthorized_client"),
            {},
            "CredentialsForbidden: The sign-in works but does not include permission to read calendars.",
        ),
        (Failure(400, "invalid_grant"), {}, "CredentialsInvalid: The provider no longer accepts the sign-in or key"),
        (
            None,
            {"private_key": "no key"},
            "CredentialsInvalid: The key in the Airflow connection google cannot be read.",
        ),
        (None, {"type": "authorized_user"}, "ConfigurationError: key.json is not the key of a service account."),
    ],
)
def test_a_key_that_does_not_work_is_not_stored(fake, service_account, caplog, tmp_path, failure, changes, said):
    if failure:
        fake.failures["token", 1] = failure

    done = run(fake, caplog, "--service-account", key_file(fake, service_account, tmp_path, **changes))

    assert problem(done).startswith(f"calimport: {said}")


# Sign-ins that are over, as an import meets them


def ended(fake: FakeGoogle, monkeypatch: pytest.MonkeyPatch, answer: dict[str, str], **extra: str) -> Any:
    document = {"type": "authorized_user", "refresh_token": "1//refresh-old", **fake.client}
    connection = {
        "conn_type": "google_cloud_platform",
        "extra": {"credential_config_file": json.dumps(document), **extra},
    }
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE", json.dumps(connection))
    fake.failures["token", 1] = Failure(400, body=json.dumps(answer).encode())
    with pytest.raises(errors.CalimportError) as caught:
        asyncio.run(google_credentials.access_token("google", Settings(allowed_networks=LOOPBACK)))
    assert caught.value.state == "bad_source"
    return type(caught.value), str(caught.value)


BOTH = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
REVOKED = {"error": "invalid_grant", "error_description": "Token has been revoked."}
EXPIRED = {"error": "invalid_grant", "error_description": "Token has been expired."}
RAPT = {"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)"}
CLOSED = {"error": "invalid_grant", "error_description": "Account has been deleted"}


@pytest.mark.parametrize(
    ("answer", "extra", "expected"),
    [
        (
            BOTH,
            {},
            (errors.CredentialsInvalid, f"The Google sign-in for this calendar has expired or was withdrawn. {AGAIN}"),
        ),
        (BOTH, {"signed_in_at": "2026-01-01T00:00:00+00:00"}, (errors.SignInRevoked, WITHDRAWN + AGAIN)),
        (
            BOTH,
            {"signed_in_at": "2026-01-01T00:00:00+00:00", "signed_in_until": "2026-01-08T00:00:00+00:00"},
            (errors.SignInExpired, f"The Google sign-in for this calendar expired on 2026-01-08. {AGAIN}"),
        ),
        (
            BOTH,
            {
                "signed_in_at": "2026-01-01T00:00:00+00:00",
                "signed_in_until": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
            },
            (errors.SignInRevoked, WITHDRAWN + AGAIN),
        ),
        (BOTH, {"signed_in_at": "yesterday"}, (errors.CredentialsInvalid, None)),
        (REVOKED, {}, (errors.SignInRevoked, WITHDRAWN + AGAIN)),
        (EXPIRED, {}, (errors.SignInExpired, f"The Google sign-in for this calendar expired. {AGAIN}")),
        (
            RAPT | {"error_subtype": "invalid_rapt"},
            {},
            (
                errors.SignInExpired,
                f"The organisation of this Google account ends sign-ins after some hours. {AGAIN} It lasts if the "
                "organisation's administrator trusts the application.",
            ),
        ),
        (
            CLOSED,
            {},
            (
                errors.SignInRevoked,
                "Google has closed or restricted the account that signed in for this calendar.",
            ),
        ),
        ({"error": "deleted_client"}, {}, (errors.CredentialsInvalid, None)),
        ({"error": "disabled_client"}, {}, (errors.CredentialsInvalid, None)),
        ({"error": "admin_policy_enforced"}, {}, (errors.CredentialsForbidden, None)),
        ({"error": "unauthorized_client"}, {}, (errors.CredentialsForbidden, None)),
    ],
)
def test_a_sign_in_that_is_over_says_why_and_what_to_do(fake, monkeypatch, answer, extra, expected):
    kind, sentence = ended(fake, monkeypatch, answer, **extra)

    assert kind is expected[0]
    assert expected[1] is None or sentence == expected[1]


def test_nothing_is_left_in_the_environment(fake, browser, caplog, tmp_path):
    before = dict(os.environ)

    signing_in(fake, caplog, tmp_path)

    assert {name: value for name, value in os.environ.items() if before.get(name) != value} == {}
