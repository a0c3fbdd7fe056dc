"""The source ``ticketsource``, against a server that answers as its JSON:API is documented."""

from __future__ import annotations

import json

import pytest

from calimport import errors
from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

VENUE = "https://www.ticketsource.co.uk/fairfield-hall"
EVENTS = "api.ticketsource.io/events"


class TestConformance(SourceConformance):
    kind = "ticketsource"
    source = VENUE
    connection = {"conn_type": "http", "password": "skl-s3cret"}  # noqa: RUF012
    secrets = ("skl-s3cret", "c2tsLXMzY3JldA")
    hosts = ("api.ticketsource.io",)

    def answers(self, samples):
        first, last = [_event(one) for one in samples[:1]], [_event(one) for one in samples[1:]]

        def events(asked):
            if "page=2" in asked.path:
                return _json({"data": last, "links": {"next": None}})
            return _json({"data": first, "links": {"next": "https://elsewhere.example/" if last else None}})

        parts = {f"{EVENTS}/{one.uid}/dates": _json({"data": [_date(one)]}) for one in samples}
        venues = {f"{EVENTS}/{one.uid}/venues": _json({"data": _venues(one)}) for one in samples}
        return {EVENTS: events} | parts | venues


def _event(one):
    return {"id": one.uid, "attributes": {"name": one.title, "public": True, "description": one.description}}


def _date(one):
    end = {"end": one.end.isoformat()} if one.end else {}
    return {"id": "1", "attributes": {"start": one.start.isoformat(), **end}}


def _venues(one):
    return [{"id": "v", "attributes": {"name": one.location}}] if one.location else []


def _json(document):
    return Reply(json.dumps(document).encode())


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TICKETSOURCE", json.dumps({"conn_type": "http", "password": "skl-1"}))
    return "ticketsource"


def venue():
    more = {"id": "d-3", "attributes": {"start": "2026-08-01T14:00", "end": None}}
    first = fixture("ticketsource/dates.json")
    return {
        EVENTS: reply(fixture("ticketsource/events.json")),
        f"{EVENTS}/evt-a/dates": lambda asked: _json({"data": [more]}) if "page=2" in asked.path else reply(first),
        f"{EVENTS}/evt-a/venues": reply(fixture("ticketsource/venues.json")),
        f"{EVENTS}/evt-d/dates": _json({"data": [{"id": 7, "attributes": {"start": None}}]}),
        f"{EVENTS}/evt-d/venues": _json({"data": []}),
    }


def test_the_events_of_a_venue(key):
    feed, loopback = fetched("ticketsource", VENUE, venue(), key)
    found = read("ticketsource", feed)

    assert [address for _, address in asked(loopback)] == [
        f"https://{EVENTS}?per_page=100&page=1",
        f"https://{EVENTS}/evt-a/dates",
        f"https://{EVENTS}/evt-a/dates?page=2",
        f"https://{EVENTS}/evt-a/venues",
        f"https://{EVENTS}/evt-d/dates",
        f"https://{EVENTS}/evt-d/venues",
    ]
    assert {one.headers["authorization"] for one in loopback.asked} == {"Basic c2tsLTE6"}  # "skl-1:", no password
    assert rows(found, "uid", "start_at", "end_at", "timezone", "status", "summary") == [
        ("evt-a-d-1", "07-11 18:30", "07-11 20:30", "Europe/London", "confirmed", "Panto: «Aladdin»"),
        ("evt-a-d-3", "08-01 13:00", "08-01 13:00", "Europe/London", "confirmed", "Panto: «Aladdin»"),
        ("evt-a-d-2", "12-12 19:30", "12-12 21:30", "Europe/London", "cancelled", "Panto: «Aladdin»"),
    ]
    assert rows(found, "location", "url", "description")[0] == (
        "Fairfield Hall, 2 Fair Road, Bath, BA1 1AA",
        "https://www.ticketsource.co.uk/fairfield-hall/aladdin",
        "Oh no it isn’t.",
    )
    assert notices(found) == [
        (
            "event_unreadable",
            "evt-d-7",
            "The event 'Coffee' could not be understood and was left as it was: it has no start",
        )
    ]


def test_a_change_of_dates_alone_is_a_change(key):
    moved = _json({"data": [{"id": "7", "attributes": {"start": "2026-07-01T10:00:00Z"}}]})
    feeds = [
        fetched("ticketsource", VENUE, answers, key)[0]
        for answers in (venue(), venue() | {f"{EVENTS}/evt-d/dates": moved})
    ]

    assert feeds[0].meaning_hash != feeds[1].meaning_hash


@pytest.mark.parametrize("part", ["evt-d/dates", "evt-d/venues"])
@pytest.mark.parametrize("answer", [reply("", 404), reply("", 500), reply("{}"), reply("<html>")])
def test_without_one_of_its_parts_the_fetch_is_not_complete(key, part, answer):
    with pytest.raises(errors.FeedIncomplete):
        fetched("ticketsource", VENUE, venue() | {f"{EVENTS}/{part}": answer}, key)


@pytest.mark.parametrize("part", ["", "/evt-a/dates"])
@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (401, errors.CredentialsInvalid, "TicketSource does not accept the API key of this calendar"),
        (403, errors.CredentialsForbidden, "TicketSource knows the API key .* but does not let it read events"),
        (429, errors.QuotaExceeded, "The provider asks us to slow down."),
    ],
)
def test_refusals_are_told_apart(key, part, status, error, sentence):
    with pytest.raises(error, match=sentence):
        fetched("ticketsource", VENUE, venue() | {f"{EVENTS}{part}": reply("{}", status)}, key)


@pytest.mark.parametrize(
    ("address", "reference", "link"),
    [
        ("https://www.ticketsource.co.uk/hall/", "one", "https://www.ticketsource.co.uk/hall/one"),
        ("https://www.ticketsource.co.uk/hall?x=1", "/one", "https://www.ticketsource.co.uk/hall/one"),
        ("https://www.ticketsource.co.uk/hall", None, "https://www.ticketsource.co.uk/hall"),
    ],
)
def test_links(key, address, reference, link):
    answers = {
        EVENTS: _json({"data": [{"id": 1, "attributes": {"name": "A", "reference": reference}}]}),
        f"{EVENTS}/1/dates": _json({"data": [{"id": 2, "attributes": {"start": "2026-07-01T10:00:00Z"}}]}),
        f"{EVENTS}/1/venues": _json({"data": [{"attributes": "unknown shape"}]}),
    }

    assert rows(read("ticketsource", fetched("ticketsource", address, answers, key)[0]), "uid", "url") == [
        ("1-2", link)
    ]
