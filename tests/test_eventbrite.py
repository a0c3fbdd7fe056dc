"""The source ``eventbrite``, against a server that answers as its API v3 is documented."""

from __future__ import annotations

import json

import pytest

from calimport import errors
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

ORGANISER = "https://www.eventbrite.co.uk/o/the-mill-cafe-314159"
ROOT = "www.eventbriteapi.com/v3"
EVENTS = f"{ROOT}/organizers/314159/events/"


class TestConformance(SourceConformance):
    kind = "eventbrite"
    source = ORGANISER
    connection = {"conn_type": "http", "password": "s3cret-token"}  # noqa: RUF012
    secrets = ("s3cret-token",)
    hosts = ("www.eventbriteapi.com",)

    def is_supplementary(self, request):
        return request.url.path.endswith("/description/")

    def answers(self, samples):
        first, last = [_event(one) for one in samples[:1]], [_event(one) for one in samples[1:]]

        def events(asked):
            if "page=2" in asked.path and "continuation=next" in asked.path:
                return _json({"pagination": {"has_more_items": False}, "events": last})
            return _json({"pagination": {"has_more_items": bool(last), "continuation": "next"}, "events": first})

        descriptions = {
            f"{ROOT}/events/{one.uid}/description/": _json({"description": f"<p>{one.description}</p>"})
            for one in samples
        }
        return {EVENTS: events} | descriptions


def _event(one):
    return {
        "id": one.uid,
        "name": {"text": one.title},
        "start": {"utc": f"{one.start:%Y-%m-%dT%H:%M:%SZ}", "timezone": "Europe/London"},
        **({"end": {"utc": f"{one.end:%Y-%m-%dT%H:%M:%SZ}"}} if one.end else {}),
        **({"description": {"html": one.description}} if one.description else {}),
        **({"venue": {"name": one.location}} if one.location else {}),
    }


def _json(document):
    return Reply(json.dumps(document).encode())


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_EVENTBRITE", json.dumps({"conn_type": "http", "password": "token"}))
    return "eventbrite"


def organiser(description=None):
    def events(asked):
        return reply(fixture("eventbrite/events-2.json" if "page=2" in asked.path else "eventbrite/events-1.json"))

    full = _json({"description": "<h1>Full</h1><p>Bring a <a href='https://mill.example/'>friend</a>.</p>"})
    return {EVENTS: events, f"{ROOT}/events/1001/description/": description or full}


def test_the_events_of_an_organiser(key):
    feed, loopback = fetched("eventbrite", ORGANISER, organiser(), key)
    found = read("eventbrite", feed)

    assert asked(loopback) == [
        ("GET", f"https://{EVENTS}?expand=venue&page=1"),
        ("GET", f"https://{EVENTS}?expand=venue&page=2&continuation=eyJwYWdlIjogMn0"),
    ]
    assert {one.headers["authorization"] for one in loopback.asked} == {"Bearer token"}
    assert rows(found, "uid", "start_at", "end_at", "timezone", "status", "summary") == [
        ("1001", "07-01 18:00", "07-01 20:30", "Europe/London", "confirmed", "Café ☕ & cake"),
        ("1002", "07-02 13:00", "07-02 14:00", "America/New_York", "cancelled", "Called off"),
        ("1005", "07-10 10:00", "07-10 11:00", "Europe/London", "confirmed", "Every week"),
    ]
    assert rows(found, "location", "url", "online_url", "online_type") == [
        (
            *("The Mill, 1 Mill Lane, Floor 2, Manchester, England, M1 1AA",),
            *("https://www.eventbrite.co.uk/e/cafe-cake-tickets-1001", None, None),
        ),
        ("Back room, New York", "https://www.eventbrite.co.uk/e/called-off-tickets-1002", None, None),
        (None, "https://www.eventbrite.co.uk/e/1005", "https://www.eventbrite.co.uk/e/1005", "indirect"),
    ]
    assert rows(found, "description", "source_series_id") == [
        ("A summary", None),
        (None, None),
        ("By **video**", "1004"),
    ]
    assert [(code, uid) for code, uid, _ in notices(found)] == [("event_unreadable", "1007")]
    assert found.parsed.published_from is None


@pytest.mark.parametrize(
    ("answer", "calls", "description", "codes"),
    [
        (None, 1, "### Full\n\nBring a [friend](https://mill.example/).", []),
        (reply("", 404), 1, "A summary", ["descriptions_missing"]),
        (reply("", 500), 1, "A summary", ["descriptions_missing"]),
        (reply("<html>"), 1, "A summary", ["descriptions_missing"]),
        (reply('{"description": null}'), 1, "A summary", []),
    ],
)
def test_the_full_description_is_supplementary(key, monkeypatch, answer, calls, description, codes):
    one = json.loads(fixture("eventbrite/events-1.json"))["events"][0]
    one["start"]["utc"], one["end"]["utc"] = "2026-06-16T18:00:00Z", "2026-06-16T20:30:00Z"
    late = one | {"id": "1009", "start": {"utc": "2026-09-16T18:00:00Z"}, "end": {"utc": "2026-09-16T19:00:00Z"}}
    answers = organiser(answer) | {EVENTS: _json({"pagination": {"has_more_items": False}, "events": [one, late]})}

    feed, loopback = fetched("eventbrite", ORGANISER, answers, key)
    found = read("eventbrite", feed)

    assert [path for _, path in asked(loopback)][1:] == [f"https://{ROOT}/events/1001/description/"] * calls
    assert rows(found, "description")[0] == (description,)
    assert [code for code, _, _ in notices(found)] == codes


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (404, errors.FeedNotFound, "Eventbrite has no such organiser any more: it was deleted or renamed."),
        (401, errors.CredentialsInvalid, "Eventbrite does not accept the API key of this calendar"),
        (403, errors.CredentialsForbidden, "Eventbrite knows the API key of this calendar but does not let it read"),
        (429, errors.QuotaExceeded, "The provider asks us to slow down."),
    ],
)
def test_refusals_are_told_apart(key, status, error, sentence):
    with pytest.raises(error, match=sentence):
        fetched("eventbrite", ORGANISER, {EVENTS: reply("{}", status)}, key)


@pytest.mark.parametrize(
    ("address", "organizer"),
    [
        ("https://www.eventbrite.com/o/314159", "314159"),
        ("https://www.eventbrite.co.uk/o/a-b-2-314159?aff=x", "314159"),
        ("https://www.eventbrite.de/o/a-314159/", "314159"),
        ("https://www.eventbrite.com/o/name", None),
        ("https://www.eventbrite.com/e/name-314159", None),
    ],
)
def test_addresses(key, address, organizer):
    answers = {EVENTS: _json({"pagination": {"has_more_items": False}, "events": []})}
    if organizer:
        assert asked(fetched("eventbrite", address, answers, key)[1])[0][1].startswith(f"https://{EVENTS}")
    else:
        with pytest.raises(errors.SourceUnsupported, match="not the page of an organiser on Eventbrite"):
            fetched("eventbrite", address, answers, key)


@pytest.mark.parametrize("password", ["", " ", "ключ", "a\nb"])
def test_no_key(monkeypatch, password):
    monkeypatch.setenv("AIRFLOW_CONN_EVENTBRITE", json.dumps({"conn_type": "http", "password": password}))
    for connection in (None, "eventbrite"):
        with pytest.raises(errors.ConfigurationError, match=r"API key"):
            fetched("eventbrite", ORGANISER, organiser(), connection)
