"""The Store API in this process, on the test's own PostgreSQL, with everybody allowed or nobody."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException
from fastapi.testclient import TestClient
from psycopg import sql

from calimport import database
from calimport.api.app import create_app
from calimport.store.owners import EVERYBODY, Owners


def client(*, may_write: bool = True, owners: Owners = EVERYBODY) -> TestClient:
    """A client of the app as Airflow mounts it. Who is allowed is proved with a real Airflow, in test_store_airflow."""
    app = create_app(_everybody, _everybody if may_write else _nobody, lambda: owners, lambda: "airflow:anna")
    return TestClient(app, raise_server_exceptions=True)


def _everybody() -> None:
    return None


def _nobody() -> None:
    raise HTTPException(403, "Forbidden")


def imported(connection: database.Connection, calendar: str = "Club", **columns: Any) -> int:
    """A row as an import leaves it, in a calendar that is made where there is none; the row's id."""
    values = {
        "uid": "imported",
        "start_at": "2026-11-20T10:00Z",
        "end_at": "2026-11-20T11:00Z",
        "all_day": False,
        "timezone": "UTC",
        "status": "confirmed",
        "summary": "Imported",
        "categories": [],
        "attendees": "[]",
        "visibility": "default",
        "transparency": "opaque",
        "reminders": [],
        "activity_type": "exercise",
        "is_recurring": False,
        "content_hash": bytes(16),
        "first_run_id": 1,
        "last_run_id": 1,
        **columns,
    }
    connection.execute(
        "insert into calimport.calendars (name, source, activity_type) values (%s, %s, 'exercise')"
        " on conflict do nothing",
        [calendar, f"https://example.org/{calendar}.ics"],
    )
    query = sql.SQL(
        "insert into calimport.events (calendar_id, {}) select id, {} from calimport.calendars"
        " where name = %(calendar)s returning id"
    ).format(sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(map(sql.Placeholder, values)))
    row = connection.execute(query, values | {"calendar": calendar}).fetchone()
    connection.commit()
    assert row is not None
    return int(row["id"])


def user(connection: database.Connection, name: str) -> int:
    """A user; the id."""
    row = connection.execute("insert into calimport.users (name) values (%s) returning id", [name]).fetchone()
    connection.commit()
    assert row is not None
    return int(row["id"])
