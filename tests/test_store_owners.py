"""Whose rows somebody may read and write, where `CALIMPORT_STORE_ROWS` is `own`."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from calimport.api import activities
from calimport.errors import ConfigurationError
from calimport.settings import Settings
from calimport.store import owners
from calimport.store.engine import begin
from tests.store_client import client, imported, user

TEN = 1795168800
MINE, THEIRS = {"title": "Mine", "start": TEN, "end": TEN}, {"title": "Theirs", "start": TEN, "end": TEN}


class Rows(NamedTuple):
    """Ids."""

    anna: int
    ben: int
    carla: int
    mine: int
    theirs: int
    nobodys: int
    imported: int
    place: int


@pytest.fixture
def rows(connection) -> Rows:
    """Anna has a row by hand and one that was imported, Ben has one, and one is nobody's; all but hers at a place."""
    anna, ben, carla = (user(connection, name) for name in ("Anna", "Ben", "Carla"))
    http = client()
    mine, theirs, nobodys = (
        http.post("/activity/", json=body).json()["id"]
        for body in ({**MINE, "user": anna}, {**THEIRS, "user": ben}, {"title": "Nobody's", "start": TEN, "end": TEN})
    )
    place = connection.execute("insert into calimport.places (name) values ('Hall') returning id").fetchone()["id"]
    club = imported(connection, place_id=place)
    imported(connection, "Choir", uid="choir", place_id=place, summary="Choir")
    connection.execute("update calimport.calendars set user_id = %s where name = 'Club'", [anna])
    connection.execute("update calimport.calendars set user_id = %s where name = 'Choir'", [ben])
    connection.commit()
    return Rows(anna, ben, carla, mine, theirs, nobodys, club, place)


def titles(http, path="/activity/") -> list[str]:
    return sorted(one["title"] for one in http.get(path).json()["activities"])


def test_somebody_sees_the_rows_of_those_who_name_them_and_no_others(rows):
    anna, both, nobody = (client(owners=frozenset(of)) for of in ([rows.anna], [rows.anna, rows.ben], []))
    everybodys = ["Choir", "Imported", "Mine", "Nobody's", "Theirs"]

    assert titles(anna) == ["Imported", "Mine"]
    assert titles(both) == ["Choir", "Imported", "Mine", "Theirs"]
    assert (titles(nobody), titles(client())) == ([], everybodys)
    assert anna.get("/activity/?limit=1").json()["meta"]["total_count"] == 2
    assert titles(anna, f"/activity/?user={rows.ben}") == titles(anna, "/activity/?user__isnull=true") == []


