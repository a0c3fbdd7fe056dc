"""The source ``google`` keeps what every source keeps. It signs in at the fake Google, with the real google-auth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import pytest

from calimport.sources import google_credentials
from tests.fake_google import FakeGoogle
from tests.source_conformance import CONNECTION_ID, SourceConformance
from tests.web import Asked, Reply

# The hook loads a user's sign-in with a function that google-auth would rather see replaced.
pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")

ROOT = "www.googleapis.com/calendar/v3"
CALENDAR = "anna@example.org"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGoogle]:
    """The token endpoint; Airflow writes its configuration when it is first imported, not into anybody's home."""
    with pytest.MonkeyPatch.context() as patch, FakeGoogle() as running:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        yield running


class TestConformance(SourceConformance):
    kind = "google"
    source = CALENDAR
    connection = {}  # noqa: RUF012 - see the fixture
    secrets = ("ya29.", "1//refresh-secret", "client-secret")
    hosts = ("www.googleapis.com",)
    listing = 2

    @pytest.fixture(autouse=True)
    def _connection(self, fake, monkeypatch):
        from google.oauth2 import credentials

        # google-auth takes the endpoint of such a document from nowhere else.
        monkeypatch.setattr(credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{fake.url}/token")
        monkeypatch.setattr(google_credentials, "_known", {})
        user = {
            "type": "authorized_user",
            "client_id": "client",
            "client_secret": "client-secret",
            "refresh_token": fake.refresh_token,
        }
        connection = {"conn_type": "google_cloud_platform", "extra": {"credential_config_file": json.dumps(user)}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION_ID.upper()}", json.dumps(connection))

    def answers(self, samples):
        items = [_item(asdict(one)) for one in samples]

        def events(asked: Asked) -> Reply:
            if "pageToken=two" in asked.path:
                return _json({"items": items[1:], "nextSyncToken": "sync"})
            return _json({"items": items[:1]} | ({"nextPageToken": "two"} if items[1:] else {}))

        path = f"calendars/{CALENDAR.replace('@', '%40')}/events"
        entry = {"id": CALENDAR, "summary": "Anna", "timeZone": "Europe/London"}
        return {
            f"{ROOT}/users/me/calendarList/{CALENDAR.replace('@', '%40')}": _json(entry),
            f"{ROOT}/{path}": events,
        }


def _item(given):
    when = {name: {"dateTime": given[name].isoformat()} for name in ("start", "end") if given[name]}
    named = {"summary": given["title"], "description": given["description"], "location": given["location"]}
    return {"id": given["uid"], "status": "confirmed", **when, **{k: v for k, v in named.items() if v}}


def _json(document) -> Reply:
    return Reply(json.dumps(document).encode(), headers={"Content-Type": "application/json"})
