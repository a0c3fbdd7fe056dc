"""The Store API over HTTP, in this process: a client script of the original's shape, conditions, refusals."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from calimport import store
from calimport.api import activities
from tests.store_client import client, imported, user

TEN = 1795168800
HOUR = 3600


class StoreUtils:
    """The four functions of the original container's `store_utils.py`, as its README describes them."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def activity_get(self, **filters: Any) -> Any:
        return self.http.get("/activity/", params=filters).json()["activities"]

    def activity_save(self, **fields: Any) -> bool:
        if "id" in fields:
            return self.http.put(f"/activity/{fields.pop('id')}/", json=fields).status_code == 200
        return self.http.post("/activity/", json=fields).status_code == 201

    def activity_delete(self, **filters: Any) -> bool:
        return self.http.delete("/activity/", params=filters).status_code == 204

    def user_get(self, id: int) -> Any:
        return self.http.get(f"/user/{id}", follow_redirects=True).json()


@pytest.fixture
def http(connection_uri) -> httpx.Client:
    return client()


def test_a_script_for_the_original_store_works(connection, http):
    utils = StoreUtils(http)
    anna = utils.user_get(user(connection, "Anna"))
    assert anna["username"] == "Anna"
    for number in (1, 2, 3):
        assert utils.activity_save(
            user=anna["resource_uri"],
            status="confirmed",
            html_link="http://example.com",
            title=f"Walk {number}",
            activity_type="exercise",
            start=TEN + number * HOUR,
            end=TEN + number * HOUR + 600,
            reminders=[TEN],
        )

    found = utils.activity_get(
        start__gte=TEN + 2 * HOUR, end__lte=TEN + 3 * HOUR + 600, user=anna["id"], order_by="-start"
    )
    assert [one["title"] for one in found] == ["Walk 3", "Walk 2"]
    assert found[0]["start"] == TEN + 3 * HOUR
    assert len(utils.activity_get(reminders__contains=TEN)) == 3
    assert len(utils.activity_get(calendar_id=found[0]["calendar_id"], activity_type="exercise")) == 3

    assert utils.activity_save(id=found[0]["id"], title="Run")
    assert [one["title"] for one in utils.activity_get(title="Run")] == ["Run"]
    assert not utils.activity_save(id=4711, title="Run")

    assert not utils.activity_delete()
    assert not utils.activity_delete(id__in=[])
    assert not utils.activity_delete(title="")
    assert utils.activity_delete(id__in=[one["id"] for one in found])
    assert [one["title"] for one in utils.activity_get(user=anna["id"])] == ["Walk 1"]


def test_pages_have_the_envelope_and_lead_through_all(connection_uri, http):
    for number in range(5):
        store.activity_save(title=str(number), start=TEN + number)

    first = http.get("/activity/", params={"limit": 2, "start__gte": TEN}).json()
    assert first["meta"] == {
        "limit": 2,
        "offset": 0,
        "total_count": 5,
        "next": f"/api/v1/activity/?start__gte={TEN}&limit=2&offset=2",
        "previous": None,
    }
    titles, page = [], first
    while True:
        titles += [one["title"] for one in page["activities"]]
        if page["meta"]["next"] is None:
            break
        page = http.get(page["meta"]["next"].removeprefix("/api/v1")).json()
    assert titles == ["0", "1", "2", "3", "4"]
    assert page["meta"]["previous"] == f"/api/v1/activity/?start__gte={TEN}&limit=2&offset=2"
    assert http.get("/activity/?limit=0").json()["meta"]["limit"] == activities.MOST
    assert http.get("/activity/?limit=2&offset=9").json()["activities"] == []


def test_last_activities_have_the_envelope_too(http):
    http.post("/activity/", json={"title": "now"})
    http.post("/activity/", json={"title": "long ago", "start": 0, "end": 0})
    found = http.get("/activity/last_activities/").json()
    assert ([one["title"] for one in found["activities"]], found["meta"]["total_count"]) == (["now"], 1)


def test_creating_says_where_it_is(http):
    made = http.post("/activity/", json={"title": "Tea", "start": TEN, "end": TEN})
    assert (made.status_code, made.headers["location"]) == (201, made.json()["resource_uri"])
    read = http.get(f"/activity/{made.json()['id']}/")
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])


def test_an_update_of_what_somebody_else_has_changed_is_refused(http):
    made = http.post("/activity/", json={"title": "Tea", "start": TEN, "end": TEN})
    path, read = f"/activity/{made.json()['id']}/", {"If-Match": made.headers["etag"]}

    theirs = http.put(path, json={"title": "Theirs"}, headers=read)
    mine = http.put(path, json={"title": "Mine"}, headers=read)

    assert (theirs.status_code, mine.status_code) == (200, 412)
    assert mine.json() == {"detail": "The activity has changed since it was read. Read it again."}
    assert http.delete(path, headers=read).status_code == 412
    assert http.get(path).json()["title"] == "Theirs"
    assert http.patch(path, json={"title": "Mine"}, headers={"If-Match": theirs.headers["etag"]}).status_code == 200


@pytest.mark.parametrize(("header", "status"), [("*", 204), ('"other"', 412), ('W/"weak"', 412), ("nonsense", 412)])
def test_deleting_one_needs_if_match(http, header, status):
    path = http.post("/activity/", json={"title": "Tea"}).json()["resource_uri"].removeprefix("/api/v1")
    assert http.delete(path).status_code == 428
    assert http.patch(path, json={}).status_code == 428
    assert http.delete(path, headers={"If-Match": header}).status_code == status


