"""``calimport connect`` for kinds with a key: tried with one request, and stored in a real Airflow."""

from __future__ import annotations

import json
import logging
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from calimport import audit
from calimport.cli import main
from tests.airflow_home import ROOT, Home, new_metadata, run_airflow
from tests.fake_google import FakeCalendar, FakeGoogle
from tests.fake_microsoft import TENANT
from tests.loopback import Loopback
from tests.radicale_server import PASSWORD, USER, Radicale
from tests.radicale_server import serve as serve_radicale
from tests.web import Reply

SECRET = "sk_s3cret-key"
PROVIDERS = {
    "eventbrite": ("Eventbrite", "www.eventbriteapi.com", "/v3/users/me/", f"Bearer {SECRET}"),
    "ticketsource": ("TicketSource", "api.ticketsource.io", "/events?per_page=1&page=1", "Basic c2tfczNjcmV0LWtleTo="),
    "tickettailor": (
        "Ticket Tailor",
        "api.tickettailor.com",
        "/v1/events?status=published&limit=1",
        "Basic c2tfczNjcmV0LWtleTo=",
    ),
}
MICROSOFT = ("--application", "app-id", "--tenant", TENANT)


@pytest.fixture
def run(web, caplog, monkeypatch):
    """The command with ``--print``; neither what it tells people nor the log holds the secret."""

    def run(kind: str, *arguments: str, hosts: tuple[str, ...] = (), secret: str = SECRET) -> Result:
        caplog.set_level(logging.DEBUG)
        transport = Loopback(dict.fromkeys(hosts, web.root))
        monkeypatch.setenv("CALIMPORT_RETRY_DELAY", "0.01")
        done = CliRunner().invoke(
            main, ["connect", kind, "--print", *arguments], input=f"{secret}\n", obj=transport, catch_exceptions=False
        )
        assert not secret or secret not in done.stderr + caplog.text
        assert f"AIRFLOW_CONN_{kind.upper()}" not in os.environ
        return done

    return run


def printed(done: Result) -> tuple[str, dict[str, Any]]:
    """The variable and the connection of a line for a shell."""
    assert done.exit_code == 0, done.stderr
    (line,) = shlex.split(done.stdout)
    name, _, connection = line.partition("=")
    return name, json.loads(connection)


def problem(done: Result) -> str:
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr.strip()


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_key_is_tried_with_one_request(kind, web, run):
    _, host, path, authorization = PROVIDERS[kind]
    web.routes[path.partition("?")[0]] = Reply(b'{"data": [], "id": "1"}')

    done = run(kind, hosts=(host,))

    assert printed(done) == (f"AIRFLOW_CONN_{kind.upper()}", {"conn_type": "http", "password": SECRET})
    assert [(asked.method, asked.path, asked.headers["authorization"]) for asked in web.asked] == [
        ("GET", path, authorization)
    ]


@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=401), "CredentialsInvalid: {} does not accept this: it is wrong, expired or withdrawn."),
        (
            Reply(status=403),
            "CredentialsForbidden: {} knows this key or sign-in, which lacks the permission to read calendars or "
            "events.",
        ),
        (Reply(status=503), "FeedServerError: {} reports a fault of its own."),
        (Reply(status=429), "QuotaExceeded: {} asks us to slow down."),
    ],
)
def test_a_key_that_does_not_work_is_not_stored(kind, reply, said, web, run):
    name, host, path, _ = PROVIDERS[kind]
    web.routes[path.partition("?")[0]] = reply

    assert problem(run(kind, hosts=(host,))) == f"calimport: {said.format(name)} Nothing was stored."


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_host_that_cannot_be_reached_is_said(kind, run):
    assert problem(run(kind)) == (
        f"calimport: FeedConnectionFailed: {PROVIDERS[kind][0]} cannot be reached. Nothing was stored."
    )


def test_eventbrite_may_refuse_a_token_with_400(web, run):
    """https://www.eventbrite.com/platform/api#/introduction/errors"""
    refusal = {"status_code": 400, "error": "INVALID_AUTH", "error_description": "The OAuth token is invalid."}
    web.routes["/v3/users/me/"] = Reply(json.dumps(refusal).encode(), status=400)

    assert problem(run("eventbrite", hosts=("www.eventbriteapi.com",))).startswith("calimport: CredentialsInvalid:")


@pytest.mark.parametrize("secret", ["", "   "])
def test_no_key_is_no_connection(secret, run):
    assert problem(run("ticketsource", secret=secret)) == (
        "calimport: CredentialsMissing: API key: nothing was given, neither at the prompt nor on the standard input."
    )


def test_a_key_with_other_characters_than_a_key_has_is_not_sent(web, run):
    assert problem(run("ticketsource", hosts=("api.ticketsource.io",), secret="schlüssel")).startswith(
        "calimport: CredentialsInvalid: The password of the connection ticketsource is no API key of TicketSource."
    )
    assert web.asked == []


