"""Staging, comparing and applying in a real PostgreSQL, beside a bare COPY, rows one by one, and dlt."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import sql

from calimport import copying, database
from calimport.settings import Settings
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.runs import PORTION_SETTINGS, RunKey, Step
from dev import postgres

PEERS = Path(__file__).parent / "peers"
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, copying.NAMES))
_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)
#: Calendars of one task instance: 2,000 in 8 batches, which is right on two cores (docs/scale.md).
_BATCH = 250
_WINDOW = ("2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z")
_FILL = """
insert into calimport.events (
    calendar_id, uid, start_at, end_at, all_day, timezone, timezone_source, status, summary, description, location,
    categories, attendees, visibility, transparency, reminders, is_recurring, content_hash, first_run_id, last_run_id
)
select
    calendar_id, 'event-' || number || '@' || calendar_id || '.example.org', started.at,
    started.at + interval '1 hour', false, 'Europe/London', 'event', 'confirmed', 'Event ' || number,
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


def lines_of(connection: database.Connection, calendar_ids: Sequence[int]) -> dict[int, list[str]]:
    """Calendars' rows as later feeds have them: one per cent changed, half of one gone, half of one new."""
    query = sql.SQL("select calendar_id, {} from calimport.events where calendar_id = any(%s) order by id")
    lines: dict[int, list[str]] = {calendar_id: [] for calendar_id in calendar_ids}
    for number, row in enumerate(connection.execute(query.format(_COLUMNS), [list(calendar_ids)])):
        of_calendar = lines[row.pop("calendar_id")]
        if number % 200 == 7:
            continue
        if number % 100 == 3:
            row["summary"] = f"Changed {number}"
        elif number % 200 == 9:
            row |= {"uid": f"new-{number}", "summary": f"New {number}"}
        else:
            of_calendar.append(copying.line(copying.fields(row), row["content_hash"]))
            continue
        fields = copying.fields(row)
        of_calendar.append(copying.line(fields, copying.content_hash(fields)))
    return lines


@dataclass(frozen=True)
class Measured:
    """One DAG run's work in PostgreSQL, beside a bare COPY of the rows that it stages."""

    #: By step: copy, stage, diff, apply.
    seconds: dict[str, float]
    #: Bytes of write-ahead log, by step.
    logged: dict[str, int]
    rows: int
    #: Share of the updates of `events` that touched no index (HOT).
    in_place: float

    @property
    def ratio(self) -> float:
        """Diff and apply, in times of the bare COPY."""
        return (self.seconds["diff"] + self.seconds["apply"]) / self.seconds["copy"]


def measure(connection: database.Connection, calendar_ids: Sequence[int]) -> Measured:
    """Import later feeds of these calendars with the steps of an import, all that they record and commit included.

    :param calendar_ids: calendars that were not measured before.
    """
    found = lines_of(connection, calendar_ids)
    key = RunKey("bench", f"of {calendar_ids[0]}")
    runs = _runs(connection, key, found)
    rows = {runs[calendar_id]: lines for calendar_id, lines in found.items()}
    connection.execute("drop table if exists calimport.bare")
    connection.execute("create table calimport.bare (like calimport.staged_events)")
    step = Step(connection, key, _CLOCK, Settings())
    batches = [calendar_ids[start : start + _BATCH] for start in range(0, len(calendar_ids), _BATCH)]
    before = _updates(connection)
    seconds, logged = {}, {}
    for name, work in {
        "copy": lambda: copy(connection, "bare", rows),
        "stage": lambda: copy(connection, "staged_events", rows),
        "diff": lambda: [diff(step, batch) for batch in batches],
        "apply": lambda: [apply(step, batch) for batch in batches],
    }.items():
        log_began, began = _logged(connection), time.perf_counter()
        work()
        seconds[name] = time.perf_counter() - began
        logged[name] = _logged(connection) - log_began
    updates, in_place = (now - then for now, then in zip(_updates(connection), before, strict=True))
    return Measured(seconds, logged, sum(map(len, found.values())), in_place / updates)


