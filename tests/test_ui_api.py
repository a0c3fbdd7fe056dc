"""The data and the actions behind the calendars page, on a real database; who may is whom the test says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from calimport.calendars import STRATEGIES, CalendarConfig
from calimport.web import pages
from calimport.web.app import create_app
from calimport.web.people import Person, remember
from dev import vendor
from tests.importing import feed
from tests.web import Reply

WRITER = Person(name="ben", may_write=True, may_connect=True)
EVENT = "UID:{0}\nSUMMARY:Event {0}\nDTSTART:20261120T{1:02}0000Z\nDURATION:PT1H"


class Client(TestClient):
    """The app, asked by ``person``; what it writes into Airflow's audit log is in ``journal``."""

    def __init__(self) -> None:
        self.person = WRITER
        self.journal: list[tuple[str, str, dict]] = []

        def who(request: Request) -> None:
            remember(request, self.person)

        super().__init__(create_app(who, lambda *row: self.journal.append((row[0].name, *row[1:]))))


@pytest.fixture
def client(connection_uri):
    with Client() as opened:
        yield opened


def add(connection, name, source=None, **columns):
    """A calendar with these columns; its id."""
    columns = {"name": name, "source": source or f"https://example.org/{name}.ics", **columns}
    names = ", ".join(columns)
    places = ", ".join(f"%({column})s" for column in columns)
    row = connection.execute(
        f"insert into calimport.calendars ({names}) values ({places}) returning id",  # noqa: S608 - names of these tests
        columns,
    ).fetchone()
    connection.commit()
    return row["id"]


def names(client, **asked):
    return [one["name"] for one in client.get("/api/calendars", params=asked).json()["calendars"]]


def failing(**columns):
    return {"state": "error", "error_class": "FeedTimeout", "error_message": "Too slow.", **columns}


def test_the_list_says_of_each_calendar_how_it_fares(client, importer, web):
    calendar_id = importer.add("Library", web.feed(Reply(feed(EVENT.format("a", 9), EVENT.format("b", 10)))))
    importer.run("one")

    (one,) = client.get("/api/calendars").json()["calendars"]

    assert {key: one[key] for key in ("id", "kind", "state", "events", "notices", "held", "error_message")} == {
        "id": calendar_id,
        "kind": "ics",
        "state": "idle",
        "events": 2,
        "notices": 0,
        "held": None,
        "error_message": None,
    }
    assert [datetime.fromisoformat(one[key]) for key in ("fetched_at", "imported_at", "changed_at")] == [
        importer.now
    ] * 3


def test_the_list_is_searched_where_a_person_would_look(client, connection):
    user = connection.execute("insert into calimport.users (name) values ('Anna') returning id").fetchone()["id"]
    add(connection, "Library 100%")
    add(connection, "Choir", user_id=user)
    add(connection, "Swimming", "https://pool.example.com/secret-token.ics")

    assert names(client, q="anna") == ["Choir"]
    assert names(client, q="100%") == ["Library 100%"]
    assert names(client, q="%") == ["Library 100%"]
    assert names(client, q="_") == []
    assert names(client, q="pool.example") == ["Swimming"]


def test_the_list_cannot_be_searched_for_the_secret_of_an_address(client, connection):
    add(connection, "Swimming", "https://pool.example.com/secret-token.ics")

    assert names(client, q="secret") == []