def test_a_connection_that_the_environment_hides_is_not_stored(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TICKETSOURCE", "http://:x@")

    assert problem(CliRunner().invoke(main, ["connect", "ticketsource"])) == (
        "calimport: ConfigurationError: The environment variable AIRFLOW_CONN_TICKETSOURCE defines the connection "
        "ticketsource and goes before what is stored. Remove it, or give another --connection."
    )


# A private address


def test_a_private_address_is_a_connection_if_a_calendar_is_there(web, run):
    address = web.feed(Reply(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"), "/private-s3cret/basic.ics")

    done = run("ics", "--connection", "team_feed", secret=address)

    assert printed(done) == ("AIRFLOW_CONN_TEAM_FEED", {"conn_type": "http", "extra": {"url": address}})


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(b"<!DOCTYPE html><html></html>"), "FeedIsWebPage: This is a web page, perhaps a sign-in page"),
        (Reply(status=404), "FeedNotFound: There is no calendar at this address any more."),
        (Reply(cut_after=0, content_length=10), "FeedTruncated: The calendar's website cannot be reached."),
    ],
)
def test_an_address_without_a_calendar_is_not_stored(web, run, reply, said):
    address = web.feed(reply, "/private-s3cret/basic.ics")

    assert problem(run("ics", secret=address)).startswith(f"calimport: {said}")


def test_what_is_no_address_is_not_stored(run):
    assert problem(run("ics", secret="ftp://example.org/s3cret.ics")).startswith("calimport: SourceUnsupported: ")


# CalDAV, against Radicale


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    with serve_radicale(tmp_path_factory.mktemp("radicale")) as running:
        yield running


def test_a_login_is_tried_with_the_server(radicale, run):
    done = run("caldav", "--source", radicale.url, "--login", USER, secret=PASSWORD)

    assert printed(done) == ("AIRFLOW_CONN_CALDAV", {"conn_type": "http", "login": USER, "password": PASSWORD})


def test_a_wrong_password_is_not_stored(radicale, run):
    done = run("caldav", "--source", radicale.url, "--login", USER)

    assert problem(done) == (
        "calimport: CredentialsInvalid: The CalDAV server does not accept this: it is wrong, expired or withdrawn. "
        "Nothing was stored."
    )


# Microsoft


def test_an_application_is_tried_for_a_mailbox(web, run):
    web.routes[f"/{TENANT}/oauth2/v2.0/token"] = Reply(b'{"access_token": "eyJ-1", "expires_in": 3599}')
    web.routes["/v1.0/users/anna@example.org/calendar"] = Reply(b'{"id": "AAMk", "name": "Calendar"}')

    hosts = ("login.microsoftonline.com", "graph.microsoft.com")
    done = run("microsoft", *MICROSOFT, "--source", "anna@example.org", hosts=hosts)

    assert printed(done) == (
        "AIRFLOW_CONN_MICROSOFT",
        {"conn_type": "http", "login": "app-id", "password": SECRET, "extra": {"tenant": TENANT}},
    )
    assert [asked.path for asked in web.asked] == [
        f"/{TENANT}/oauth2/v2.0/token",
        "/v1.0/users/anna@example.org/calendar",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("invalid_client", "CredentialsInvalid: Microsoft does not accept the application's secret"),
        ("unauthorized_client", "CredentialsForbidden: The sign-in works but does not include permission"),
    ],
)
def test_an_application_that_microsoft_refuses_is_not_stored(web, run, error, said):
    body = json.dumps({"error": error, "error_description": f"AADSTS7000215: {SECRET}"}).encode()
    web.routes[f"/{TENANT}/oauth2/v2.0/token"] = Reply(body, status=401)

    done = run("microsoft", *MICROSOFT, "--connection", error, hosts=("login.microsoftonline.com",))

    assert problem(done).startswith(f"calimport: {said}")


# The prompt


def test_a_person_types_the_key_unseen(tmp_path):
    """A terminal of its own; the provider cannot be reached, so that nothing but the prompt shows the key."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, "{}", "", "connect", "tickettailor", "--print"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "plugins"), "CALIMPORT_FETCH_ATTEMPTS": "1"},
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    shown = b""
    while b"API key: " not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, f"{SECRET}\n".encode())
    process.wait(60)
    shown += os.read(terminal, 10_000)
    os.close(terminal)

    assert b"Ticket Tailor cannot be reached. Nothing was stored." in shown
    assert SECRET.encode() not in shown


# Storing

#: The command in a process of its own, its hosts led to servers of the test.
DRIVER = """
import json, sys
from calimport import audit
from calimport.cli import main
from tests.loopback import Loopback
if sys.argv[2]:
    from google.oauth2 import credentials
    credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT = sys.argv[2]
