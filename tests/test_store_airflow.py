"""Who may read and write the Store API: a real API server of Airflow, whose users an administrator may switch off."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
import pytest

from calimport import database, export_tokens
from calimport.export_tokens import Grant
from dev import processes
from tests.airflow_home import Home, new_calimport, new_metadata
from tests.airflow_stack import free_port
from tests.store_client import imported, user

pytestmark = pytest.mark.airflow

ACTIVITIES = "/api/v1/activity/"


@dataclass(frozen=True)
class Server:
    """An API server with the users anna (viewer), ben (user) and olga (op)."""

    url: str
    folder: Path
    home: Home
    secret: str

    def client(self, *, user: str | None = None, cookie: bool = False, token: str | None = None) -> httpx.Client:
        """Signed in as this user, by a token or by the web page's cookie."""
        if user is not None:
            passwords = json.loads((self.folder / "simple_auth_manager_passwords.json.generated").read_text())
            given = {"username": user, "password": passwords[user]}
            answer = httpx.post(f"{self.url}/auth/token", json=given, trust_env=False)
            assert answer.status_code == 201, answer.text
            token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"} if token and not cookie else {}
        cookies = {"_token": token} if token and cookie else {}
        return httpx.Client(base_url=self.url, headers=headers, cookies=cookies, trust_env=False, timeout=30)

    def without_permission(self) -> str:
        """A token that Airflow accepts, of somebody without any role."""
        token = self.client(user="anna").headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        head = jwt.get_unverified_header(token)
        return jwt.encode({**claims, "role": None}, self.secret, algorithm=head["alg"], headers={"kid": head["kid"]})


@contextmanager
def serving(folder: Path, postgres_host: str, template: str, **settings: str) -> Iterator[Server]:
    """A running API server, with one imported activity."""
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))
    url = f"http://127.0.0.1:{free_port()}"
    environment = home.environment(
        **{
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "anna:viewer,ben:user,olga:op",
            "AIRFLOW__API__BASE_URL": url,
            **settings,
        }
    )
    command = [sys.executable, "-m", "airflow", "api-server", "--host", "127.0.0.1", "--workers", "1"]
    try:
        processes.start("api-server", [*command, "--port", url[17:]], folder=folder, environment=environment)
        opened = Server(url, folder, home, environment["AIRFLOW__API_AUTH__JWT_SECRET"])
        deadline = time.monotonic() + 180
        while not _is_up(opened):
            assert time.monotonic() < deadline, f"The API server did not come up; its log is in {folder}"
            time.sleep(0.5)
        with home.connect() as connection:
            imported(connection)
        yield opened
    finally:
        processes.stop(folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, postgres_host: str, template: str) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("airflow"), postgres_host, template) as opened:
        yield opened


def _is_up(server: Server) -> bool:
    assert processes.running(server.folder), f"The API server has ended; its log is in {server.folder}"
    try:
        return httpx.get(f"{server.url}/api/v2/monitor/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


READS = [
    ACTIVITIES,
    f"{ACTIVITIES}1/",
    f"{ACTIVITIES}last_activities/",
    "/api/v1/user/1/",
    "/api/v1/export/calendar/1.ics",
]
WRITES = [
    ("POST", ACTIVITIES),
    ("PUT", f"{ACTIVITIES}1/"),
    ("PATCH", f"{ACTIVITIES}1/"),
    ("DELETE", f"{ACTIVITIES}1/"),
    ("DELETE", f"{ACTIVITIES}?id=1"),
]


@pytest.mark.parametrize("path", READS)
def test_reading_needs_a_session_and_permission(server, path):
    assert server.client().get(path).status_code == 401
    assert server.client(token="nonsense").get(path).status_code == 403
    assert server.client(token=server.without_permission()).get(path).status_code == 403
    assert server.client(user="anna").get(path).status_code in (200, 404)
    assert server.client(user="anna", cookie=True).get(path).status_code in (200, 404)


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_writing_needs_a_session_and_more_permission(server, method, path):
    body = {"title": "x"}
    assert server.client().request(method, path, json=body).status_code == 401
    assert server.client(token=server.without_permission()).request(method, path, json=body).status_code == 403
    assert server.client(user="anna").request(method, path, json=body).status_code == 403
    assert server.client(user="ben").request(method, path, json=body).status_code in (201, 409, 428)


def test_a_users_script_reads_writes_and_deletes(server):
    ben = server.client(user="ben")
    made = ben.post(ACTIVITIES, json={"title": "Tea", "start": 1795168800, "end": 1795168800})
    assert ben.get(made.headers["location"]).json() == made.json()
    assert ben.put(made.headers["location"], json={"title": "Coffee"}).json()["title"] == "Coffee"
    found = ben.get(ACTIVITIES.removesuffix("/"), params={"title": "Coffee"}, follow_redirects=True).json()
    assert [one["title"] for one in found["activities"]] == ["Coffee"]
    assert ben.delete(ACTIVITIES, params={"id__in": [made.json()["id"]]}).status_code == 204


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "OWN"}, 201),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("cookie", [True, False])
def test_another_website_cannot_write_with_a_persons_session(server, headers, status, cookie):
    headers = {name: value.replace("OWN", server.url) for name, value in headers.items()}
    ben = server.client(user="ben", cookie=cookie)
    assert ben.post(ACTIVITIES, json={"title": "x"}, headers=headers).status_code == status
    if status == 403:
        assert ben.get(ACTIVITIES, headers=headers).status_code == 200


