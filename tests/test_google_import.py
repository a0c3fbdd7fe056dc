"""A Google calendar through the whole flow: listing, changes, cancelled instances, and failures that delete nothing."""

from __future__ import annotations

import pytest

from tests.importing import Importer
from tests.loopback import Loopback
from tests.test_google import (  # noqa: F401 - fixtures
    TEAM,
    airflow_home,
    bare,
    calendar,
    event,
    fake,
    instance,
    series,
    server,
    service_account,
)

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")

DEFAULT = {"reminders": {"useDefault": True}}
TALK = event("talk", "2026-11-19T10:00:00Z", "2026-11-19T11:00:00Z", **DEFAULT)
TEA = event("tea", "2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z", **DEFAULT)
RUN = event(
    "run_20261118T070000Z",
    "2026-11-18T07:00:00Z",
    "2026-11-18T08:00:00Z",
    iCalUID="run@google.com",
    recurringEventId="run",
    originalStartTime={"dateTime": "2026-11-18T07:00:00Z", "timeZone": "Europe/London"},
    **DEFAULT,
)


@pytest.fixture
def importer(connection, fake):  # noqa: F811
    connection.commit()
    connection.autocommit = True
    fake.calendars[TEAM] = calendar(TALK, TEA, RUN)
    importer = Importer(connection, transport=Loopback({"www.googleapis.com": fake.url}))
    importer.add("team", TEAM, connection_id="google")
    return importer


def rows(importer: Importer) -> list[tuple]:
    return importer.rows("team", "uid", "recurrence_id", "status", "summary", "reminders", "color")


def test_a_calendar_is_imported_and_an_unchanged_listing_ends_the_work(importer):
    first = importer.run()
    second = importer.run()

    assert (first.inserted, second.unchanged) == (3, 1)
    assert [(uid, rid, len(reminders), color) for uid, rid, _, _, reminders, color in rows(importer)] == [
        ("run@google.com", "2026-11-18T07:00:00Z", 1, "#0088aa"),
        ("talk@google.com", None, 1, "#0088aa"),
        ("tea@google.com", None, 1, "#0088aa"),
    ]
    state = importer.state("team")
    assert (state["kind_used"], state["feed_title"], state["feed_timezone"]) == ("google", "Team", "Europe/London")


def test_an_instance_that_was_cancelled_is_data_and_an_event_that_was_deleted_is_gone(importer, fake):  # noqa: F811
    importer.run()
    cancelled = {
        name: RUN[name] for name in ("kind", "etag", "id", "recurringEventId", "originalStartTime", "iCalUID")
    } | {"status": "cancelled"}
    fake.calendars[TEAM] = calendar(TALK, cancelled)

    result = importer.run()

    assert (result.updated, result.deleted) == (1, 1)
    assert [(uid, status) for uid, _, status, *_ in rows(importer)] == [
        ("run@google.com", "cancelled"),
        ("talk@google.com", "confirmed"),
    ]


# A series, by what changed of it

WEEKLY = series("weekly", "2026-11-09T10:00:00Z", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE", **DEFAULT)
INSTANCES = ["2026-11-11T10:00:00Z", "2026-11-16T10:00:00Z", "2026-11-18T10:00:00Z", "2026-11-23T10:00:00Z",
             "2026-11-25T10:00:00Z"]  # fmt: skip
LATER = {"start": {"dateTime": "2026-11-19T15:00:00Z"}, "end": {"dateTime": "2026-11-19T16:00:00Z"}}
MOVED = instance("weekly", INSTANCES[2], **LATER)
CANCELLED = bare("weekly", {"dateTime": INSTANCES[2]})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([WEEKLY], [WEEKLY, MOVED], [("update", INSTANCES[2])]),
        ([WEEKLY], [WEEKLY, CANCELLED], [("update", INSTANCES[2])]),
        ([WEEKLY, MOVED], [WEEKLY], [("update", INSTANCES[2])]),
        ([WEEKLY, MOVED], [{**WEEKLY, "location": "Hall"}, MOVED],
         [("update", one) for one in INSTANCES if one != INSTANCES[2]]),
        ([WEEKLY], [{**WEEKLY, "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO"]}],
         [("delete", INSTANCES[0]), ("delete", INSTANCES[2]), ("delete", INSTANCES[4])]),
        ([WEEKLY, MOVED], [], [("delete", one) for one in INSTANCES]),
        ([], [WEEKLY], [("insert", one) for one in INSTANCES]),
    ],
)  # fmt: skip
def test_what_changed_of_a_series_changes_its_rows_and_no_others(importer, fake, before, after, expected):  # noqa: F811
    others = [dict(TALK, id=f"talk{number}", iCalUID=f"talk{number}") for number in range(20)]
    fake.calendars[TEAM] = calendar(*others, *before)
    importer.run()
    last = importer.last_run()
    fake.calendars[TEAM] = calendar(*others, *after)
    fake.requests.clear()

    importer.run()

    assert fake.requests == {"events": 1}
    assert sorted((action, recurrence_id) for action, _, recurrence_id, _ in importer.history(last)) == expected
    fake.expire()
    assert importer.run(force=True).changed == 0
