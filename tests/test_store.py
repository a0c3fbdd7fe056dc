"""The store as a Python module, on a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from calimport import calendars, database, store
from calimport.errors import ConfigurationError
from calimport.store import fields, filters
from calimport.store.bodies import ActivityFields
from calimport.store.refusals import (
    ActivityExists,
    ActivityImported,
    StoreNotFound,
)
from tests.importing import Importer, feed
from tests.store_client import imported, user
from tests.web import Reply, serve

#: 2026-11-20T10:00:00Z
TEN = 1795168800
HOUR = 3600


@pytest.fixture
def anna(connection) -> int:
    return user(connection, "Anna")


def titles(**given) -> list[str | None]:
    return [found["title"] for found in store.activity_get(**given)]


def test_the_example_of_the_original_store_utils_saves(connection_uri):
    saved = store.activity_save(status="confirmed", html_link="http://example.com", title="Coffee with Joel")

    assert store.activity_get() == [saved]
    assert {name: saved[name] for name in ("title", "status", "html_link", "user", "by_hand", "activity_type")} == {
        "title": "Coffee with Joel",
        "status": "confirmed",
        "html_link": "http://example.com",
        "user": None,
        "by_hand": True,
        "activity_type": "personal",
    }
    assert saved["start"] == saved["end"] == saved["created"]


def test_an_activity_has_the_fields_of_the_original_and_epoch_seconds(anna):
    saved = store.activity_save(
        title="Swim",
        description="Bring *a towel*",
        location="Pool",
        html_link="https://example.org/swim",
        status="tentative",
        start=TEN,
        end=TEN + HOUR,
        activity_type="exercise",
        user=anna,
        color={"background": "#00aaff"},
        reminders=[TEN - 600, TEN - HOUR],
        iCalUID="swim@example.org",
        event_id="e1",
        recurring_event_id="s1",
    )

    assert saved | {"id": 0, "calendar_id": 0, "created": 0, "updated": 0, "resource_uri": ""} == {
        "id": 0,
        "user": f"/api/v1/user/{anna}/",
        "calendar_id": 0,
        "calendar_name": "By hand: exercise of Anna",
        "activity_type": "exercise",
        "event_id": "e1",
        "recurring_event_id": "s1",
        "iCalUID": "swim@example.org",
        "title": "Swim",
        "description": "Bring \\*a towel\\*",
        "location": "Pool",
        "html_link": "https://example.org/swim",
        "status": "tentative",
        "start": TEN,
        "end": TEN + HOUR,
        "all_day": False,
        "timezone": "UTC",
        "created": 0,
        "updated": 0,
        "creator": None,
        "color": {"background": "#00aaff"},
        "reminders": [TEN - HOUR, TEN - 600],
        "by_hand": True,
        "resource_uri": "",
    }


def test_saving_with_an_id_updates_the_given_fields_alone(anna):
    saved = store.activity_save(title="Swim", location="Pool", start=TEN, end=TEN + HOUR, user=anna)

    updated = store.activity_save(id=saved["id"], title="Swim further")

    assert updated == saved | {"title": "Swim further", "updated": updated["updated"]}


def test_sending_back_what_was_read_changes_nothing(anna):
    """Text is escaped once, when it is written, and not again at each round."""
    saved = store.activity_save(title="a < b", description="2*3*4", start=TEN, user=anna)

    again = store.activity_save(**saved)

    assert (again, again["description"]) == (saved, "2\\*3\\*4")


def test_a_new_user_or_type_moves_the_activity_to_their_calendar(connection, anna):
    saved = store.activity_save(title="Swim", start=TEN, user=anna)
    ben = user(connection, "Ben")

    moved = store.activity_save(id=saved["id"], user=ben, activity_type="medication")

    assert (moved["user"], moved["calendar_name"]) == (f"/api/v1/user/{ben}/", "By hand: medication of Ben")
    assert moved["calendar_id"] != saved["calendar_id"]


def test_activities_of_one_user_and_type_share_a_calendar(connection, anna):
    first, second = (store.activity_save(title=str(number), user=anna) for number in (1, 2))
    connection.execute("insert into calimport.calendars (name, source) values ('By hand: personal', 'x')")
    connection.commit()
    nobodys = store.activity_save(title="3")

    assert first["calendar_id"] == second["calendar_id"]
    assert nobodys["calendar_name"] == "By hand: personal (2)"


def test_hostile_text_comes_out_harmless(connection_uri):
    saved = store.activity_save(
        title="<script>alert(1)</script>Tea\u202egpj.exe\x00",
        description='<a href="javascript:x">a</a><img src=x onerror=y>',
        location="<b>Hall</b>\n1 Street",
    )

    assert (saved["title"], saved["description"], saved["location"]) == ("Teagpj.exe", "a", "Hall 1 Street")


def test_an_unknown_id_is_not_made(connection_uri):
    with pytest.raises(StoreNotFound, match="There is no activity 4711"):
        store.activity_save(id=4711, title="x")


def test_one_ical_uid_exists_once_in_a_calendar(anna):
    store.activity_save(iCalUID="a", user=anna)
    with pytest.raises(ActivityExists):
        store.activity_save(iCalUID="a", user=anna)
    assert store.activity_save(iCalUID="a")["user"] is None


@pytest.fixture
def filled(connection, anna) -> int:
    imported(connection, start_at="2026-11-20T15:00Z", end_at="2026-11-20T16:00Z")
    store.activity_save(title="Swim", start=TEN, end=TEN + HOUR, user=anna, reminders=[TEN - 600, TEN - 60])
    store.activity_save(title="Tea_1", start=TEN, user=anna, activity_type="medication", status="cancelled")
    store.activity_save(title="100% tea", start=TEN + HOUR, end=TEN + 2 * HOUR)
    store.activity_save(start=TEN + 2 * HOUR, end=TEN + 3 * HOUR)
    return anna


def test_deleting_takes_what_the_filter_lets_through(filled):
    swim, tea = (store.activity_get(title=title)[0]["id"] for title in ("Swim", "100% tea"))

    assert store.activity_delete(id__in=[swim, tea]) is True
    assert titles() == ["Tea_1", None, "Imported"]
    assert store.activity_delete(id__in=[swim, tea]) is True


def test_deleting_rows_of_a_feed_is_refused_and_takes_nothing(filled):
    with pytest.raises(ActivityImported, match=r"1 of 5 activities belong to calendars that are imported.*\(Club\)"):
        store.activity_delete(start__gte=TEN)
    assert len(store.activity_get()) == 5


def test_rows_of_a_feed_are_not_changed_here(connection):
    event_id = imported(connection)
    with pytest.raises(ActivityImported, match="belongs to the calendar 'Club', which is imported"):
        store.activity_save(id=event_id, title="Mine")
    assert titles() == ["Imported"]


def test_what_is_hidden_of_a_private_event_cannot_be_read_nor_found(connection):
    imported(connection, summary="Doctor", location="Clinic", visibility="private", creator='{"name": "Dr X"}')

    (found,) = store.activity_get()

    assert (found["title"], found["location"], found["creator"]) == ("Busy", None, None)
    assert titles(title__icontains="doctor") == []
    assert titles(location="Clinic") == []
    assert titles(creator__isnull=True) == ["Busy"]


def test_last_activities_are_those_of_a_week_either_way(connection):
    now = fields.epoch(connection.execute("select now() as now").fetchone()["now"])
    day = 24 * HOUR
    for title, start in {"old": -8 * day, "recent": -6 * day, "soon": 6 * day, "far": 8 * day}.items():
        store.activity_save(title=title, start=now + start, end=now + start + HOUR)

    assert [found["title"] for found in store.last_activities()] == ["recent", "soon"]
    assert [found["title"] for found in store.last_activities(title="soon")] == ["soon"]


def test_a_user_has_a_name_and_calendars_and_no_address(connection, anna):
    saved = store.activity_save(title="Swim", user=anna)

    assert store.user_get(anna) == {
        "id": anna,
        "username": "Anna",
        "resource_uri": f"/api/v1/user/{anna}/",
        "calendars": [
            {"id": saved["calendar_id"], "name": "By hand: personal of Anna", "activity_type": "personal"},
        ],
    }
    with pytest.raises(StoreNotFound, match="There is no user 4711"):
        store.user_get(4711)


def test_reminders_by_hand_are_reminders_as_any_other(connection):
    def waiting() -> list[int]:
        rows = connection.execute("select remind_at from calimport.pending_reminders order by remind_at").fetchall()
        connection.commit()
        return [fields.epoch(row["remind_at"]) for row in rows]

    saved = store.activity_save(title="Pill", start=TEN, reminders=[TEN - 600, TEN - 60])
    assert waiting() == [TEN - 600, TEN - 60]
    store.activity_save(id=saved["id"], reminders=[TEN - 60, TEN])
    assert waiting() == [TEN - 60, TEN]
    store.activity_save(id=saved["id"], status="cancelled")
    assert waiting() == []


def test_rows_by_hand_survive_every_import(connection_uri, anna):
    """Also a forced one, of everything, whose feed holds the same UID and then nothing."""
    store.activity_save(title="Mine", start=TEN, end=TEN + HOUR, user=anna, iCalUID="same@example.org")
    before = store.activity_get(by_hand=True)
    event = "UID:same@example.org\nDTSTAMP:20260101T000000Z\nDTSTART:20261120T100000Z\nSUMMARY:Theirs"
    with serve() as web, database.connect(autocommit=True) as connection:
        importer = Importer(connection)
        importer.add("Feed", web.feed(Reply(body=feed(event))))
        importer.run(force=True)
        assert titles(order_by="title") == ["Mine", "Theirs"]
        web.feed(Reply(body=feed()))
        importer.run(force=True)
    assert store.activity_get() == before


def test_a_run_that_names_a_calendar_by_hand_leaves_it_out(connection_uri):
    saved = store.activity_save(title="Mine", start=TEN, end=TEN + HOUR)
    with database.connect(autocommit=True) as connection:
        importer = Importer(connection)
        assert importer.plan("run", calendars=[saved["calendar_name"]], force=True) == []
    assert titles() == ["Mine"]


def test_the_database_itself_refuses_to_import_a_calendar_by_hand(connection):
    store.activity_save(title="Mine")
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(
            "insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at)"
            " select id, 'd', 'r', now(), now(), now() from calimport.calendars"
        )
    assert refused.value.diag.constraint_name == "runs_not_of_manual_calendars"


def test_a_calendar_by_hand_cannot_be_given_a_source(connection):
    saved = store.activity_save(title="Mine")
    with pytest.raises(ConfigurationError, match="is written by hand"):
        calendars.change(connection, saved["calendar_name"], {"kind": "ics", "source": "https://example.org/a.ics"})
    connection.rollback()
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute("update calimport.calendars set kind = 'ics', source = 'https://example.org/a.ics'")
    assert refused.value.diag.constraint_name == "calendars_manual_for_good"


def test_bodies_and_fields_are_the_same_names():
    read_only = {field.name for field in fields.FIELDS.values() if not field.writable} | {fields.RESOURCE_URI}
    marked = {
        name for name, schema in ActivityFields.model_json_schema()["properties"].items() if schema.get("readOnly")
    }
    assert set(ActivityFields.model_fields) == {*fields.FIELDS, fields.RESOURCE_URI}
    assert marked == read_only
    assert len(filters.known()) == len(set(filters.known()))


def test_epoch_seconds_hold_all_years():
    for seconds in (fields.EARLIEST, -1, 0, TEN, fields.LATEST):
        assert fields.epoch(fields.instant(seconds)) == seconds
    assert fields.epoch(fields.instant(0) - timedelta(microseconds=1)) == -1
