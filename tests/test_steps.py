"""A feed changes, and exactly that changes in the table: inserts, updates, deletes, and ids that stay."""

from __future__ import annotations

import pytest

from tests.importing import feed
from tests.web import Reply

YOGA = """
UID:yoga
DTSTAMP:20261101T000000Z
DTSTART;TZID=Europe/London:20261109T180000
DTEND;TZID=Europe/London:20261109T190000
RRULE:FREQ=WEEKLY;COUNT=5
SUMMARY:Yoga
"""
TALK = """
UID:talk
DTSTAMP:20261101T000000Z
DTSTART:20261119T100000Z
DTEND:20261119T110000Z
SUMMARY:Talk
"""
FAIR = """
UID:fair
DTSTAMP:20261101T000000Z
DTSTART;VALUE=DATE:20261121
DTEND;VALUE=DATE:20261123
SUMMARY:Fair
"""
YOGA_16 = "2026-11-16T18:00:00Z"
YOGA_23 = "2026-11-23T18:00:00Z"
BASE = feed(YOGA, TALK, FAIR)
MOVED_YOGA = """
UID:yoga
RECURRENCE-ID;TZID=Europe/London:20261116T180000
DTSTART;TZID=Europe/London:20261117T200000
DTEND;TZID=Europe/London:20261117T210000
SUMMARY:Yoga
"""

# What changes in the feed, and what must change in the table: action, uid, recurrence id after it, columns.
CHANGES = {
    "title": (
        feed(YOGA, TALK.replace("SUMMARY:Talk", "SUMMARY:Lecture"), FAIR),
        [("update", "talk", None, ["summary"])],
    ),
    "time": (
        feed(YOGA, TALK.replace("T10", "T14").replace("T11", "T15"), FAIR),
        [("update", "talk", None, ["end_at", "start_at"])],
    ),
    "moved occurrence": (
        feed(YOGA, MOVED_YOGA, TALK, FAIR),
        [("update", "yoga", YOGA_16, ["end_at", "start_at"])],
    ),
    "cancelled occurrence": (
        feed(YOGA, MOVED_YOGA.replace("20261117T20", "20261116T18").replace("20261117T21", "20261116T19")
             + "STATUS:CANCELLED", TALK, FAIR),
        [("update", "yoga", YOGA_16, ["status"])],
    ),
    "occurrence taken out": (
        feed(YOGA + "EXDATE;TZID=Europe/London:20261116T180000", TALK, FAIR),
        [("delete", "yoga", YOGA_16, None)],
    ),
    "deleted event": (feed(YOGA, FAIR), [("delete", "talk", None, None)]),
    "new event": (
        feed(YOGA, TALK, FAIR, TALK.replace("UID:talk", "UID:tea").replace("SUMMARY:Talk", "SUMMARY:Tea")),
        [("insert", "tea", None, None)],
    ),
    "rule changed": (
        feed(YOGA.replace("FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=2"), TALK, FAIR),
        [("delete", "yoga", YOGA_16, None)],
    ),
    "rule ended": (
        feed(YOGA.replace("COUNT=5", "UNTIL=20261120T000000Z"), TALK, FAIR),
        [("delete", "yoga", YOGA_23, None)],
    ),
    "zone changed": (
        feed(YOGA.replace("Europe/London", "Europe/Berlin"), TALK, FAIR),
        [
            ("update", "yoga", "2026-11-16T17:00:00Z", ["end_at", "recurrence_id", "start_at", "timezone"]),
            ("update", "yoga", "2026-11-23T17:00:00Z", ["end_at", "recurrence_id", "start_at", "timezone"]),
        ],
    ),
    "series moved by an hour": (
        feed(YOGA.replace("T18", "T17").replace("T19", "T18"), TALK, FAIR),
        [
            ("update", "yoga", "2026-11-16T17:00:00Z", ["end_at", "recurrence_id", "start_at"]),
            ("update", "yoga", "2026-11-23T17:00:00Z", ["end_at", "recurrence_id", "start_at"]),
        ],
    ),
    "days changed": (
        feed(YOGA, TALK, FAIR.replace("20261123", "20261124")),
        [("update", "fair", None, ["end_at", "end_date"])],
    ),
    "all-day became timed": (
        feed(YOGA, TALK, FAIR.replace(";VALUE=DATE:20261121", ":20261121T090000Z")
             .replace(";VALUE=DATE:20261123", ":20261121T170000Z")),
        [("update", "fair", None, ["all_day", "end_at", "end_date", "start_at", "start_date", "timezone_source"])],
    ),
    "only DTSTAMP changed": (BASE.replace(b"DTSTAMP:20261101", b"DTSTAMP:20261102"), []),
    "only volatile properties changed": (
        BASE.replace(b"UID:", b"LAST-MODIFIED:20261103T000000Z\nSEQUENCE:7\nCREATED:20261103T000000Z\nUID:"), []
    ),
    "order changed": (feed(FAIR, YOGA, TALK), []),
}  # fmt: skip


