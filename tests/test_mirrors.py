"""Incremental sync through the whole flow: what a token brings is applied once, whatever is killed, lost or refused."""

from __future__ import annotations

import json
import os
import zlib
from datetime import timedelta

import psycopg
import pytest

from calimport import database
from calimport.errors import CalimportError
from calimport.sources.base import Feed
from calimport.steps import mirrors
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from tests.fake_google import Failure, FakeGoogle
from tests.importing import NOW, Importer
from tests.loopback import Loopback
from tests.test_google import (  # noqa: F401 - fixtures
    TEAM,
    airflow_home,
    calendar,
    event,
    fake,
    series,
    server,
    service_account,
)

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")

#: Enough of them that a delta is smaller than what it changes.
EVENTS = [event(f"e{number}", f"2026-11-{19 + number % 5}T10:00:00Z", "2026-11-24T11:00:00Z") for number in range(20)]


@pytest.fixture
def google(fake: FakeGoogle) -> FakeGoogle:  # noqa: F811
    fake.calendars[TEAM] = calendar(*(dict(one) for one in EVENTS))
    return fake


@pytest.fixture
def importer(connection, google):
    connection.commit()
    connection.autocommit = True
    importer = Importer(connection, transport=Loopback({"www.googleapis.com": google.url}))
    importer.add("team", TEAM, connection_id="google")
    return importer


def edit(google: FakeGoogle, title: str = "New", *, also_delete: bool = True) -> None:
    """One event changed, one deleted, one new."""
    events = google.calendars[TEAM].events
    events[0]["summary"] = title
    if also_delete:
        events[:] = [one for one in events if one["id"] not in ("e1", "new")]
        events.append(event("new", summary=title))


def titles(importer: Importer, name: str = "team") -> dict[str, str]:
    return dict(importer.rows(name, "source_event_id", "summary"))


def asked(google: FakeGoogle) -> list[str | None]:
    """The sync token of each listing so far; None: a whole one."""
    found = [query.get("syncToken") for query in google.queries if "showDeleted" in query]
    google.queries.clear()
    return found


def token(importer: Importer) -> str:
    return importer.one("select validators ->> 'sync_token' from calimport.feeds join calimport.calendars"
                        " on feed_id = feeds.id")  # fmt: skip


def last_run(importer: Importer) -> dict:
    query = "select outcome, requests, bytes_received, error_class from calimport.runs order by id desc limit 1"
    return importer.connection.execute(query).fetchone()


def chain(importer: Importer) -> tuple[int, dict]:
    """How many deltas the applied feed has, and all that it stands for."""
    feed_id = importer.state("team")["feed_id"]
    step = importer.step("look")
    measured = step.run("measure_chain", feed_id=feed_id).fetchone()
    return measured["deltas"], json.loads(mirrors.load(step, feed_id)[1])


# What it costs


def test_three_changes_among_ten_thousand_events_cost_one_request_and_touch_three_rows(importer, google):
    many = [dict(EVENTS[number % 20], id=f"e{number}", iCalUID=f"e{number}") for number in range(10_000)]
    google.calendars[TEAM] = calendar(*many)
    first = importer.run()
    before = {row[0]: row for row in importer.rows("team", "id", "xmin", "summary")}
    many[0]["summary"] = many[5000]["summary"] = many[9999]["summary"] = "New"
    google.requests.clear()

    second = importer.run()

    after = {row[0]: row for row in importer.rows("team", "id", "xmin", "summary")}
    assert (first.inserted, second.updated, second.changed) == (10_000, 3, 3)
    assert google.requests == {"events": 1}
    assert [row[2] for key, row in after.items() if row != before[key]] == ["New"] * 3
    assert after.keys() == before.keys()
    assert last_run(importer)["requests"] == 1
    assert last_run(importer)["bytes_received"] < 3000


def test_an_unchanged_calendar_costs_one_request_and_stores_nothing(importer, google):
    importer.run()
    first = token(importer)
    google.requests.clear()

    result = importer.run()

    assert (result.unchanged, google.requests) == (1, {"events": 1})
    assert importer.one("select count(*) from calimport.feeds") == 1
    assert last_run(importer)["requests"] == 1
    # Nothing came with it, so nothing has to be applied before it is used.
    assert token(importer) != first


def test_what_a_failed_fetch_cost_is_recorded(importer, google):
    importer.run()
    google.requests.clear()
    google.failures = {("events", 1): Failure(500)}

    importer.run()

    run = last_run(importer)
    assert (run["outcome"], run["requests"], run["bytes_received"] > 0) == ("failed", 1, True)


def test_a_window_that_moves_on_is_filled_from_the_mirror(importer, google):
    google.calendars[TEAM] = calendar(series("daily", "2026-11-01T10:00:00Z", "RRULE:FREQ=DAILY"))
    importer.run()
    before = len(titles(importer))
    google.requests.clear()

    importer.run(later=timedelta(days=3))

    assert len(titles(importer)) == before + 3
    assert google.requests == {"events": 1}


