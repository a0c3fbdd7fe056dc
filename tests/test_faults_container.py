"""The faults of the Google Calendar container, each named as it was reported: it does not happen here."""

from __future__ import annotations

import pytest

from calimport import store
from calimport.store.refusals import FilterInvalid
from tests.fake_google import Failure
from tests.importing import feed
from tests.store_client import client
from tests.test_google_import import (  # noqa: F401 - fixtures
    RUN,
    TALK,
    TEA,
    TEAM,
    airflow_home,
    calendar,
    fake,
    server,
    service_account,
)
from tests.test_google_import import importer as google  # noqa: F401 - a fixture
from tests.web import Reply

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")


def test_an_untitled_event_ended_the_whole_account(google, fake):  # noqa: F811
    untitled = {name: value for name, value in TALK.items() if name != "summary"}
    fake.calendars[TEAM] = calendar(untitled, {**RUN, "summary": ""}, TEA)

    assert (google.run().failed, google.rows("team", "uid", "summary")) == (
        [],
        [("run@google.com", None), ("talk@google.com", None), ("tea@google.com", "Tea")],
    )


@pytest.mark.parametrize(
    ("place", "failure", "error_class"),
    [
        (("events", 2), Failure(500), "FeedIncomplete"),
        (("events", 2), Failure(), "FeedIncomplete"),
        (("events", 1), Failure(403, "rateLimitExceeded"), "QuotaExceeded"),
        (("events", 1), Failure(403, "forbiddenForNonOrganizer"), "CredentialsForbidden"),
        (("events", 1), Failure(404, "notFound"), "FeedNotFound"),
    ],
)
def test_a_failed_page_was_taken_as_a_complete_list_and_the_rest_deleted(google, fake, place, failure, error_class):  # noqa: F811
    google.run()
    before = google.rows("team", "id", "uid", "xmin")
    fake.calendars[TEAM] = calendar(TALK, RUN)
    fake.page_size = 1
    fake.expire()
    fake.requests.clear()
    # The first request is for changes, and refused.
    fake.failures = {(place[0], place[1] + 1): failure}

    assert google.run().failed == ["team"]

    assert google.rows("team", "id", "uid", "xmin") == before
    assert google.state("team")["error_class"] == error_class


def test_only_the_first_page_of_stored_rows_was_read_so_rows_were_doubled(importer, web):
    """A page of the Store API holds 1,000 rows at most."""
    events = [f"UID:{number}\nDTSTART:20261119T{number % 24:02}0000Z\nSUMMARY:{number}" for number in range(2500)]
    importer.add("club", web.feed(Reply(feed(*events))))

    assert [importer.run(force=True).changed for _ in range(2)] == [2500, 0]

    assert {found["iCalUID"] for found in store.activity_get()} == {str(number) for number in range(2500)}
    assert len(store.activity_get()) == 2500
    first = client().get("/activity/").json()
    assert (len(first["activities"]), first["meta"]["total_count"]) == (1000, 2500)


#: What changes of one event, while its `updated` stays; and the columns that change with it.
CHANGES = {
    "title": ({"summary": "Lecture"}, ["summary"]),
    "description": ({"description": "Bring a pen"}, ["description"]),
    "location": ({"location": "Hall, M1 1AA"}, ["address", "location"]),
    "status": ({"status": "tentative"}, ["status"]),
    "end": ({"end": {"dateTime": "2026-11-19T12:00:00Z"}}, ["end_at"]),
    "colour": ({"colorId": "11"}, ["color"]),
    "its own reminder": (
        {"reminders": {"useDefault": False, "overrides": [{"method": "email", "minutes": 5}]}},
        ["reminder_methods", "reminders"],
    ),
    "visibility": ({"visibility": "public"}, ["visibility"]),
    "transparency": ({"transparency": "transparent"}, ["transparency"]),
    "creator": ({"creator": {"email": "anna@example.org"}}, ["creator"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_original_compared_only_colour_and_updated(google, fake, name):  # noqa: F811
    changes, columns = CHANGES[name]
    google.run()
    last = google.last_run()
    fake.calendars[TEAM] = calendar({**TALK, **changes}, TEA, RUN)

    google.run()

    assert google.history(last) == [("update", "talk@google.com", None, columns)]


def test_and_so_missed_a_changed_default_reminder(google, fake):  # noqa: F811
    google.run()
    fake.calendars[TEAM] = calendar(TALK, TEA, RUN, defaultReminders=[{"method": "popup", "minutes": 30}])

    assert google.run().updated == 3


def test_and_so_missed_a_changed_calendar_name_or_activity_type(google):  # noqa: F811
    """Both are the calendar's configuration: its feed stays the same, byte for byte."""
    google.run()
    google.connection.execute("update calimport.calendars set name = 'Squad', activity_type = 'exercise'")

    assert google.run().updated == 3

    assert {(found["calendar_name"], found["activity_type"]) for found in store.activity_get()} == {
        ("Squad", "exercise")
    }


@pytest.mark.parametrize("given", [{}, {"id__in": []}, {"id__in": ""}, {"title": ""}, {"user": None}], ids=str)
def test_the_original_would_delete_everything(connection, given):
    """Without a filter, or with one that has no value."""
    store.activity_save(title="Tea")
    with pytest.raises(FilterInvalid):
        store.activity_delete(**given)
    assert client().delete("/activity/", params=given).status_code == 400
    assert [found["title"] for found in store.activity_get()] == ["Tea"]