def test_what_is_known_is_not_sent_again(http):
    made = http.post("/activity/", json={"title": "Tea"})
    path, tag = made.json()["resource_uri"].removeprefix("/api/v1"), made.headers["etag"]
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = http.get(path, headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/activity/?titel=x", None, 400, "'titel' is not a filter. Did you mean title?"),
        ("GET", "/activity/?title=", None, 400, "The filter title has no value."),
        ("GET", "/activity/?order_by=x", None, 400, "'x' is nothing to order by."),
        ("GET", "/activity/?title=a%00b", None, 400, "takes text without NUL"),
        ("GET", "/activity/?title=%ff", None, 200, '"activities":[]'),
        ("GET", "/activity/?limit=1001", None, 422, "less than or equal to 1000"),
        ("GET", "/activity/?offset=-1", None, 422, "greater than or equal to 0"),
        ("GET", "/activity/4711/", None, 404, "There is no activity 4711."),
        ("GET", "/activity/99999999999999999999/", None, 422, "less than or equal"),
        ("GET", "/activity/x/", None, 422, "valid integer"),
        ("GET", "/user/4711/", None, 404, "There is no user 4711."),
        ("DELETE", "/activity/", None, 400, "Deleting needs a filter"),
        ("DELETE", "/activity/?limit=5", None, 400, "'limit' is not a filter."),
        ("POST", "/activity/", {"calendar_id": 7}, 400, "Not a user's to write: calendar_id."),
        ("POST", "/activity/", {"titel": "x"}, 422, "Extra inputs are not permitted"),
        ("POST", "/activity/", {"user": 4711}, 400, "user: there is no user 4711."),
        ("POST", "/activity/", [], 422, "valid dictionary"),
        ("PUT", "/activity/4711/", {"title": "x"}, 404, "There is no activity 4711."),
    ],
)
def test_refusals_say_what_is_wrong(http, method, path, body, status, message):
    answer = http.request(method, path, json=body) if body is not None else http.request(method, path)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text


def test_activities_of_a_feed_are_not_changed_here(connection, http):
    path = f"/activity/{imported(connection)}/"
    for answer in (
        http.put(path, json={"title": "x"}),
        http.delete(path, headers={"If-Match": "*"}),
        http.delete("/activity/?by_hand=false"),
    ):
        assert answer.status_code == 409
        assert "imported" in answer.json()["detail"]
    assert http.get(path).json()["title"] == "Imported"


def test_who_writes_is_in_the_audit_log_and_what_is_refused_is_not(connection, http):
    activity = http.post("/activity/", json={"title": "Walk", "start": TEN, "end": TEN + HOUR}).json()["id"]
    tag = http.put(f"/activity/{activity}/", json={"title": "A walk with Dr Secret"}).headers["etag"]
    http.patch(f"/activity/{activity}/", json={"title": "Run"}, headers={"If-Match": tag})
    http.patch(f"/activity/{activity}/", json={"title": "Lost"}, headers={"If-Match": tag})
    http.delete(f"/activity/{activity}/", headers={"If-Match": "*"})
    http.delete("/activity/", params={"title": "Dr Secret"})
    http.delete("/activity/")

    log = connection.execute("select actor, action, detail from calimport.audit_log order by id").fetchall()
    assert [tuple(row.values()) for row in log] == [
        ("airflow:anna", "activity.add", {"activity": activity}),
        ("airflow:anna", "activity.change", {"activity": activity}),
        ("airflow:anna", "activity.change", {"activity": activity}),
        ("airflow:anna", "activity.remove", {"activity": activity}),
        ("airflow:anna", "activity.remove", {"activities": 0, "filters": ["title"]}),
    ]


def test_a_body_that_is_not_json_is_refused(http):
    form = http.post("/activity/", content='{"title": "x"}', headers={"Content-Type": "text/plain"})
    assert form.status_code == 422
    assert http.get("/activity/").json()["meta"]["total_count"] == 0


def test_writing_needs_its_own_permission(connection_uri):
    http = client(may_write=False)
    assert http.get("/activity/").status_code == 200
    for method, path in (
        ("POST", "/activity/"),
        ("PUT", "/activity/1/"),
        ("PATCH", "/activity/1/"),
        ("DELETE", "/activity/1/"),
        ("DELETE", "/activity/?id=1"),
    ):
        assert http.request(method, path, json={}).status_code == 403


def test_a_database_that_is_away_is_said_so(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", "postgres://nobody@127.0.0.1:1/nothing")
    answer = client().get("/activity/")
    assert (answer.status_code, answer.json()) == (503, {"detail": "The database cannot be reached just now."})


def test_every_filter_and_every_route_is_documented(http):
    document = http.get("/openapi.json").json()
    assert {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item} == {
        "GET /activity/",
        "POST /activity/",
        "DELETE /activity/",
        "GET /activity/last_activities/",
        "GET /activity/{id}/",
        "PUT /activity/{id}/",
        "PATCH /activity/{id}/",
        "DELETE /activity/{id}/",
        "GET /user/{id}/",
        "GET /export/{scope}/{id}.{form}",
        "GET /export/private.{form}",
    }
    named = {parameter["name"] for parameter in document["paths"]["/activity/"]["get"]["parameters"]}
    assert {"limit", "offset", "order_by", "start__gte", "id__in", "reminders__contains", "title"} <= named
    assert all(re.fullmatch(r"[a-zA-Z_]+", name) for name in named)
    assert document["components"]["schemas"]["ActivityFields"]["examples"][0]["title"] == "Coffee with Joel"