# A token advances only with what it brought.


@pytest.mark.parametrize("then", ["the task is run again", "the next run takes over"])
def test_killed_at_any_statement_what_changed_is_applied_once(importer, google, monkeypatch, then):
    """Every statement of the four steps in turn is where the worker dies."""
    importer.run()
    execute, deaths, died = database.run, 0, True
    while died:
        edit(google, f"New {deaths}")
        before, known = importer.last_run(), token(importer)
        importer.now += timedelta(minutes=10)  # in all less than until the calendar is fetched whole
        (batch,) = importer.plan(f"run {deaths}")
        step, ids, left = importer.step(f"run {deaths}"), batch["calendar_ids"], deaths
        asked(google)
        tokens = {known}

        def dies(connection, statement, /, **parameters):
            nonlocal left
            left -= 1
            if left == -1:
                raise psycopg.OperationalError("the worker was killed")
            return execute(connection, statement, **parameters)

        monkeypatch.setattr(database, "run", dies)
        try:
            for task in (extract, normalize, diff, apply):
                try:
                    task(step, ids, *([importer.transport] if task is extract else []))
                except psycopg.OperationalError:
                    if then == "the next run takes over":
                        raise
                    task(step, ids, *([importer.transport] if task is extract else []))
        except psycopg.OperationalError:
            monkeypatch.setattr(database, "run", execute)
            finished = importer.one("select outcome is not null from calimport.runs order by id desc limit 1")
            assert (token(importer) == known) is not finished
            tokens.add(token(importer))
            importer.run(later=timedelta(hours=1))
        monkeypatch.setattr(database, "run", execute)
        died = left < 0

        assert titles(importer)["e0"] == titles(importer)["new"] == f"New {deaths}"
        assert "e1" not in titles(importer)
        changes = sorted((action, uid) for action, uid, *_ in importer.history(before))
        first = [("delete", "e1@google.com"), ("insert", "new@google.com"), ("update", "e0@google.com")]
        assert changes == (first if deaths == 0 else [("update", "e0@google.com"), ("update", "new@google.com")])
        # Whoever asked for the changes asked with what the events stood for.
        assert set(asked(google)) == tokens
        assert importer.state("team")["lease_owner"] is None
        deaths += 1
    assert deaths > 15
    assert chain(importer)[1]["events"] == sorted(google.calendars[TEAM].events, key=lambda one: one["id"])


def test_a_delta_of_a_run_that_was_killed_is_not_used_twice(importer, google):
    importer.run()
    edit(google)
    importer.now += timedelta(minutes=5)
    importer.plan("killed")
    for _ in range(3):
        extract(importer.step("killed"), [importer.state("team")["id"]], importer.transport)
    assert importer.one("select count(*) from calimport.feeds where base_feed_id is not null") == 3

    importer.run(later=timedelta(hours=1))

    assert titles(importer)["e0"] == "New"
    assert chain(importer)[0] == 1


@pytest.mark.parametrize("how", ["fails", "is dry"])
def test_a_run_that_applies_nothing_leaves_the_token(importer, google, monkeypatch, how):
    importer.run()
    known, state = token(importer), importer.state("team")
    edit(google)
    if how == "fails":
        with monkeypatch.context() as patch:
            patch.setattr("calimport.steps.diff.check_newest", lambda run: 1 / 0)
            assert importer.run().failed == ["team"]
    else:
        assert importer.run(dry_run=True).planned == 1
    assert (token(importer), importer.state("team")["feed_id"]) == (known, state["feed_id"])
    assert titles(importer)["e0"] == "E0"
    asked(google)

    assert importer.run(calendars=["team"]).changed == 3

    assert asked(google) == [known]


def test_a_dry_run_that_finds_nothing_renews_nothing(importer, google):
    importer.run()
    known = token(importer)

    importer.run(dry_run=True)

    assert token(importer) == known


def test_held_deletions_are_confirmed_by_fetches_without_changes(importer, google):
    importer.run()
    google.calendars[TEAM].events[2:] = []

    held = [(importer.run().held, len(titles(importer))) for _ in range(3)]

    assert held == [(18, 20), (18, 20), (0, 2)]


def test_of_two_runs_the_late_one_applies_nothing(importer, google):
    importer.run()
    calendar_id = importer.state("team")["id"]
    edit(google, "Early")
    importer.now += timedelta(minutes=5)
    importer.plan("stuck")
    stuck = importer.step("stuck")
    extract(stuck, [calendar_id], importer.transport)
    normalize(stuck, [calendar_id])
    diff(stuck, [calendar_id])
    edit(google, "Late", also_delete=False)
    importer.run("next", later=timedelta(hours=1))

    with pytest.raises(CalimportError):
        apply(stuck, [calendar_id])

    assert titles(importer)["e0"] == "Late"
    edit(google, "Last", also_delete=False)
    assert importer.run(later=timedelta(hours=1)).updated == 1
    assert chain(importer)[1]["events"] == sorted(google.calendars[TEAM].events, key=lambda one: one["id"])