main(sys.argv[3:], obj=Loopback(json.loads(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, postgres_host: str, template: str) -> Home:
    folder = tmp_path_factory.mktemp("airflow")
    return Home(folder, postgres_host, new_metadata(postgres_host, folder), template)


def start(home: Home, hosts: dict[str, str], *arguments: str, token_endpoint: str = "", **settings: str) -> Any:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DRIVER, json.dumps(hosts), token_endpoint, *arguments],
        cwd=ROOT,
        env=home.environment(OAUTHLIB_INSECURE_TRANSPORT="1", **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: Any, given: str = "") -> tuple[int, str]:
    """Exit status and what was printed, without a secret."""
    out, err = process.communicate(given, timeout=120)
    for secret in (SECRET, "1//refresh", "GOCSPX", "ya29", "4/code"):
        assert secret not in out + err
    return process.returncode, err + out


def connection_in_airflow(home: Home, name: str) -> dict[str, Any]:
    (found,) = json.loads(run_airflow(home, "connections", "get", name, "-o", "json").splitlines()[-1])
    return found


@pytest.mark.airflow
def test_a_key_is_stored_encrypted_and_replaced_only_on_request(home, web):
    web.routes["/events"] = Reply(b'{"data": []}')
    hosts = {"api.ticketsource.io": web.root}

    status, said = finished(start(home, hosts, "connect", "ticketsource"), f"{SECRET}\n")

    assert (status, said.splitlines()[-1]) == (
        0,
        "It works, and is stored as the Airflow connection ticketsource. Calendars name it with "
        "--connection ticketsource.",
    )
    (row,) = home.metadata_rows("select * from connection where conn_id = 'ticketsource'")
    assert (row["is_encrypted"], SECRET in str(row)) == (True, False)
    found = connection_in_airflow(home, "ticketsource")
    assert (found["conn_type"], found["password"]) == ("http", SECRET)

    status, said = finished(start(home, hosts, "connect", "ticketsource"), f"{SECRET}-2\n")

    assert (status, said.splitlines()[-1]) == (
        1,
        "calimport: ConfigurationError: There is a connection ticketsource already. Give --replace to replace it.",
    )
    assert len(web.asked) == 1

    status, _ = finished(start(home, hosts, "connect", "ticketsource", "--replace"), f"{SECRET}-2\n")

    (replaced,) = home.metadata_rows("select * from connection where conn_id = 'ticketsource'")
    assert (status, replaced["id"], replaced["password"] == row["password"]) == (0, row["id"], False)
    logged = home.metadata_rows("select owner, extra from log where event = 'calimport connect' order by id")
    assert [(row["owner"], json.loads(row["extra"])) for row in logged] == [
        (audit.os_user(), {"connection_id": "ticketsource", "replaced": is_new}) for is_new in (False, True)
    ]


@pytest.mark.airflow
def test_a_sign_in_is_stored_read_and_found_withdrawn(home, tmp_path):
    with FakeGoogle() as google:
        google.calendars["anna@example.org"] = FakeCalendar(
            {"id": "anna@example.org", "summary": "Anna", "primary": True, "timeZone": "Europe/London"}
        )
        hosts, endpoint = {"www.googleapis.com": google.url}, f"{google.url}/token"
        client = {"auth_uri": f"{google.url}/o/oauth2/v2/auth", "token_uri": endpoint, **google.client}
        (tmp_path / "client.json").write_text(json.dumps({"installed": client}))

        process = start(
            home,
            hosts,
            *("connect", "google", "--user", "Anna", "--client-secrets", str(tmp_path / "client.json")),
            token_endpoint=endpoint,
        )
        address = next(line for line in process.stderr if line.startswith(client["auth_uri"]))
        page = httpx.get(address.strip(), follow_redirects=True, trust_env=False)
        status, said = finished(process)

        assert page.status_code == 200
        assert status == 0
        assert "stored as the Airflow connection google_anna." in said

        google.refresh_token = "1//refresh-another"
        check = ("calendars", "check", "anna@example.org", "--kind", "google", "--connection", "google_anna")
        status, said = finished(start(home, {}, *check, token_endpoint=endpoint))

        assert google.requests["token"] == 3
        assert status == 1
        assert (
            "calimport: SignInRevoked: The permission to read this calendar was withdrawn in the Google account. "
            "Please sign in again: `calimport connect google --connection google_anna --replace`.\n"
        ) in said


@pytest.mark.airflow
def test_what_was_stored_is_found_by_the_other_commands(home, radicale):
    calendar = radicale.make_calendar("choir")
    login = ("--source", calendar, "--login", USER)

    assert finished(start(home, {}, "connect", "caldav", *login), f"{PASSWORD}\n")[0] == 0
    status, said = finished(
        start(home, {}, "calendars", "check", calendar, "--kind", "caldav", "--connection", "caldav")
    )

    assert (status, said.splitlines()[-4]) == (0, "kind: caldav")


@pytest.mark.airflow
def test_without_a_metadata_database_nobody_is_asked(home, web):
    nowhere = f"postgresql+psycopg2://postgres@/nowhere?host={home.host}"
    process = start(home, {}, "connect", "ticketsource", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=nowhere)

    status, said = finished(process, f"{SECRET}\n")

    assert (status, said.splitlines()[-1]) == (
        1,
        "calimport: ConfigurationError: Airflow's metadata database cannot be reached from here, so nothing was "
        "stored. Run this where Airflow is configured, or with --print to get the connection as an environment "
        "variable.",
    )