def plan(connection: database.Connection, calendar_ids: Sequence[int]) -> list[str]:
    """The lines of EXPLAIN ANALYZE of one comparison of all these calendars."""
    found = lines_of(connection, calendar_ids)
    runs = _runs(connection, RunKey("bench", f"plan of {calendar_ids[0]}"), found)
    copy(connection, "staged_events", {runs[calendar_id]: lines for calendar_id, lines in found.items()})
    settings, many = Settings(), len(runs)
    parameters = {
        "run_ids": list(runs.values()),
        "hold_over": [settings.hold_deletes_over] * many,
        "hold_ratio": [settings.hold_deletes_ratio] * many,
        "hold_most": [settings.hold_deletes_most] * many,
        "confirmations": [0] * many,
        "confirmations_needed": [settings.hold_confirmations] * many,
    }
    with connection.transaction(force_rollback=True):
        connection.execute(PORTION_SETTINGS)
        query = f"explain (analyze, costs off, timing off, buffers off) {database.sql('diff_changes')}"
        rows = connection.execute(query.encode(), parameters).fetchall()
    database.run(connection, "clear_staging", run_ids=list(runs.values()))
    return [str(next(iter(row.values()))) for row in rows]


def staging_sizes(connection: database.Connection, calendar_id: int, *, cycles: int) -> list[int]:
    """Bytes of the staging table after each of some cycles that stage and clear.

    Autovacuum looks every second, about once in four cycles; between imports every five minutes it looks five times.
    """
    connection.execute("alter system set autovacuum_naptime = '1s'")
    connection.execute("select pg_reload_conf()")
    lines = lines_of(connection, [calendar_id])[calendar_id]
    sizes = []
    for run_id in range(cycles):
        copy(connection, "staged_events", {-run_id: lines})
        database.run(connection, "clear_staging", run_ids=[-run_id])
        row = connection.execute("select pg_total_relation_size('calimport.staged_events') as bytes").fetchone()
        assert row is not None
        sizes.append(int(row["bytes"]))
    return sizes


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


def copy(connection: database.Connection, table: str, rows: Mapping[int, Sequence[str]]) -> float:
    """Seconds of one COPY of the lines by run."""
    lines = [f"{run_id}\t{line}\n" for run_id, of_run in rows.items() for line in of_run]
    pieces = ["".join(lines[start : start + 1000]) for start in range(0, len(lines), 1000)]
    query = sql.SQL("copy calimport.{} (run_id, {}) from stdin").format(sql.Identifier(table), _COLUMNS)
    began = time.perf_counter()
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(query) as copying_in:
        for piece in pieces:
            copying_in.write(piece)
    return time.perf_counter() - began


def _runs(connection: database.Connection, key: RunKey, lines: Mapping[int, Sequence[str]]) -> dict[int, int]:
    """Runs of these calendars, as normalize leaves them; their ids by calendar."""
    rows = connection.execute(
        "insert into calimport.runs (calendar_id, dag_id, dag_run_id, as_of, configured_at, created_at, step,"
        " fetched_at, window_start, window_end, rows_staged) select calendar_id, %s, %s, %s, %s, %s, 'normalized', %s,"
        " %s, %s, rows from unnest(%s::bigint[], %s::integer[]) as staged (calendar_id, rows)"
        " returning calendar_id, id",
        [key.dag_id, key.dag_run_id, *[_CLOCK] * 4, *_WINDOW, list(lines), [len(one) for one in lines.values()]],
    ).fetchall()
    connection.execute(
        "update calimport.calendars set lease_owner = %s, lease_until = %s, state = 'in_worker' where id = any(%s)",
        [key.owner, _CLOCK + timedelta(hours=1), list(lines)],
    )
    return {row["calendar_id"]: row["id"] for row in rows}


def _logged(connection: database.Connection) -> int:
    row = connection.execute("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as bytes").fetchone()
    assert row is not None
    return int(row["bytes"])


def _updates(connection: database.Connection) -> tuple[int, int]:
    """Updates of events so far, and those of them that touched no index."""
    connection.execute("select pg_stat_force_next_flush()")
    row = connection.execute(
        "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'calimport.events'::regclass"
    ).fetchone()
    assert row is not None
    return row["n_tup_upd"], row["n_tup_hot_upd"]