def test_the_list_is_filtered_by_state_kind_and_what_needs_a_person(client, connection):
    now = datetime.now(UTC)
    fresh = {"fetched_at": now, "fresh_at": now, "kind_used": "ics"}
    add(connection, "good", **fresh)
    add(connection, "failing", **failing(**fresh))
    add(connection, "paused", **failing(**fresh), enabled=False)
    add(connection, "late", fresh_at=now - timedelta(hours=3), kind_used="google")
    noticed = add(connection, "noticed", **fresh)
    held = add(connection, "held", **fresh)
    connection.execute(
        "with run as (insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at)"
        " values (%s, 'calendar_import', 'x', now(), now(), now()) returning id)"
        " update calimport.calendars set held_run_id = run.id from run where calendars.id = %s",
        [held, held],
    )
    connection.execute(
        "insert into calimport.notices (calendar_id, code, message, occurrences, first_seen_at, last_seen_at)"
        " values (%s, 'x', 'Mend it.', 1, now(), now())",
        [noticed],
    )
    connection.commit()

    assert names(client, state="error") == ["failing"]
    assert names(client, state=["error", "paused"]) == ["failing", "paused"]
    assert names(client, kind="google") == ["late"]
    assert names(client, only="late") == ["late"]
    assert names(client, only="notices") == ["noticed"]
    assert names(client, only="held") == ["held"]
    found = client.get("/api/calendars", params={"state": "error", "kind": "ics"}).json()
    assert found["states"] == {"idle": 3, "error": 1, "paused": 1}
    assert found["kinds"] == {"ics": 1}
    assert found["total"] == 1


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["a", "B", "c"]),
        ("state", ["B", "c", "a"]),
        ("kind", ["c", "B", "a"]),
        ("fetched", ["B", "a", "c"]),
        ("changed", ["a", "c", "B"]),
        ("next", ["c", "a", "B"]),
    ],
)
def test_the_list_is_sorted_both_ways_and_what_is_not_known_comes_last(client, connection, sort, expected):
    at = {number: datetime(2026, 3, number, tzinfo=UTC) for number in (1, 2, 3)}
    add(connection, "a", kind_used="ics", fetched_at=at[2], changed_at=at[1], next_import_at=at[1])
    add(connection, "B", kind_used="google", fetched_at=at[1], next_import_at=at[3], **failing())
    add(connection, "c", kind_used="caldav", changed_at=at[2], state="in_queue")

    unknown = {"fetched": ["c"], "changed": ["B"]}.get(sort, [])
    known = [name for name in expected if name not in unknown]
    assert names(client, sort=sort) == known + unknown
    assert names(client, sort=sort, descending=True) == known[::-1] + unknown


def test_the_list_has_pages(client, connection):
    for number in range(7):
        add(connection, f"calendar {number}")

    assert names(client, size=3, page=1) == ["calendar 0", "calendar 1", "calendar 2"]
    assert names(client, size=3, page=3) == ["calendar 6"]
    assert client.get("/api/calendars", params={"size": 3, "page": 9}).json()["total"] == 7


def test_the_list_of_a_run_says_what_it_did_to_each(client, importer, web):
    importer.add("good", web.feed(Reply(feed(EVENT.format("a", 9)))))
    importer.add("gone", web.feed(Reply(status=404), "/gone.ics"))
    importer.run("one")
    importer.add("other", web.url("/other.ics"))

    found = client.get("/api/calendars", params={"run": "one", "dag": "calendar_import"}).json()["calendars"]

    assert [(one["name"], one["run"]["outcome"], one["run"]["inserted"]) for one in found] == [
        ("gone", "failed", None),
        ("good", "imported", 1),
    ]


@pytest.mark.parametrize(
    "asked", [{"sort": "id; drop table"}, {"state": "broken"}, {"page": 0}, {"size": 100000}, {"only": "x"}]
)
def test_what_the_list_does_not_know_is_refused(client, asked):
    assert client.get("/api/calendars", params=asked).status_code == 422


def test_a_nul_is_searched_for_without_harm(client, connection):
    add(connection, "a")
    assert names(client, q="\x00") == ["a"]


def test_a_calendar_has_its_configuration_its_notices_and_its_last_run(client, importer, web):
    bad = "UID:bad\nSUMMARY:No start"
    calendar_id = importer.add("Library", web.feed(Reply(feed(EVENT.format("a", 9), bad))))
    importer.run("one")

    found = client.get(f"/api/calendars/{calendar_id}").json()

    assert (found["config"]["name"], found["config"]["interval"], found["state"]) == ("Library", "5m", "idle")
    assert (found["last_run"]["dag_run_id"], found["last_run"]["outcome"]) == ("one", "imported")
    assert [notice["subject"] for notice in found["notices"]] == ["bad"]
    assert found["may_write"] is True


