"""Runs over a window of their own, as the days of a backfill: what they own, wait for, and leave alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from calimport.errors import CalendarBusy, ConfigurationError, LeaseLost
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from calimport.steps.report import report
from calimport.windows import Window, WindowRequest
from tests.importing import NOW, Importer, feed
from tests.web import Reply

DAILY = "UID:d\nSUMMARY:Daily\nDTSTART:20260101T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY"
OLD = "UID:old\nSUMMARY:Old\nDTSTART:20260110T100000Z\nDURATION:PT1H"
DAY = {"window_start": "2026-01-10", "window_end": "2026-01-11"}


#: Where a zone changed sides of the date line, a date was left out: nothing can lie in it.
LEFT_OUT = {
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Fakaofo", date(2011, 12, 30)),
    ("Pacific/Enderbury", date(1994, 12, 31)),
    ("Pacific/Kanton", date(1994, 12, 31)),
    ("Pacific/Kiritimati", date(1994, 12, 31)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Kwajalein", date(1993, 8, 21)),
}


def day_of(zone: str, day: date) -> Window:
    return WindowRequest(NOW, start=day, end=day + timedelta(days=1)).resolve(zone)


@given(zone=st.sampled_from(sorted(available_timezones())), day=st.dates(date(1970, 1, 2), date(2037, 12, 30)))
def test_the_end_of_a_day_is_the_start_of_the_next_in_every_zone(zone, day):
    """Also where a day has 23 or 25 hours, and where clocks change at midnight."""
    following = day + timedelta(days=1)
    assume(not {(zone, day), (zone, following)} & LEFT_OUT)

    assert day_of(zone, day).end == day_of(zone, following).start


@pytest.mark.parametrize(("zone", "day"), sorted(LEFT_OUT))
def test_a_date_that_a_zone_left_out_is_refused_and_leaves_no_gap(zone, day):
    with pytest.raises(ConfigurationError, match="must end after it starts"):
        day_of(zone, day)

    assert day_of(zone, day - timedelta(days=1)).end == day_of(zone, day + timedelta(days=1)).start


def state(importer: Importer) -> tuple:
    names = ("next_import_at", "consecutive_failures", "imported_fingerprint", "fresh_at", "held_confirmations")
    return tuple(importer.state("club")[name] for name in names)


def test_a_run_over_another_window_leaves_the_calendars_own_imports_as_they_are(importer, web):
    importer.add("club", web.feed(Reply(feed(OLD), etag='"1"')))
    importer.run()
    before = state(importer)

    importer.run(window_start="2025-01-10", window_end="2025-01-11")

    assert state(importer) == before
    assert importer.run(calendars=["club"]).unchanged == 1


def test_where_it_changed_rows_the_next_import_compares_all_of_them(importer, web):
    importer.add("club", web.feed(Reply(feed(DAILY))))
    importer.run()
    importer.connection.execute("delete from calimport.events where start_at > '2026-11-20Z'")

    importer.run(window_start="2026-11-21", window_end="2026-11-22")
    result = importer.run(calendars=["club"])

    assert result.inserted == 5


def test_its_failures_do_not_make_the_calendar_wait(importer, web):
    importer.add("club", web.feed(Reply(feed(DAILY))))
    importer.run()
    due = importer.state("club")["next_import_at"]
    web.feed(Reply(status=500))

    for _ in range(5):
        importer.run(**DAY)
    calendar = importer.state("club")

    assert (calendar["state"], calendar["consecutive_failures"], calendar["next_import_at"]) == ("error", 0, due)


def test_its_success_makes_a_calendar_due_that_was_backing_off(importer, web):
    importer.add("club", web.feed(Reply(status=500)))
    importer.run()
    web.feed(Reply(feed(DAILY)))

    importer.run(**DAY)
    calendar = importer.state("club")

    assert (calendar["state"], calendar["consecutive_failures"], calendar["next_import_at"]) == ("idle", 0, None)


def test_where_the_source_does_not_publish_its_past_nothing_is_deleted_and_it_is_said(importer, web, caplog):
    caplog.set_level("INFO")
    importer.add("club", web.feed(Reply(feed(OLD))))
    importer.run(**DAY)
    web.feed(Reply(feed("UID:next\nSUMMARY:Next\nDTSTART:20261130T100000Z\nDURATION:PT1H")))
    importer.connection.execute("update calimport.calendars set feed_retention = null")
    caplog.clear()

    result = importer.run(**DAY)

    assert importer.rows("club", "uid") == [("old",)]
    assert (result.deleted, result.past_unknown) == (0, 1)
    assert (
        "club: its source does not publish what ended before 2026-01-11 00:00:00+00:00: of that, nothing was deleted"
        in caplog.messages
    )
    assert importer.one("select published_from = fetched_at from calimport.runs order by id desc limit 1")


def test_clearing_an_old_run_deletes_nothing_that_its_source_has_dropped_since(importer, web):
    """Long after, the feed shows nothing of the window that the run had."""
    calendar_id = importer.add("club", web.feed(Reply(feed(DAILY.replace("RRULE:FREQ=DAILY", ""), OLD))))
    importer.now = datetime(2026, 1, 9, 12, tzinfo=UTC)
    importer.run("old")
    importer.run()
    before = importer.rows("club", "uid", "start_at")
    web.feed(Reply(feed("UID:next\nSUMMARY:Next\nDTSTART:20261130T100000Z\nDURATION:PT1H")))
    importer.now = NOW
    importer.run()

    for task in (extract, normalize, diff, apply):
        task(importer.step("old"), [calendar_id])
    report(importer.step("old"))

    assert [row for row in importer.rows("club", "uid", "start_at") if row in before] == before
    assert importer.one("select outcome from calimport.runs where dag_run_id = 'old' and attempt = 2") == "imported"


# Waiting for calendars that others hold.


@pytest.fixture
def two(importer, web) -> list[int]:
    return [importer.add(name, web.feed(Reply(feed(DAILY)), f"/{name}.ics")) for name in ("a", "b")]


def leases(importer: Importer) -> list[str | None]:
    rows = importer.connection.execute("select lease_owner from calimport.calendars order by name").fetchall()
    return [row["lease_owner"] for row in rows]


def test_a_run_that_waits_plans_all_and_holds_nothing(importer, two):
    importer.plan("live", calendars=["a"])

    (batch,) = importer.plan("day", calendars=two, waits=True)[:1]
    again = importer.plan("day", calendars=two, waits=True)

    assert batch["calendar_ids"] == two[:1]
    assert [one["calendar_ids"] for one in again] == [[two[0]], [two[1]]]
    assert leases(importer) == ["calendar_import/live", None]
    assert importer.one("select count(*) from calimport.runs where dag_run_id = 'day'") == 2


def test_a_batch_is_taken_as_a_whole_or_not_at_all(importer, two, web):
    """Two runs that each held what the other waits for would wait for ever."""
    importer.plan("live", calendars=["b"])
    importer.plan("day", calendars=two, waits=True, **DAY)

    with pytest.raises(CalendarBusy) as busy:
        extract(importer.step("day"), two)
    waiting = leases(importer)
    for task in (extract, normalize, diff, apply):
        task(importer.step("live"), two[1:])
    left = extract(importer.step("day"), two)

    assert busy.value.detail == "waiting for b"
    assert waiting == [None, "calendar_import/live"]
    assert (left, leases(importer)) == (2, ["calendar_import/day"] * 2)


def test_a_calendar_that_is_never_free_fails_visibly_and_the_rest_is_imported(importer, two):
    importer.settings = replace(importer.settings, lease_patience=3600, lease_seconds=7200)
    importer.plan("stuck", calendars=["b"])
    importer.plan("day", calendars=two, waits=True, **DAY)
    importer.now += timedelta(minutes=59)
    with pytest.raises(CalendarBusy):
        extract(importer.step("day"), two)
    importer.now += timedelta(minutes=2)

    left = extract(importer.step("day"), two)

    assert left == 1
    assert (
        importer.one(
            "select error_class || ': ' || error_message from calimport.runs"
            " where dag_run_id = 'day' and calendar_id = %s",
            two[1],
        )
        == f"LeaseLost: {LeaseLost.sentence}"
    )
    assert importer.state("b")["lease_owner"] == "calendar_import/stuck"


def test_a_run_whose_lease_has_run_out_is_waited_for_no_longer(importer, two):
    importer.settings = replace(importer.settings, lease_seconds=600)
    importer.plan("dead", calendars=["b"])
    importer.plan("day", calendars=two, waits=True, **DAY)
    importer.now += timedelta(minutes=11)

    assert extract(importer.step("day"), two) == 2


def test_a_run_that_was_never_given_its_calendars_is_a_failed_one(importer, two):
    """It was stopped while it waited; its calendars are the other run's still."""
    importer.plan("live", calendars=["b"])
    importer.plan("day", calendars=["b"], waits=True, **DAY)

    result = report(importer.step("day"))

    assert result.failed == ["b"]
    assert (importer.state("b")["state"], leases(importer)[1]) == ("in_queue", "calendar_import/live")


