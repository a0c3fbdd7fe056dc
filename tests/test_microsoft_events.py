"""Events of Microsoft Graph as occurrences: every field, days, identities, and what cannot be understood."""

# ruff: noqa: F811 - fixtures are imported

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from calimport import errors
from calimport.sources import microsoft
from calimport.sources.base import ParseContext
from calimport.windows import WindowRequest
from tests.fake_microsoft import time
from tests.test_microsoft import ANNA, AS_OF, PRACTICE, TALK, Client, client, fake  # noqa: F401


def only(client: Client, **event: Any) -> dict[str, Any]:
    client.fake.events.clear()
    client.fake.put({**TALK, **event})
    client.fetch()
    rows = client.parsed().occurrences
    assert len(rows) == 1
    return rows[0]


def test_every_field(client):
    row = only(
        client,
        originalStartTimeZone="W. Europe Standard Time",
        body={"contentType": "html", "content": "<html><body><p>All welcome</p></body></html>"},
        location={"displayName": "Town Hall"},
        locations=[
            {
                "displayName": "Town Hall",
                "address": {"street": "1 High Street", "city": "Leeds", "postalCode": "LS1 1AA"},
            },
            {"displayName": "Library"},
        ],
        webLink="https://outlook.office365.com/owa/?itemid=1",
        isOnlineMeeting=True,
        onlineMeeting={"joinUrl": "https://teams.microsoft.com/l/meetup-join/1"},
        categories=["Blue category", "Choir"],
        organizer={"emailAddress": {"name": "Anna", "address": ANNA}},
        attendees=[
            {"type": "required", "status": {"response": "tentativelyAccepted"}, "emailAddress": {"address": "b@x.org"}},
            {"type": "optional", "status": {"response": "none"}, "emailAddress": {"name": "Cy", "address": "c@x.org"}},
        ],
        sensitivity="private",
        showAs="free",
        isReminderOn=True,
        reminderMinutesBeforeStart=15,
        createdDateTime="2026-11-01T08:00:00.1234567Z",
        lastModifiedDateTime="2026-11-02T08:00:00Z",
        isCancelled=False,
    )

    assert row == {
        "uid": "040000008200E000",
        "recurrence_id": None,
        "start_at": datetime(2026, 11, 20, 18, tzinfo=UTC),
        "end_at": datetime(2026, 11, 20, 20, tzinfo=UTC),
        "all_day": False,
        "start_date": None,
        "end_date": None,
        "timezone": "Europe/Berlin",
        "timezone_source": "event",
        "status": "confirmed",
        "summary": "Talk",
        "description": "<html><body><p>All welcome</p></body></html>",
        "location": "Town Hall, 1 High Street, Leeds, LS1 1AA; Library",
        "url": "https://outlook.office365.com/owa/?itemid=1",
        "online_url": "https://teams.microsoft.com/l/meetup-join/1",
        "online_type": "direct",
        "categories": ["Blue category", "Choir"],
        "organizer": {"name": "Anna", "email": ANNA},
        "creator": None,
        "attendees": [
            {"name": None, "email": "b@x.org", "status": "tentative"},
            {"name": "Cy", "email": "c@x.org", "status": "needs-action"},
        ],
        "visibility": "private",
        "transparency": "transparent",
        "color": "#0088aa",
        "reminders": [datetime(2026, 11, 20, 17, 45, tzinfo=UTC)],
        "reminder_methods": ["popup"],
        "sequence": None,
        "created_at": datetime(2026, 11, 1, 8, 0, 0, 123456, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 2, 8, tzinfo=UTC),
        "is_recurring": False,
        "source_event_id": "AAMkTalk=",
        "source_series_id": None,
    }


@pytest.mark.parametrize(
    ("event", "reminders", "methods"),
    [
        ({"isReminderOn": True, "reminderMinutesBeforeStart": 15}, 1, ["popup"]),
        # None is wanted …
        ({"isReminderOn": False, "reminderMinutesBeforeStart": 15}, 0, []),
        # … or nothing is said, and the calendar's own defaults apply.
        ({}, 0, None),
    ],
)
def test_reminders(client, event, reminders, methods):
    row = only(client, **event)
    assert (len(row["reminders"]), row["reminder_methods"]) == (reminders, methods)


@pytest.mark.parametrize(
    ("event", "status"),
    [({}, "confirmed"), ({"isCancelled": True}, "cancelled"), ({"showAs": "tentative"}, "tentative")],
)
def test_status(client, event, status):
    assert only(client, **event)["status"] == status


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        ("2026-11-20T00:00", "2026-11-22T00:00", "UTC"),
        ("2026-11-20T00:00", "2026-11-22T00:00", "Pacific Standard Time"),
        ("2026-11-20T08:00", "2026-11-22T08:00", "Pacific Standard Time"),
        ("2026-11-19T23:00", "2026-11-21T23:00", "W. Europe Standard Time"),
    ],
)
def test_all_day_is_dates_whichever_midnight_is_given(client, start, end, zone):
    row = only(client, isAllDay=True, start=time(start), end=time(end), originalStartTimeZone=zone)

    assert (row["start_date"], row["end_date"]) == (date(2026, 11, 20), date(2026, 11, 22))


def test_an_occurrence_that_was_moved_keeps_its_identity(client, fake):
    client.fetch()
    before = client.rows("uid", "recurrence_id", "source_series_id")
    fake.put(
        {
            **PRACTICE,
            "id": "AAMkPractice=.2026-11-19T19:00",
            "iCalUId": "another for each",
            "seriesMasterId": "AAMkPractice=",
            "type": "exception",
            "subject": "Practice on Friday",
            "originalStart": "2026-11-19T19:00:00Z",
            "start": time("2026-11-20T19:00"),
            "end": time("2026-11-20T20:00"),
        }
    )
    client.fetch()

    assert before[1] == ("0400PRACTICE", "2026-11-19T19:00:00Z", "AAMkPractice=")
    assert client.rows("uid", "recurrence_id", "summary", "is_recurring")[2] == (
        "0400PRACTICE", "2026-11-19T19:00:00Z", "Practice on Friday", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"start": None}, "it has no start"),
        ({"start": {"dateTime": "soon", "timeZone": "UTC"}}, "its start 'soon' is no date or time"),
        ({"start": {"dateTime": "2026-11-20T18:00:00", "timeZone": "Nowhere"}}, "the time zone 'Nowhere' of its start"),
    ],
)
def test_what_cannot_be_understood_is_named_and_the_others_stand(client, fake, event, reason):
    fake.events["bad"] = {**TALK, "id": "bad", "iCalUId": "bad", "sensitivity": "private", **event}
    fake._listed = lambda start, end: list(fake.events.values())
    client.fetch()

    (notice,) = client.parsed().notices
    assert (notice.subject, notice.keeps_uid) == ("bad", True)
    assert reason in notice.message
    assert "Talk" not in notice.message
    assert client.titles() == ["Practice", "Practice", "Talk"]


def test_what_is_no_feed_of_it_is_refused():
    context = ParseContext(WindowRequest(AS_OF).resolve("UTC"), AS_OF, timezone="UTC", timezone_source="default")
    for stored in (b"", b"[]", b"{}", b'{"calendar": {}, "events": [1]}'):
        with pytest.raises(errors.FeedUnparsable):
            microsoft.parse(stored, context)
        with pytest.raises(errors.FeedUnparsable):
            microsoft.merge(stored, b'{"events": [], "removed": [], "series": []}')