def test_the_secret_of_a_private_address_is_not_in_any_answer(client, connection):
    secret = "https://calendar.google.com/calendar/ical/a%40b.c/private-0123456789abcdef/basic.ics"
    calendar_id = add(connection, "Private", secret)

    answers = [client.get("/api/calendars"), client.get(f"/api/calendars/{calendar_id}"), client.get("/api/form")]

    assert all("0123456789abcdef" not in answer.text for answer in answers)
    assert answers[1].json()["has_private_source"] is True
    assert answers[1].json()["config"]["source"] == "https://calendar.google.com/…"


def test_runs_are_listed_from_the_latest_and_unchanged_ones_if_asked_for(client, importer, web):
    calendar_id = importer.add("Library", web.feed(Reply(feed(EVENT.format("a", 9)))))
    importer.run("one")
    importer.run("two")
    web.feed(Reply(feed(EVENT.format("a", 10))))
    importer.run("three")
    path = f"/api/calendars/{calendar_id}/runs"

    def runs(**asked):
        return [(one["dag_run_id"], one["outcome"]) for one in client.get(path, params=asked).json()["runs"]]

    assert runs() == [("three", "imported"), ("one", "imported")]
    assert runs(unchanged=True) == [("three", "imported"), ("two", "unchanged"), ("one", "imported")]
    first = client.get(path, params={"size": 1}).json()
    assert first["more"] is True
    assert runs(size=1, before=first["runs"][0]["created_at"]) == [("one", "imported")]


def test_changes_say_what_was_and_what_is_column_by_column(client, importer, web):
    calendar_id = importer.add("Library", web.feed(Reply(feed(EVENT.format("a", 9), EVENT.format("gone", 10)))))
    importer.run("one")
    web.feed(Reply(feed(EVENT.format("a", 9).replace("Event a", "Concert"))))
    importer.run("two")

    found = client.get(f"/api/calendars/{calendar_id}/changes").json()["changes"]

    assert [(one["action"], one["uid"], one["title"]) for one in found[:2]] in (
        [("delete", "gone", "Event gone"), ("update", "a", "Concert")],
        [("update", "a", "Concert"), ("delete", "gone", "Event gone")],
    )
    (update,) = (one for one in found if one["action"] == "update")
    assert update["columns"] == [{"column": "summary", "before": "Event a", "after": "Concert"}]
    of_run = client.get(f"/api/calendars/{calendar_id}/changes", params={"run": "one"}).json()["changes"]
    assert [one["action"] for one in of_run] == ["insert", "insert"]


def test_the_plan_of_a_dry_run_is_shown_for_that_run_alone(client, importer, web):
    calendar_id = importer.add("Library", web.feed(Reply(feed(EVENT.format("a", 9)))))
    importer.run("dry", dry_run=True)
    path = f"/api/calendars/{calendar_id}/changes"

    assert client.get(path).json()["changes"] == []
    (planned,) = client.get(path, params={"run": "dry"}).json()["changes"]
    assert (planned["action"], planned["outcome"]) == ("insert", "planned")


def test_of_a_private_event_nothing_but_its_time_is_shown(client, importer, web, connection):
    private = EVENT.format("a", 9).replace("Event a", "Doctor") + "\nLOCATION:Clinic"
    calendar_id = importer.add("Library", web.feed(Reply(feed(private))))
    importer.run("one")
    # As an import of before the calendar's choice, or another writer, may have left it.
    connection.execute("update calimport.events set visibility = 'private'")
    connection.execute("""update calimport.changes set after = after || '{"visibility": "private"}'""")
    connection.commit()
    asked = {"start": "2026-11-01", "end": "2026-12-01"}

    events = client.get(f"/api/calendars/{calendar_id}/events", params=asked)
    changes = client.get(f"/api/calendars/{calendar_id}/changes")

    assert [one["summary"] for one in events.json()["events"]] == ["Busy"]
    assert [one["title"] for one in changes.json()["changes"]] == ["Busy"]
    assert not re.search("Doctor|Clinic", events.text + changes.text)