def test_a_token_needs_no_session_and_is_not_logged(server, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", server.home.environment()["AIRFLOW_CONN_CALIMPORT_DB"])
    with database.connect() as connection:
        now = connection.execute("select now() as now").fetchone()["now"]
        token = export_tokens.create(connection, Grant("calendar", 1, "ics"), now=now)

    path = "/api/v1/export/private.ics"
    found = server.client().get(path, params={"token": token})

    assert (found.status_code, found.text.count("BEGIN:VEVENT")) == (200, 1)
    assert server.client().get(path, params={"token": f"{token[:-4]}AAAA"}).status_code == 404
    log = (server.folder / "api-server.log").read_text(errors="replace")
    assert path in log
    assert token not in log
    assert token.partition("-")[2] not in log


def test_airflows_own_api_is_as_it_was(server):
    assert server.client(user="anna").get("/api/v2/dags").status_code == 200
    assert server.client().get("/api/v2/dags").status_code == 401
    assert server.client().get("/api/v1/openapi.json").json()["info"]["title"] == "calimport Store API"


def titles(client: httpx.Client) -> list[str]:
    answer = client.get(ACTIVITIES)
    assert answer.status_code == 200, answer.text
    return sorted(one["title"] for one in answer.json()["activities"])


def test_rows_may_be_those_of_persons_who_name_the_airflow_user(tmp_path, postgres_host, template):
    """Nobody's who is named by nobody; everybody's for operators, who could read the database anyway."""
    with serving(tmp_path, postgres_host, template, CALIMPORT_STORE_ROWS="own") as server:
        ben, anna, olga = (server.client(user=name) for name in ("ben", "anna", "olga"))
        with server.home.connect() as connection:
            bens, carlas = user(connection, "Ben Bell"), user(connection, "Carla")
        named = "No user names you in airflow_users, so you may write nobody's activities."
        refused = ben.post(ACTIVITIES, json={"title": "Ben's"})
        assert (refused.status_code, refused.json()) == (403, {"detail": named})

        with server.home.connect() as connection:
            connection.execute("update calimport.users set airflow_users = 'ben' where name = 'Ben Bell'")
        made = ben.post(ACTIVITIES, json={"title": "Ben's"}).json()
        carlas_own = olga.post(ACTIVITIES, json={"title": "Carla's", "user": carlas}).json()

        assert made["user"] == f"/api/v1/user/{bens}/"
        assert (titles(ben), titles(anna), titles(olga)) == (["Ben's"], [], ["Ben's", "Carla's", "Imported"])
        assert ben.get(carlas_own["resource_uri"]).status_code == anna.get(made["resource_uri"]).status_code == 404
        assert ben.put(carlas_own["resource_uri"], json={"title": "x"}).status_code == 404
        assert ben.post(ACTIVITIES, json={"title": "x", "user": carlas}).status_code == 403
        assert ben.delete(ACTIVITIES, params={"title__in": "Ben's,Carla's"}).status_code == 204
        assert titles(olga) == ["Carla's", "Imported"]
        assert server.client(cookie=True, user="ben").get(f"/api/v1/user/{carlas}/").status_code == 404
        assert server.client().get(ACTIVITIES).status_code == 401


def test_where_everybody_is_an_administrator_everybody_may_all(tmp_path, postgres_host, template):
    settings = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True", "CALIMPORT_STORE_ROWS": "own"}
    with serving(tmp_path, postgres_host, template, **settings) as server:
        anybody = server.client()
        assert titles(anybody) == ["Imported"]
        made = anybody.post(ACTIVITIES, json={"title": "Tea"})
        assert made.status_code == 201
        assert anybody.put(f"{ACTIVITIES}1/", json={"title": "x"}).status_code == 409
        assert anybody.delete(ACTIVITIES).status_code == 400
        assert anybody.delete(made.json()["resource_uri"]).status_code == 428
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        assert anybody.post(ACTIVITIES, json={"title": "x"}, headers=elsewhere).status_code == 403
        assert server.client(token="nonsense").get(ACTIVITIES).status_code == 403