def test_what_only_touches_the_window_is_not_its_own(importer, web):
    """Rows that end where the window starts, or start where it ends, stay, whatever the feed says of them."""
    touching = (
        "UID:before\nSUMMARY:Before\nDTSTART;VALUE=DATE:20261118",
        "UID:until\nSUMMARY:Until\nDTSTART:20261118T220000Z\nDTEND:20261119T000000Z",
        "UID:from\nSUMMARY:From\nDTSTART:20261120T000000Z\nDTEND:20261120T010000Z",
        "UID:point\nSUMMARY:Point\nDTSTART:20261120T000000Z",
        "UID:after\nSUMMARY:After\nDTSTART;VALUE=DATE:20261120",
    )
    within = ("UID:point-within\nSUMMARY:Within\nDTSTART:20261119T000000Z", "UID:day\nDTSTART;VALUE=DATE:20261119")
    importer.add("a", web.feed(Reply(feed(*touching, *within)), "/a.ics"), timezone="UTC")
    importer.run()
    before = importer.rows("a", "id", "uid", "xmin")
    day = {"window_start": "2026-11-19", "window_end": "2026-11-20"}

    importer.run(calendars=["a"], force=True, **day)
    assert importer.rows("a", "id", "uid", "xmin") == before

    web.feed(Reply(feed("UID:other\nDTSTART:20261125T100000Z")), "/a.ics")
    importer.run(calendars=["a"], force=True, **day)
    assert [row for row in before if row[1] not in ("point-within", "day")] == importer.rows("a", "id", "uid", "xmin")