def test_events_have_the_clock_times_of_the_zone_that_is_asked_for(client, importer, web):
    all_day = "UID:day\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20261123"
    calendar_id = importer.add("Library", web.feed(Reply(feed(EVENT.format("a", 9), all_day))))
    importer.run("one")
    asked = {"start": "2026-11-15", "end": "2026-11-30", "zone": "Asia/Tokyo"}

    found = client.get(f"/api/calendars/{calendar_id}/events", params=asked).json()["events"]

    assert [(one["start"], one["end"]) for one in found] == [
        ("2026-11-20T18:00:00", "2026-11-20T19:00:00"),
        ("2026-11-21", "2026-11-23"),
    ]


@pytest.mark.parametrize("zone", ["Nowhere/Here", "../../etc/passwd", "", "\x00"])
def test_a_zone_that_is_none_is_refused(client, connection, zone):
    asked = {"start": "2026-11-15", "end": "2026-11-30", "zone": zone}
    assert client.get(f"/api/calendars/{add(connection, 'a')}/events", params=asked).status_code == 400


def test_the_feed_comes_as_it_was_fetched_and_as_a_file_that_nothing_runs(client, importer, web):
    content = feed(EVENT.format("<script>alert(1)</script>\x0b", 9)).replace(b"\n", b"\r\n")
    calendar_id = importer.add("Library", web.feed(Reply(content)))
    importer.run("one")

    answer = client.get(f"/api/calendars/{calendar_id}/feed")

    assert answer.content == content
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f'attachment; filename="calendar-{calendar_id}-ics.txt"'
    assert client.journal == [("ben", "calimport_feed_download", {"calendar_id": calendar_id})]


def test_without_a_stored_feed_there_is_none_to_download(client, connection):
    assert client.get(f"/api/calendars/{add(connection, 'a')}/feed").status_code == 404


def test_a_check_says_what_an_address_holds_and_stores_nothing(client, connection, web):
    soon = datetime.now(UTC) + timedelta(days=3)
    event = f"UID:a\nSUMMARY:Concert\nDTSTART:{soon:%Y%m%dT%H0000Z}\nDURATION:PT1H"

    found = client.post("/api/check", json={"source": web.feed(Reply(feed(event)))}).json()

    assert (found["problem"], found["kind"], found["events"], found["occurrences"]) == (None, "ics", 1, 1)
    assert [one["summary"] for one in found["sample"]] == ["Concert"]
    assert connection.execute("select count(*) as n from calimport.calendars").fetchone()["n"] == 0


def test_a_check_says_what_is_wrong_with_an_address(client, web):
    page = web.feed(Reply(b"<!doctype html><title>Sign in</title>"), "/page")

    assert client.post("/api/check", json={"source": page}).json()["class"] == "FeedIsWebPage"
    assert client.post("/api/check", json={"source": web.url("/gone")}).json()["class"] == "FeedNotFound"
    assert client.post("/api/check", json={"source": "file:///etc/passwd"}).json()["class"] == "ConfigurationError"


def test_a_calendar_is_added_changed_paused_and_resumed_and_all_of_it_is_in_both_audit_logs(client, connection):
    given = {"name": "Library", "source": "https://example.org/library.ics", "days_ahead": "30"}

    added = client.post("/api/calendars", json=given)
    calendar_id = added.json()["id"]
    changed = client.patch(f"/api/calendars/{calendar_id}", json={"name": "City library", "days_ahead": None})
    paused = client.post(f"/api/calendars/{calendar_id}/pause", json={})
    resumed = client.post(f"/api/calendars/{calendar_id}/resume", json={})

    assert [answer.status_code for answer in (added, changed, paused, resumed)] == [201, 200, 204, 204]
    row = connection.execute("select name, days_ahead, enabled from calimport.calendars").fetchone()
    assert row == {"name": "City library", "days_ahead": 7, "enabled": True}
    log = connection.execute("select actor, action, calendar_id from calimport.audit_log order by id").fetchall()
    actions = ["calendar.add", "calendar.change", "calendar.pause", "calendar.resume"]
    assert log == [{"actor": "airflow:ben", "action": action, "calendar_id": calendar_id} for action in actions]
    assert [event for _, event, _ in client.journal] == [f"calimport_{one.replace('.', '_')}" for one in actions]