def test_a_new_calendar_is_imported_with_series_and_all_day(importer, web):
    importer.add("club", web.feed(Reply(BASE)))

    report = importer.run()

    assert (report.imported, report.inserted, report.updated, report.deleted) == (1, 4, 0, 0)
    assert [(uid, rid, str(start), all_day) for uid, rid, start, all_day in
            importer.rows("club", "uid", "recurrence_id", "start_at", "all_day")] == [
        ("yoga", YOGA_16, "2026-11-16 18:00:00+00:00", False),
        ("talk", None, "2026-11-19 10:00:00+00:00", False),
        ("fair", None, "2026-11-21 00:00:00+00:00", True),
        ("yoga", YOGA_23, "2026-11-23 18:00:00+00:00", False),
    ]  # fmt: skip
    assert importer.state("club")["state"] == "idle"


@pytest.mark.parametrize("name", CHANGES)
def test_exactly_what_changed_in_the_feed_changes_in_the_table(importer, web, name):
    changed_feed, expected = CHANGES[name]
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    ids = {row_id for (row_id,) in importer.rows("club", "id")}
    first_run = importer.last_run()
    web.feed(Reply(changed_feed))

    importer.run()

    changes = importer.history(since=first_run)
    assert sorted(changes, key=str) == sorted(expected, key=str)
    gone = sum(action == "delete" for action, *_ in expected)
    kept = {row_id for (row_id,) in importer.rows("club", "id")} & ids
    assert len(kept) == len(ids) - gone


def test_changing_back_and_forth_keeps_ids_and_ends_where_it_began(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    before = importer.rows("club", "id", "uid", "recurrence_id", "start_at", "content_hash")

    for name in ("zone changed", "moved occurrence", "title", "days changed", "all-day became timed"):
        web.feed(Reply(CHANGES[name][0]))
        importer.run()
        web.feed(Reply(BASE))
        importer.run()

    assert importer.rows("club", "id", "uid", "recurrence_id", "start_at", "content_hash") == before


def test_a_second_run_writes_no_row(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    versions = importer.connection.execute(
        "select id, xmin::text, ctid::text from calimport.events order by id"
    ).fetchall()
    first_run = importer.last_run()

    unchanged = importer.run()
    forced = importer.run(force=True)

    assert (unchanged.unchanged, forced.imported, forced.changed) == (1, 1, 0)
    after = importer.connection.execute(
        "select id, xmin::text, ctid::text from calimport.events order by id"
    ).fetchall()
    assert after == versions
    assert importer.history(since=first_run) == []


def test_history_knows_before_and_after(importer, web):
    importer.add("club", web.feed(Reply(BASE)))
    importer.run()
    web.feed(Reply(CHANGES["title"][0]))

    importer.run()

    change = importer.connection.execute(
        "select before, after from calimport.history where action = 'update'"
    ).fetchone()
    assert (change["before"]["summary"], change["after"]["summary"]) == ("Talk", "Lecture")
    assert change["before"]["uid"] == change["after"]["uid"] == "talk"


def test_an_occurrence_moved_into_the_window_keeps_its_row(importer, web):
    """It was imported by an earlier run over another window, so its row exists outside of this run's."""
    importer.add("club", web.feed(Reply(BASE)))
    importer.run(window_start="2026-12-01", window_end="2026-12-10")
    ids = importer.rows("club", "id", "recurrence_id")
    moved = MOVED_YOGA.replace("20261116T18", "20261207T18").replace("20261117T", "20261120T")
    web.feed(Reply(feed(YOGA, moved, TALK, FAIR)))

    importer.run()

    assert ids == [(ids[0][0], "2026-12-07T18:00:00Z")]
    assert (ids[0][0], "2026-12-07T18:00:00Z") in importer.rows("club", "id", "recurrence_id")


def test_two_events_that_share_a_uid_are_both_kept(importer, web):
    twin = (
        TALK.replace("20261119T10", "20261120T10").replace("20261119T11", "20261120T11").replace("Talk", "Other talk")
    )
    importer.add("club", web.feed(Reply(feed(TALK, twin))))

    importer.run()

    assert importer.rows("club", "summary") == [("Talk",), ("Other talk",)]


def test_one_calendars_changes_leave_anothers_rows_alone(importer, web):
    importer.add("club", web.feed(Reply(BASE), "/club.ics"))
    importer.add("other", web.feed(Reply(BASE), "/other.ics"))
    importer.run()
    before = importer.rows("other", "id", "xmin")
    web.feed(Reply(feed(YOGA, FAIR)), "/club.ics")

    importer.run()

    assert len(importer.rows("club", "id")) == 3
    assert importer.rows("other", "id", "xmin") == before
