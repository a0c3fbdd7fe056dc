"""The source ``tickettailor``, against a server that answers as its API v1 is documented."""

from __future__ import annotations

import json

import pytest

from calimport import errors
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

BOX_OFFICE = "https://www.tickettailor.com/events/runners"
EVENTS = "api.tickettailor.com/v1/events"


class TestConformance(SourceConformance):
    kind = "tickettailor"
    source = BOX_OFFICE
    connection = {"conn_type": "http", "password": "sk_s3cret"}  # noqa: RUF012
    secrets = ("sk_s3cret", "c2tfczNjcmV0")
    hosts = ("api.tickettailor.com",)

    def answers(self, samples):
        first, last = [_event(one) for one in samples[:1]], [_event(one) for one in samples[1:]]

        def events(asked):
            if "starting_after=id-0" in asked.path:
                return _json({"data": last, "links": {"next": None}})
            return _json({"data": first, "links": {"next": "/v1/events?starting_after=id-0" if last else None}})

        return {EVENTS: events}


def _event(one):
    return {
        "id": one.uid,
        "name": one.title,
        "status": "published",
        "start": {"date": f"{one.start:%Y-%m-%d}", "time": f"{one.start:%H:%M}", "tz": "Europe/London"},
        **({"end": {"date": f"{one.end:%Y-%m-%d}", "time": f"{one.end:%H:%M}"}} if one.end else {}),
        **({"description": one.description} if one.description else {}),
        **({"venue": {"name": one.location, "postal_code": None}} if one.location else {}),
    }


def _json(document):
    return Reply(json.dumps(document).encode())


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TICKETTAILOR", json.dumps({"conn_type": "http", "password": "sk_1"}))
    return "tickettailor"


def test_the_events_of_a_box_office(key):
    feed, loopback = fetched("tickettailor", BOX_OFFICE, {EVENTS: reply(fixture("tickettailor/events.json"))}, key)
    found = read("tickettailor", feed)

    assert asked(loopback) == [("GET", f"https://{EVENTS}?status=published&limit=100")]
    assert loopback.asked[0].headers["authorization"] == "Basic c2tfMTo="  # "sk_1:", no password
    assert rows(found, "uid", "start_at", "end_at", "all_day", "timezone", "summary") == [
        ("ev_11", "07-04 09:00", "07-04 11:00", False, "Europe/London", "Läufe für alle 🏃"),
        ("ev_13", "07-06 00:00", "07-08 00:00", True, "UTC", "Whole day"),
        ("ev_14", "07-08 08:00", "07-08 08:00", False, "UTC", "Odd zone"),
        ("ev_18", "12-09 10:00", "12-09 10:00", False, "Europe/London", "Seconds"),
    ]
    assert rows(found, "location", "url", "description", "source_series_id") == [
        (
            *("Park Gate, LS8 1AA", "https://www.tickettailor.com/events/runners/11"),
            *("Run *with* us & friends", "es_1"),
        ),
        (None, "5", None, None),
        (None, None, None, None),
        ("Hall, LS81AA", None, None, None),
    ]
    assert [(code, uid) for code, uid, _ in notices(found)] == [
        ("event_unreadable", "ev_12"),
        ("event_unreadable", "ev_17"),
        ("private", ""),
    ]


def test_an_online_event_has_the_link_to_its_page(key):
    event = {
        "id": "ev_1",
        "name": "Talk",
        "start": {"date": "2026-07-05", "time": "18:30", "tz": "America/New_York"},
        "end": None,
        "online_event": "true",
        "url": "https://www.tickettailor.com/events/runners/12",
    }
    feed, _ = fetched("tickettailor", BOX_OFFICE, {EVENTS: _json({"data": [event], "links": {}})}, key)

    assert rows(read("tickettailor", feed), "start_at", "timezone", "online_url", "online_type", "location") == [
        ("07-05 22:30", "America/New_York", event["url"], "indirect", None)
    ]


def test_a_change_of_what_is_sold_is_no_change(key):
    before = json.loads(fixture("tickettailor/events.json"))
    after = json.loads(fixture("tickettailor/events.json"))
    after["data"][0] |= {"total_issued_tickets": 13, "tickets_available": "false"}
    feeds = [fetched("tickettailor", BOX_OFFICE, {EVENTS: _json(one)}, key)[0] for one in (before, after)]

    assert feeds[0].meaning_hash == feeds[1].meaning_hash


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (401, errors.CredentialsInvalid, "Ticket Tailor does not accept the API key of this calendar"),
        (403, errors.CredentialsForbidden, "Ticket Tailor knows the API key .* but does not let it read events"),
    ],
)
def test_refusals_are_told_apart(key, status, error, sentence):
    with pytest.raises(error, match=sentence):
        fetched("tickettailor", BOX_OFFICE, {EVENTS: reply("{}", status)}, key)


def test_no_key():
    with pytest.raises(errors.CredentialsMissing, match="Ticket Tailor gives its events to those with an API key"):
        fetched("tickettailor", BOX_OFFICE, {EVENTS: reply("{}")})