# A whole list, and what starts one


def test_a_token_that_expired_starts_a_whole_list_and_what_it_lacks_is_gone(importer, google):
    importer.run()
    edit(google)
    google.expire()
    asked(google)

    result = importer.run()

    assert (result.inserted, result.updated, result.deleted) == (1, 1, 1)
    assert asked(google)[1:] == [None]
    assert chain(importer)[0] == 0


def test_a_whole_feed_with_the_bytes_of_a_delta_is_not_taken_for_it(importer, google):
    """A delta that lists some events as the only ones of the calendar would list them."""
    importer.run()
    edit(google)
    importer.run()
    assert chain(importer)[0] == 1
    query = (
        "select body from calimport.feeds join calimport.feed_contents using (content_hash) order by id desc limit 1"
    )
    delta = mirrors.decompressed(importer.one(query))
    step = importer.step("run_1")
    (run,) = step.load_all([importer.state("team")["id"]])

    stored = mirrors.store(step, run, "google", Feed(delta, b"m" * 32), None)

    assert stored.feed_id != run.feed_id
    (row,) = step.run("load_feeds", feed_ids=[stored.feed_id]).fetchall()
    assert mirrors.decompressed(row["body"]) == delta


def test_force_and_another_connection_fetch_the_whole(importer, google, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "google_cloud_platform"}))
    importer.run()
    asked(google)

    importer.run(force=True)

    assert asked(google) == [None]
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", os.environ["AIRFLOW_CONN_GOOGLE"])
    importer.connection.execute("update calimport.calendars set connection_id = 'other'")
    importer.run()
    assert asked(google) == [None]


def test_a_mirror_whose_base_is_lost_is_built_again(importer, google):
    importer.run()
    edit(google)
    importer.run()
    importer.connection.execute("delete from calimport.feeds where base_feed_id is null")
    assert importer.one("select count(*) from calimport.feeds") == 0
    edit(google, "Newer", also_delete=False)
    asked(google)

    result = importer.run()

    assert (result.updated, result.changed) == (1, 1)
    assert asked(google) == [None]
    assert importer.run().unchanged == 1


def test_feeds_that_were_stored_as_zlib_writes_them_are_still_read(importer, google):
    importer.run()
    for row in importer.connection.execute("select content_hash, body from calimport.feed_contents").fetchall():
        older = zlib.compress(mirrors.decompressed(row["body"]))
        importer.connection.execute(
            "update calimport.feed_contents set body = %s where content_hash = %s", [older, row["content_hash"]]
        )
    edit(google)
    asked(google)

    result = importer.run()

    assert (result.updated, result.failed) == (1, [])
    assert asked(google) != [None]


@pytest.mark.parametrize("damage", [b"", b"x\x9c\x03\x00\x00\x00\x00\x01", b"\x28\xb5\x2f\xfd\x00"])
def test_a_mirror_that_cannot_be_read_fails_once_and_is_built_again(importer, google, damage):
    importer.run()
    before = importer.rows("team", "id", "xmin")
    importer.connection.execute("update calimport.feed_contents set body = %s", [damage])
    edit(google)

    assert importer.run().failed == ["team"]
    assert importer.rows("team", "id", "xmin") == before
    assert last_run(importer)["error_class"] == "MirrorLost"
    asked(google)
    assert importer.run(calendars=["team"]).changed == 3
    assert asked(google) == [None]


def test_long_chains_are_folded(importer, google, monkeypatch):
    monkeypatch.setattr(mirrors, "LONGEST_CHAIN", 3)
    importer.run()
    lengths = []

    for number in range(6):
        google.calendars[TEAM].events[0]["summary"] = f"New {number}"
        assert importer.run().updated == 1
        lengths.append(chain(importer)[0])

    assert lengths == [1, 2, 3, 0, 1, 2]
    assert titles(importer)["e0"] == "New 5"


def test_changes_that_are_larger_than_what_they_change_are_folded(importer, google):
    importer.run()
    for one in google.calendars[TEAM].events:
        one["description"] = "x" * 100

    assert importer.run().updated == 20

    assert chain(importer)[0] == 0
    assert importer.run().unchanged == 1


def test_each_calendar_is_fetched_whole_once_a_week_changes_or_not(importer, google):
    importer.run()
    whole = 0
    for _ in range(4 * 7):
        asked(google)
        importer.run(later=timedelta(hours=6))
        whole += asked(google) == [None]

    assert whole == 1


def test_the_weekly_fetches_of_all_calendars_are_spread_over_the_week():
    week, hour = timedelta(days=7), timedelta(hours=1)
    due = [
        [one for one in range(1, 1001) if mirrors.full_sync_is_due(one, NOW + hour * at, NOW + hour * (at + 1), week)]
        for at in range(7 * 24)
    ]

    assert sorted(one for hourly in due for one in hourly) == list(range(1, 1001))
    assert max(len(hourly) for hourly in due) <= 8  # evenly: six