def test_no_secret_of_an_address_is_in_an_audit_log(client, connection):
    secret = "https://calendar.google.com/calendar/ical/a%40b.c/private-0123456789abcdef/basic.ics"
    calendar_id = add(connection, "a")

    client.patch(f"/api/calendars/{calendar_id}", json={"source": secret})

    log = connection.execute("select detail from calimport.audit_log").fetchall()
    assert log
    assert "0123456789abcdef" not in json.dumps([log, client.journal])


def test_what_is_wrong_with_a_calendar_is_said_key_by_key(client, connection):
    answer = client.post("/api/calendars", json={"source": "nonsense", "days_back": "many", "colour": "red"})

    assert answer.status_code == 422
    assert sorted(answer.json()["problems"]) == ["colour", "days_back", "name", "source"]
    assert connection.execute("select count(*) as n from calimport.calendars").fetchone()["n"] == 0


def test_a_name_that_is_taken_is_refused_in_words(client, connection):
    add(connection, "Library")
    answer = client.post("/api/calendars", json={"name": "Library", "source": "https://example.org/other.ics"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "There is a calendar named 'Library' already.")


MANY = [EVENT.format(f"e{number}", number) for number in range(13)]


@pytest.fixture
def held(importer, web):
    """A calendar of which twelve of thirteen rows are gone from the feed, and their deletion held; its id."""
    calendar_id = importer.add("Library", web.feed(Reply(feed(*MANY))))
    importer.run("full")
    web.feed(Reply(feed(MANY[0])))
    importer.run("nearly empty")
    return calendar_id


def events_of(importer):
    return [uid for (uid,) in importer.rows("Library", "uid")]


def test_held_deletions_are_shown_and_counted_everywhere(client, held):
    found = client.get(f"/api/calendars/{held}/held").json()["held"]

    assert len(found) == 12
    assert found[0]["summary"] == "Event e1"
    assert found[0]["held_reason"]
    assert client.get(f"/api/calendars/{held}").json()["held"] == 12
    assert client.get("/api/calendars", params={"only": "held"}).json()["calendars"][0]["held"] == 12
    assert client.get(f"/api/calendars/{held}/runs").json()["runs"][0]["held_reason"] == found[0]["held_reason"]


def test_held_deletions_are_released(client, held, importer):
    answer = client.post(f"/api/calendars/{held}/held/release", json={})

    assert (answer.status_code, answer.json()["deleted"]) == (200, 12)
    assert events_of(importer) == ["e0"]
    assert client.journal == [("ben", "calimport_held_release", {"calendar_id": held})]
    audited = importer.connection.execute("select actor, action from calimport.audit_log").fetchall()
    assert audited == [{"actor": "airflow:ben", "action": "held.release"}]
    assert client.get(f"/api/calendars/{held}/held").json() == {"held": []}
    assert client.get(f"/api/calendars/{held}/runs").json()["runs"][0]["operation"] == "release"


def test_held_deletions_are_discarded(client, held, importer):
    answer = client.post(f"/api/calendars/{held}/held/discard", json={})

    assert (answer.status_code, answer.json()) == (200, {"kept": 12})
    assert len(events_of(importer)) == 13
    assert client.get(f"/api/calendars/{held}/held").json() == {"held": []}


def test_where_nothing_is_held_there_is_nothing_to_release(client, connection):
    answer = client.post(f"/api/calendars/{add(connection, 'a')}/held/release", json={})
    assert (answer.status_code, answer.json()["detail"]) == (400, "a: no deletion is held.")


def test_a_run_is_undone_and_so_is_the_undo(client, importer, web):
    calendar_id = importer.add("Library", web.feed(Reply(feed(MANY[0]))))
    importer.run("one")
    web.feed(Reply(feed(MANY[0].replace("Event e0", "Concert"))))
    importer.run("two")

    undone = client.post(f"/api/calendars/{calendar_id}/runs/two/undo", json={})
    assert (undone.status_code, undone.json()["updated"]) == (200, 1)
    assert importer.rows("Library", "summary") == [("Event e0",)]
    again = client.post(f"/api/calendars/{calendar_id}/runs/{undone.json()['dag_run_id']}/undo", json={})

    assert again.status_code == 200
    assert importer.rows("Library", "summary") == [("Concert",)]
    assert [(event, about["run"]) for _, event, about in client.journal] == [
        ("calimport_run_undo", "two"),
        ("calimport_run_undo", undone.json()["dag_run_id"]),
    ]


def test_what_later_runs_changed_is_undone_only_if_one_says_so(client, importer, web):
    calendar_id = importer.add("Library", web.feed(Reply(feed(MANY[0]))))
    for name, title in (("one", "Event e0"), ("two", "Concert"), ("three", "Opera")):
        web.feed(Reply(feed(MANY[0].replace("Event e0", title))))
        importer.run(name)

    refused = client.post(f"/api/calendars/{calendar_id}/runs/two/undo", json={})
    assert (refused.status_code, refused.json()["overwritable"]) == (409, True)
    assert "--" not in refused.json()["detail"]
    assert importer.rows("Library", "summary") == [("Opera",)]
    undone = client.post(f"/api/calendars/{calendar_id}/runs/two/undo", json={"overwrite": True})

    assert undone.status_code == 200
    assert importer.rows("Library", "summary") == [("Event e0",)]


def test_the_plan_of_a_dry_run_is_applied_once(client, importer, web):
    calendar_id = importer.add("Library", web.feed(Reply(feed(MANY[0]))))
    importer.run("dry", dry_run=True)
    path = f"/api/calendars/{calendar_id}/runs/dry/apply"

    applied = client.post(path, json={})

    assert (applied.status_code, applied.json()["inserted"]) == (200, 1)
    assert events_of(importer) == ["e0"]
    assert [event for _, event, _ in client.journal] == ["calimport_plan_apply"]
    assert client.post(path, json={}).status_code == 409
    assert events_of(importer) == ["e0"]


WRITES = [
    ("POST", "/api/calendars/{id}/runs/x/apply", {}),
    ("POST", "/api/calendars/{id}/held/release", {}),
    ("POST", "/api/calendars/{id}/held/discard", {}),
    ("POST", "/api/calendars/{id}/runs/x/undo", {}),
    ("GET", "/api/form", None),
    ("GET", "/api/calendars/{id}/feed", None),
    ("POST", "/api/check", {"source": "https://example.org/"}),
    ("POST", "/api/calendars", {"name": "x", "source": "https://example.org/x.ics"}),
    ("PATCH", "/api/calendars/{id}", {"name": "x"}),
    ("POST", "/api/calendars/{id}/pause", {}),
    ("POST", "/api/calendars/{id}/resume", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_who_may_only_look_can_do_nothing(client, connection, method, path, body):
    calendar_id = add(connection, "a")
    client.person = replace(WRITER, may_write=False)

    answer = client.request(method, path.format(id=calendar_id), json=body)

    assert answer.status_code == 403
    assert connection.execute("select name, enabled from calimport.calendars").fetchall() == [
        {"name": "a", "enabled": True}
    ]
    assert client.journal == []


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        (None, {"connection": "secret"}),
        ("secret", {"source": "https://evil.example/collect"}),
        ("secret", {"kind": "caldav"}),
        ("secret", {"connection": None}),
    ],
)
def test_only_who_may_see_connections_chooses_one_or_where_its_secret_is_sent(client, connection, stored, given):
    calendar_id = add(connection, "a", connection_id=stored)
    client.person = replace(WRITER, may_connect=False)

    assert client.patch(f"/api/calendars/{calendar_id}", json=given).status_code == 403
    assert client.post("/api/check", json={"source": "https://evil.example/", "connection": "x"}).status_code == 403
    added = client.post("/api/calendars", json={"name": "b", "source": "https://evil.example/", "connection": "x"})
    assert added.status_code == 403


def test_who_sees_only_some_persons_calendars_sees_no_other(client, connection):
    users = [
        connection.execute("insert into calimport.users (name) values (%s) returning id", [name]).fetchone()["id"]
        for name in ("Anna", "Bo")
    ]
    own, other = (add(connection, f"of {user}", user_id=user) for user in users)
    nobodys = add(connection, "of nobody")
    client.person = replace(WRITER, owners=frozenset(users[:1]))

    assert names(client) == [f"of {users[0]}"]
    assert client.get(f"/api/calendars/{own}").status_code == 200
    for id in (other, nobodys):
        for path in ("", "/runs", "/changes", "/held", "/events?start=2026-01-01&end=2026-02-01", "/feed"):
            assert client.get(f"/api/calendars/{id}{path}").status_code == 404
        for path in ("pause", "held/release", "held/discard", "runs/x/undo", "runs/x/apply"):
            assert client.post(f"/api/calendars/{id}/{path}", json={}).status_code == 404
        assert client.patch(f"/api/calendars/{id}", json={"name": "mine"}).status_code == 404
    assert client.patch(f"/api/calendars/{own}", json={"user": "Bo"}).status_code == 403
    assert client.post("/api/calendars", json={"name": "x", "source": "https://x.example/"}).status_code == 403


@pytest.mark.parametrize("path", ["", "/runs", "/changes", "/held", "/feed", "/events?start=2026-01-01&end=2026-02-01"])
def test_a_calendar_that_is_not_there_is_not_found(client, path):
    assert client.get(f"/api/calendars/4711{path}").status_code == 404


def test_every_answer_lets_a_browser_run_our_own_files_alone(client):
    for path in ("/ui/", "/ui/calendar?id=1", "/ui/edit", "/static/js/list.js", "/api/calendars", "/api/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == pages.HEADERS["Content-Security-Policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("page", sorted(pages.STATIC.glob("*.html")), ids=lambda page: page.name)
def test_no_page_holds_a_script_or_a_style_of_its_own_or_leads_elsewhere(page):
    text = page.read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|https?://", text)
    assert re.findall(r"<script[^>]*>", text) == re.findall(
        r'<script[^>]* src="\.\./static/[^"]+"></script>'[:-9], text
    )


@pytest.mark.parametrize("script", sorted(pages.STATIC.glob("js/*.js")), ids=lambda script: script.name)
def test_no_script_makes_html_of_text(script):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", script.read_text())


def test_a_database_that_is_away_is_said_in_words(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", json.dumps({"conn_type": "postgres", "host": "/nowhere"}))
    with Client() as client:
        answer = client.get("/api/calendars")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The database cannot be reached just now.")


def test_a_check_reaches_no_machine_that_an_import_would_not(client, web, monkeypatch):
    monkeypatch.setenv("CALIMPORT_ALLOWED_NETWORKS", "")
    source = web.feed(Reply(feed(EVENT.format("a", 9))))

    found = client.post("/api/check", json={"source": source}).json()

    assert found["class"] in ("FeedAddressForbidden", "ConfigurationError")
    assert web.asked == []


def test_the_form_offers_the_keys_of_a_calendar_and_names_that_exist(client, connection):
    connection.execute("insert into calimport.users (name) values ('Anna'), ('Bo')")
    connection.execute("insert into calimport.places (name) values ('Hall')")
    connection.commit()

    found = client.get("/api/form").json()

    assert [key["name"] for key in found["keys"]] == list(CalendarConfig.model_fields)
    assert next(key for key in found["keys"] if key["name"] == "strategy")["choices"] == list(STRATEGIES)
    assert found["suggestions"] == {"place": ["Hall"], "user": ["Anna", "Bo"], "organiser": []}


def test_the_calendar_component_is_the_one_that_make_vendor_fetches_with_its_licence():
    files = {name: (vendor.FOLDER / name).read_text() for name in vendor.FILES.values()}

    assert f"FullCalendar Standard Bundle v{vendor.VERSION}\n" in files["fullcalendar.min.js"]
    assert "Permission is hereby granted, free of charge" in files["LICENSE.md"]
    with pytest.raises(SystemExit, match="is not what it was"):
        vendor.check(b"something else")