@pytest.mark.parametrize("whose", ["theirs", "nobodys"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_row_of_somebody_else_is_not_there(rows, method, whose):
    anna, id = client(owners=frozenset([rows.anna])), getattr(rows, whose)

    answer = anna.request(method, f"/activity/{id}/", headers={"If-Match": "*"}, json={"title": "Hers now"})

    assert (answer.status_code, answer.json()) == (404, {"detail": f"There is no activity {id}."})
    assert len(titles(client())) == 5
    assert "Hers now" not in titles(client())


def test_deleting_by_a_filter_takes_rows_of_ones_own_alone(rows):
    anna = client(owners=frozenset([rows.anna]))
    assert anna.delete("/activity/?title__in=Mine,Theirs,Nobody's").status_code == 204
    assert anna.delete(f"/activity/?id={rows.theirs}").status_code == 204
    assert titles(client()) == ["Choir", "Imported", "Nobody's", "Theirs"]


def test_a_new_row_is_ones_own(rows):
    anna, both = client(owners=frozenset([rows.anna])), client(owners=frozenset([rows.anna, rows.ben]))
    yours = f"user: must be one of yours: {rows.anna}, {rows.ben}."

    assert anna.post("/activity/", json=MINE).json()["user"] == f"/api/v1/user/{rows.anna}/"
    assert both.post("/activity/", json={**MINE, "user": rows.ben}).status_code == 201
    for http, body, sentence in (
        (both, MINE, yours),
        (both, {**MINE, "user": rows.carla}, yours),
        (anna, {**MINE, "user": f"/api/v1/user/{rows.ben}/"}, f"user: must be one of yours: {rows.anna}."),
        (anna, {**MINE, "user": 4711}, f"user: must be one of yours: {rows.anna}."),
        (client(owners=frozenset()), MINE, "No user names you in airflow_users, so you may write nobody's activities."),
    ):
        refused = http.post("/activity/", json=body)
        assert (refused.status_code, refused.json()) == (403, {"detail": sentence})


@pytest.mark.parametrize("to", ["ben", None])
def test_a_row_is_not_given_away(rows, to):
    anna = client(owners=frozenset([rows.anna]))
    refused = anna.put(f"/activity/{rows.mine}/", json={"user": to and getattr(rows, to)})
    assert refused.status_code == 403
    assert anna.get(f"/activity/{rows.mine}/").json()["user"] == f"/api/v1/user/{rows.anna}/"


def test_an_imported_row_of_ones_own_is_read_and_not_written(rows):
    anna = client(owners=frozenset([rows.anna]))
    assert anna.get(f"/activity/{rows.imported}/").json()["title"] == "Imported"
    assert anna.put(f"/activity/{rows.imported}/", json=MINE).status_code == 409


def test_users_and_exports_are_ones_own_too(connection, rows):
    anna = client(owners=frozenset([rows.anna]))
    ids = {row["name"]: row["id"] for row in connection.execute("select name, id from calimport.calendars")}

    assert anna.get(f"/user/{rows.anna}/").json()["username"] == "Anna"
    assert anna.get(f"/user/{rows.ben}/").status_code == anna.get("/user/4711/").status_code == 404
    assert anna.get(f"/export/calendar/{ids['Club']}.ics").text.count("BEGIN:VEVENT") == 1
    assert anna.get(f"/export/user/{rows.anna}.json").json()["name"] == "Anna"
    for path in (f"calendar/{ids['Choir']}.ics", f"calendar/{ids['By hand: personal']}.csv", f"user/{rows.ben}.json"):
        assert anna.get(f"/export/{path}").status_code == 404
        assert client().get(f"/export/{path}").status_code == 200
    for http, expected in ((anna, ["Imported"]), (client(), ["Choir", "Imported"])):
        found = http.get(f"/export/place/{rows.place}.json").json()["occurrences"]
        assert sorted(one["summary"] for one in found) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anna", {"Anna"}),
        ("carer", {"Anna", "Ben"}),
        ("Anna", set()),
        ("car", set()),
        ("anna, carer", set()),
        ("", set()),
    ],
)
def test_persons_name_airflow_users(connection, name, expected):
    ids = {one: user(connection, one) for one in ("Anna", "Ben", "Carla")}
    connection.execute("update calimport.users set airflow_users = 'anna, carer' where name = 'Anna'")
    connection.execute("update calimport.users set airflow_users = 'carer' where name = 'Ben'")
    connection.commit()
    with begin() as opened:
        assert owners.of_airflow_user(opened, name) == {ids[one] for one in expected}


def test_an_unknown_setting_is_refused():
    assert [owners.are_limited(Settings(store_rows=rows)) for rows in ("all", "own")] == [False, True]
    with pytest.raises(ConfigurationError, match="CALIMPORT_STORE_ROWS must be all or own, not 'mine'"):
        owners.are_limited(Settings(store_rows="mine"))


def test_an_app_that_does_not_say_whose_answers_nobody(connection_uri):
    app, router = FastAPI(), APIRouter()
    router.include_router(activities.reading)
    app.include_router(router)
    with pytest.raises(RuntimeError, match="does not say whose rows"):
        TestClient(app).get("/activity/")
