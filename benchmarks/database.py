"""Staging, comparing and applying in a real PostgreSQL, beside a bare COPY, rows one by one, and dlt."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg import sql

from calimport import copying, database
from calimport.settings import Settings
from dev import postgres

PEERS = Path(__file__).parent / "peers"
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, copying.NAMES))
_WINDOW = ("2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z")
_FILL = """
insert into calimport.events (
    calendar_id, uid, start_at, end_at, all_day, timezone, timezone_source, status, summary, description, location,
    categories, attendees, visibility, transparency, reminders, is_recurring, content_hash, first_run_id, last_run_id
)
select
    calendar_id, 'event-' || number || '@' || calendar_id || '.example.org', started.at, started.at + interval '1 hour', false,
    'Europe/London', 'event', 'confirmed', 'Event ' || number,
    repeat('Some words that describe it. ', 8) || number, 'Room ' || number %% 50, '{}', '[]', 'default', 'opaque',
    '{}', false, decode(md5(number::text), 'hex'), 1, 1
from unnest(%s::bigint[]) as calendar_id
cross join generate_series(1, %s) as number
cross join lateral (select '2026-02-01Z'::timestamptz + number * interval '1 minute' as at) as started
"""
#: The indexes of events but for its primary key, which others refer to.
_SECONDARY = """
select
    coalesce(
        'alter table calimport.events drop constraint ' || constraints.conname,
        'drop index calimport.' || indexes.indexname
    ) as forget,
    coalesce(
        'alter table calimport.events add constraint ' || constraints.conname || ' '
        || pg_get_constraintdef(constraints.oid),
        indexes.indexdef
    ) as make
from pg_indexes as indexes
left join pg_constraint as constraints
    on constraints.conrelid = 'calimport.events'::regclass and constraints.conname = indexes.indexname
where indexes.schemaname = 'calimport' and indexes.tablename = 'events' and indexes.indexname <> 'events_pkey'
"""


@contextmanager
def server() -> Iterator[tuple[str, database.Connection]]:
    """An embedded PostgreSQL with an empty schema; the address of its database, and a connection."""
    with tempfile.TemporaryDirectory(prefix="calimport-bench-") as folder:
        started = postgres.start(Path(folder) / "postgres")
        host = postgres.host(started)
        postgres.create_database(host, "bench")
        os.environ["AIRFLOW_CONN_CALIMPORT_DB"] = postgres.airflow_connection(host, "bench")
        try:
            with database.connect(autocommit=True) as connection:
                database.migrate(connection)
                yield f"postgresql://postgres:none@localhost/bench?host={host}", connection
        finally:
            postgres.stop(started)


def fill(connection: database.Connection, known: int, each: int) -> list[int]:
    """`known` rows in calendars of `each`; the calendars' ids.

    What the table has in production it has when this returns: the indexes are only made after the rows.
    """
    query = "insert into calimport.calendars (name, source) select 'c' || n, 'http://example.org/' || n from"
    query += " generate_series(1, %s) as n returning id"
    ids = [row["id"] for row in connection.execute(query.encode(), [max(1, known // each)])]
    with connection.transaction():
        connection.execute("set local maintenance_work_mem = '512MB'")
        connection.execute("set local session_replication_role = replica")  # the calendars are there
        dropped = connection.execute(_SECONDARY).fetchall()
        for one in dropped:
            connection.execute(one["forget"].encode())
        connection.execute(_FILL.encode(), [ids, each])
        for one in dropped:
            connection.execute(one["make"].encode())
    connection.execute("vacuum analyze calimport.events")
    return ids


def lines_of(connection: database.Connection, calendar_id: int) -> list[str]:
    """The calendar's rows as a later feed has them: one per cent changed, half of one gone, half of one new."""
    query = sql.SQL("select {} from calimport.events where calendar_id = %s order by id").format(_COLUMNS)
    lines = []
    for number, row in enumerate(connection.execute(query, [calendar_id])):
        if number % 200 == 7:
            continue
        if number % 100 == 3:
            row["summary"] = f"Changed {number}"
        elif number % 200 == 9:
            row |= {"uid": f"new-{number}", "summary": f"New {number}"}
        else:
            lines.append(copying.line(copying.fields(row), row["content_hash"]))
            continue
        fields = copying.fields(row)
        lines.append(copying.line(fields, copying.content_hash(fields)))
    return lines


