"""One digest of what broke or came back, sent once: retries send nothing again, and what was not sent is not lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from calimport import alerting
from calimport.alerting import Digest, send_changes
from calimport.deadlines import run_takes_long
from calimport.errors import AlertsFailed, ConfigurationError, FeedNotFound, FeedServerError
from calimport.settings import Settings
from tests.importing import NOW, feed
from tests.web import Reply

GOOD = Reply(feed("UID:a\nSUMMARY:A\nDTSTART:20261119T100000Z"))


class Told:
    """A notifier that remembers what it was told."""

    def __init__(self) -> None:
        self.digests: list[Digest] = []
        self.fails = False

    def __call__(self, context: dict[str, Any]) -> None:
        if self.fails:
            raise ConnectionError("the mail server is away")
        self.digests.append(context["digest"])


@pytest.fixture
def told() -> Told:
    return Told()


def names(digests: list[Digest]) -> list[tuple[list[str], list[str]]]:
    """Of each digest, who is broken and who is well again."""
    return [([one["calendar"] for one in two.broken], [one["calendar"] for one in two.recovered]) for two in digests]


def test_only_a_change_of_state_is_told_and_once(importer, web, told):
    importer.add("club", web.feed(GOOD, "/club.ics"), configured_at=NOW)
    importer.add("fair", web.feed(GOOD, "/fair.ics"), configured_at=NOW)

    for reply in (GOOD, Reply(status=404), Reply(status=404), GOOD, GOOD):
        web.feed(reply, "/club.ics")
        importer.run(force=True)
        send_changes(importer.connection, lambda: told, clock=NOW)

    assert names(told.digests) == [(["club"], []), ([], ["club"])]


def test_one_digest_names_all_with_sentence_and_contact(importer, web, told):
    importer.add("fair", web.feed(Reply(status=500), "/fair.ics"), contact_email="fair@example.org")
    importer.add("club", web.feed(Reply(status=404), "/club.ics"))
    importer.run()

    (digest,) = [send_changes(importer.connection, lambda: told, clock=NOW)]

    assert digest.subject == "Calendars: 2 broken"
    assert digest.text.splitlines() == [
        f"club: {FeedNotFound.sentence} (FeedNotFound; contact: unknown)",
        f"fair: {FeedServerError.sentence} (FeedServerError; contact: fair@example.org)",
    ]
    assert {who: [one["calendar"] for one in rows] for who, rows in digest.by_contact().items()} == {
        None: ["club"],
        "fair@example.org": ["fair"],
    }


def test_what_a_notifier_did_not_take_the_next_run_tells(importer, web, told):
    importer.add("club", web.feed(Reply(status=404)))
    importer.run()
    told.fails = True
    with pytest.raises(AlertsFailed):
        send_changes(importer.connection, lambda: told, clock=NOW)
    told.fails = False

    send_changes(importer.connection, lambda: told, clock=NOW)
    send_changes(importer.connection, lambda: told, clock=NOW)

    assert names(told.digests) == [(["club"], [])]


def test_two_senders_at_once_tell_once(importer, web, told, postgres_host):
    from calimport import database

    importer.add("club", web.feed(Reply(status=404)))
    importer.run()

    def slow(context: dict[str, Any]) -> None:
        with database.connect(autocommit=True) as other:
            assert send_changes(other, lambda: told, clock=NOW).broken == []
        told(context)

    send_changes(importer.connection, lambda: slow, clock=NOW)

    assert names(told.digests) == [(["club"], [])]


def test_a_passing_error_that_becomes_the_owners_is_told_again(importer, web, told):
    importer.add("club", web.feed(Reply(status=500)))
    importer.run()
    send_changes(importer.connection, lambda: told, clock=NOW)
    web.feed(Reply(status=404))
    importer.run(force=True)
    send_changes(importer.connection, lambda: told, clock=NOW)

    assert [one["state"] for digest in told.digests for one in digest.broken] == ["error", "bad_source"]


def test_paused_calendars_and_those_in_work_trouble_nobody(importer, web, told):
    importer.add("paused", web.feed(Reply(status=404), "/a.ics"))
    importer.add("in work", web.feed(Reply(status=404), "/b.ics"))
    importer.run()
    importer.connection.execute("update calimport.calendars set enabled = false where name = 'paused'")
    importer.plan("next", calendars=["in work"])

    send_changes(importer.connection, lambda: told, clock=NOW)

    assert told.digests == []


def test_a_calendar_that_was_given_another_address_is_well_once_it_was_fetched(importer, web, told):
    from calimport import calendars

    importer.add("club", web.feed(Reply(status=404)))
    importer.run()
    send_changes(importer.connection, lambda: told, clock=NOW)
    calendars.change(importer.connection, "club", {"source": web.feed(GOOD, "/new.ics")})
    importer.connection.execute("update calimport.calendars set configured_at = %s", [importer.now])
    send_changes(importer.connection, lambda: told, clock=NOW)
    importer.run()
    send_changes(importer.connection, lambda: told, clock=NOW)

    assert names(told.digests) == [(["club"], []), ([], ["club"])]


def test_without_a_notifier_the_digest_is_in_the_log(importer, web, caplog):
    importer.add("club", web.feed(Reply(status=404)))
    importer.run()

    send_changes(importer.connection, alerting.load(Settings()), clock=NOW)

    told = [record.getMessage() for record in caplog.records if record.name == "calimport.alerting"]
    assert told == ["Calendars: 1 broken", f"club: {FeedNotFound.sentence} (FeedNotFound; contact: unknown)"]


def test_a_notifier_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match=r"CALIMPORT_ALERT_NOTIFIER.*cannot be loaded"):
        alerting.load(Settings(alert_notifier="nobody.here"))


# How fresh calendars are.


def freshness(importer) -> list[tuple[Any, ...]]:
    rows = importer.connection.execute(
        "select calendar, is_late, fresh_at, target from calimport.freshness order by calendar"
    )
    return [tuple(row.values()) for row in rows]


def test_a_calendar_is_late_when_its_last_good_fetch_is_older_than_its_target(importer, web):
    importer.add("strict", web.feed(GOOD, "/a.ics"), freshness_target=timedelta(minutes=10))
    importer.add("usual", web.feed(GOOD, "/b.ics"))
    importer.add("weekly", web.feed(GOOD, "/c.ics"), import_interval=timedelta(days=1))
    importer.add("paused", web.feed(GOOD, "/d.ics"), enabled=False)
    importer.connection.execute("update calimport.calendars set created_at = now()")
    (now,) = importer.connection.execute("select now()").fetchone().values()
    importer.now = now - timedelta(minutes=65)

    importer.run()
    fetched = importer.now

    assert freshness(importer) == [
        ("strict", True, fetched, timedelta(minutes=10)),
        ("usual", False, fetched, timedelta(hours=2)),
        ("weekly", False, fetched, timedelta(days=3)),
    ]


def test_a_failure_a_dry_run_and_a_window_of_its_own_make_nothing_fresher(importer, web):
    importer.add("club", web.feed(GOOD))
    importer.run()
    fresh = importer.state("club")["fresh_at"]

    importer.run(dry_run=True, calendars=["club"])
    importer.run(window_start="2026-10-01", window_end="2026-10-02")
    web.feed(Reply(status=500))
    importer.run(force=True)
    assert importer.state("club")["fresh_at"] == fresh

    web.feed(GOOD)
    importer.run(force=True)
    importer.run(calendars=["club"])  # unchanged
    assert importer.state("club")["fresh_at"] == importer.now


def test_a_calendar_that_was_never_fetched_is_late_by_and_by(importer):
    importer.add("club", "https://example.org/a.ics")
    assert freshness(importer) == [("club", False, None, timedelta(hours=2))]

    importer.connection.execute("update calimport.calendars set created_at = now() - interval '3 hours'")

    assert freshness(importer) == [("club", True, None, timedelta(hours=2))]


def test_a_run_that_takes_too_long_is_told_of_by_the_same_notifier(monkeypatch, caplog):
    """What Airflow's triggerer calls when the DAG's deadline has passed."""
    context = {"dag_run": {"dag_id": "calendar_import", "dag_run_id": "scheduled__2026-11-18"}}

    asyncio.run(run_takes_long(context))

    assert "The run scheduled__2026-11-18 of calendar_import has been at work for longer than it should." in caplog.text