def measure(connection: database.Connection, calendar_id: int, lines: list[str], *, times: int = 3) -> dict[str, float]:
    """Seconds of a bare COPY of the lines, of staging, comparing and applying them: those of the best of some times."""
    connection.execute("drop table if exists calimport.bare")
    connection.execute("create table calimport.bare (like calimport.staged_events)")
    found = []
    for number in range(times):
        connection.execute("truncate calimport.bare")
        seconds = {"copy": _copy(connection, "bare", 0, lines)}
        run_id = _run(connection, calendar_id, number)
        seconds["stage"] = _copy(connection, "staged_events", run_id, lines)
        with connection.transaction(force_rollback=True):
            began = time.perf_counter()
            database.run(connection, "diff_changes", **_parameters(run_id)).fetchall()
            seconds["diff"] = time.perf_counter() - began
            began = time.perf_counter()
            for name in ("deletes", "updates", "inserts"):
                database.run(connection, f"apply_{name}", run_id=run_id)
            database.run(connection, "apply_reminders", run_id=run_id, clock=_WINDOW[0])
            seconds["apply"] = time.perf_counter() - began
        database.run(connection, "clear_staging", run_ids=[run_id])
        connection.execute("delete from calimport.runs where id = %s", [run_id])
        connection.execute("vacuum calimport.staged_events")
        found.append(seconds)
    return min(found, key=lambda one: (one["diff"] + one["apply"]) / one["copy"])


def plan(connection: database.Connection, calendar_id: int, lines: list[str]) -> list[str]:
    """The lines of EXPLAIN ANALYZE of the comparison."""
    run_id = _run(connection, calendar_id, 99)
    _copy(connection, "staged_events", run_id, lines)
    with connection.transaction(force_rollback=True):
        query = f"explain (analyze, costs off, timing off, buffers off) {database.sql('diff_changes')}"
        rows = connection.execute(query.encode(), _parameters(run_id)).fetchall()
    database.run(connection, "clear_staging", run_ids=[run_id])
    return [str(next(iter(row.values()))) for row in rows]


def row_by_row(connection: database.Connection, rows: list[dict[str, Any]]) -> float:
    """Seconds to bring a table in step as the original container did: look for each row, then insert or update it."""
    connection.execute(
        "create temp table by_row (uid text primary key, start_at timestamptz, summary text, description text)"
    )
    for change in (None, "Changed"):
        began = time.perf_counter()
        for number, row in enumerate(rows):
            said = {**row, "summary": change} if change and number % 100 == 3 else row
            there = connection.execute("select * from by_row where uid = %(uid)s", said).fetchone()
            if there is None:
                connection.execute(
                    "insert into by_row values (%(uid)s, %(start_at)s, %(summary)s, %(description)s)", said
                )
            elif there["summary"] != said["summary"]:
                connection.execute("update by_row set summary = %(summary)s where uid = %(uid)s", said)
        seconds = time.perf_counter() - began
    connection.execute("drop table by_row")
    return seconds


def dlt(python: str, address: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds that dlt takes to merge the rows; ``{"error": …}`` where it does not run."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
        file.flush()
        command = [python, str(PEERS / "dlt_peer.py"), file.name, address]
        environment = os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["?"])[-1][:60]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def sample(number: int) -> list[dict[str, Any]]:
    return [
        {
            "uid": f"event-{i}",
            "start_at": f"2026-03-{1 + i % 28:02}T10:00:00Z",
            "summary": f"Event {i}",
            "description": "Some words that describe it. " * 8,
        }
        for i in range(number)
    ]


def _copy(connection: database.Connection, table: str, run_id: int, lines: list[str]) -> float:
    pieces = [
        "".join(f"{run_id}\t{line}\n" for line in lines[start : start + 1000]) for start in range(0, len(lines), 1000)
    ]
    query = sql.SQL("copy calimport.{} (run_id, {}) from stdin").format(sql.Identifier(table), _COLUMNS)
    began = time.perf_counter()
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(query) as copy:
        for piece in pieces:
            copy.write(piece)
    return time.perf_counter() - began


def _run(connection: database.Connection, calendar_id: int, number: int) -> int:
    row = connection.execute(
        "insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at, step,"
        " window_start, window_end) values (%s, 'bench', %s, %s, %s, %s, 'normalized', %s, %s) returning id",
        [calendar_id, str(number), _WINDOW[0], _WINDOW[0], _WINDOW[0], *_WINDOW],
    ).fetchone()
    assert row is not None
    return int(row["id"])


def _parameters(run_id: int) -> dict[str, Any]:
    settings = Settings()
    return {
        "run_id": run_id,
        "uid_sample": None,
        "may_hold": True,
        "hold_over": settings.hold_deletes_over,
        "hold_ratio": settings.hold_deletes_ratio,
        "hold_most": 10**9,
        "held_run_id": None,
        "confirmations": 0,
        "confirmations_needed": settings.hold_confirmations,
    }
