"""What an import costs PostgreSQL: no log of what is staged, no bloat, updates in place, events never read whole."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import psycopg

from benchmarks import database as bench
from calimport import copying, database
from calimport.steps import runs
from calimport.store import fields
from calimport.store.filters import conditions
from calimport.store.tables import shown
from tests.importing import feed
from tests.plans import rows_passed
from tests.web import Reply

ROOT = Path(__file__).parents[1]


def event(number: int, title: str, hour: int = 10) -> str:
    start, end = f"DTSTART:20261119T{hour}0000Z", f"DTEND:20261119T{hour + 1}0000Z"
    return f"UID:{number}\n{start}\n{end}\nSUMMARY:{title}\nDESCRIPTION:{'Words. ' * 40}"


def counted(importer, table: str) -> dict[str, int]:
    """The statistics of a table, all that this connection did included."""
    importer.connection.execute("select pg_stat_force_next_flush()")
    return importer.connection.execute("select * from pg_stat_user_tables where relname = %s", [table]).fetchone()


def logged(importer) -> int:
    """Bytes that this connection has written into the write-ahead log."""
    importer.connection.execute("select pg_stat_force_next_flush()")
    return int(importer.one("select wal_bytes from pg_stat_get_backend_wal(pg_backend_pid())"))


def lines(importer, number: int) -> list[str]:
    calendar_ids = bench.fill(importer.connection, number, number)
    return bench.lines_of(importer.connection, calendar_ids[:1])[calendar_ids[0]]


def test_what_is_staged_is_not_logged_neither_coming_nor_going(importer):
    rows = lines(importer, 2000)
    importer.connection.execute("create table calimport.bare (like calimport.staged_events)")
    written = {}
    for table in ("bare", "staged_events"):
        before = logged(importer)
        bench.copy(importer.connection, table, {1: rows})
        if table == "staged_events":
            assert importer.one("select count(*) from calimport.staged_events") == len(rows)
            database.run(importer.connection, "clear_staging", run_ids=[1])
        written[table] = logged(importer) - before

    assert written["bare"] > 200 * len(rows)
    assert written["staged_events"] < written["bare"] / 100


def test_staging_does_not_grow_with_the_runs_that_it_has_seen(importer):
    rows = lines(importer, 1000)
    sizes = []
    for run_id in range(50):
        bench.copy(importer.connection, "staged_events", {run_id: rows})
        database.run(importer.connection, "clear_staging", run_ids=[run_id])
        # As autovacuum, which is off here, does it: after so many dead rows, however large the table was before.
        importer.connection.execute("vacuum calimport.staged_events")
        sizes.append(importer.one("select pg_total_relation_size('calimport.staged_events')"))
    options = importer.one("select reloptions from pg_class where oid = 'calimport.staged_events'::regclass")

    assert max(sizes) == max(sizes[:3])
    assert {"autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=1000"} <= set(options)


@pytest.mark.parametrize(("title", "hour", "in_place"), [("Changed", 10, True), ("Talk", 15, False)])
def test_a_changed_text_touches_no_index_and_a_changed_time_does(importer, web, title, hour, in_place):
    numbers = range(1000)
    importer.add("club", web.feed(Reply(feed(*(event(number, "Talk") for number in numbers)))))
    importer.run()
    before = counted(importer, "events")
    web.feed(Reply(feed(*(event(n, title, hour) if n % 20 == 3 else event(n, "Talk") for n in numbers))))

    assert importer.run().updated == 50

    after = counted(importer, "events")
    assert after["n_tup_upd"] - before["n_tup_upd"] == 50
    assert after["n_tup_hot_upd"] - before["n_tup_hot_upd"] == (50 if in_place else 0)


def test_no_index_of_events_covers_what_a_changed_text_changes(connection):
    indexed = {
        row["attname"]
        for row in connection.execute(
            "select distinct attname from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)"
            " where indrelid = 'calimport.events'::regclass"
        )
    }
    assert indexed == {"id", "calendar_id", "uid", "recurrence_id", "start_at", "end_at", "place_id"}


def test_no_step_of_an_import_reads_all_events(importer, web):
    bench.fill(importer.connection, 20_000, 100)
    importer.connection.execute("update calimport.calendars set enabled = false")  # their source is nowhere
    for name in ("one", "two", "three"):
        importer.add(name, web.feed(Reply(feed(*(event(number, "Talk") for number in range(20)))), path=f"/{name}"))
    importer.run()
    importer.connection.execute("analyze")
    before = counted(importer, "events")["seq_scan"]
    for name in ("one", "two", "three"):
        web.feed(Reply(feed(*(event(number, f"Talk {name}") for number in range(1, 22)))), path=f"/{name}")

    result = importer.run(calendars=["one", "two", "three"])

    assert (result.inserted, result.updated, result.deleted) == (6, 57, 3)
    assert counted(importer, "events")["seq_scan"] == before


@pytest.mark.parametrize("number", [30, 90])
def test_a_first_import_reads_of_the_tables_that_it_fills_only_what_is_the_calendars_own(importer, web, number):
    """Their statistics are older than they are, so that PostgreSQL takes them for small and would read them whole."""
    tables = ("staged_events", "staged_notices", "staged_uids", "feeds", "feed_contents", "events")
    for n in range(number):
        importer.add(f"c{n}", web.feed(Reply(feed(*(event(one, f"Talk {n}") for one in range(5)))), path=f"/{n}"))
    before = {table: counted(importer, table) for table in tables}
    assert importer.run().inserted == 5 * number

    after = {table: counted(importer, table) for table in tables}
    read = {table: after[table]["seq_tup_read"] - before[table]["seq_tup_read"] for table in tables}
    assert read == dict.fromkeys(tables, 0)


def test_however_many_portions_a_task_has_they_are_planned_for_their_calendars(importer, web, monkeypatch):
    monkeypatch.setattr(runs, "PORTION", 2)
    for n in range(32):
        importer.add(f"c{n}", web.feed(Reply(feed(event(1, f"Talk {n}"))), path=f"/{n}"))
    importer.settings = replace(importer.settings, max_batches=1)
    assert importer.run().inserted == 32
    plans = importer.connection.execute(
        "select sum(custom_plans) as custom, sum(generic_plans) as generic from pg_prepared_statements"
        " where statement like '%%complete list of changes%%'"
    ).fetchone()
    assert plans["custom"] >= 10
    assert plans["generic"] == 0


def test_events_of_changes_that_were_never_analyzed_are_looked_up_one_by_one(importer):
    connection = importer.connection
    ids = bench.fill(connection, 40_000, 100)
    for begin in range(0, 300, 50):
        bench.measure(connection, ids[begin : begin + 50])
    connection.execute("select pg_stat_force_next_flush()")
    read = "select idx_tup_read as rows from pg_stat_user_indexes where indexrelname = 'events_pkey'"
    before = connection.execute(read).fetchone()["rows"]
    bench.measure(connection, ids[300:350])  # 125 changes
    connection.execute("select pg_stat_force_next_flush()")
    assert connection.execute(read).fetchone()["rows"] - before < 2000


@pytest.mark.parametrize("end", ["end__lt", "end__lte"])
def test_the_store_reads_of_all_events_those_of_the_time_that_is_asked_for(importer, end):
    bench.fill(importer.connection, 20_000, 1000)  # from 1 February, a minute apart
    since, until = (fields.epoch(datetime(2026, 2, 1, hour, tzinfo=UTC)) for hour in (1, 4))
    where = conditions({"start__gte": since, end: until})
    asked = select(shown.c.id).where(*where)
    asked = asked.compile(dialect=psycopg.dialect(), compile_kwargs={"render_postcompile": True})

    passed = rows_passed(importer.connection, str(asked), asked.params)

    # Of 20 calendars 121 or 120 rows each, of 1,000.
    assert 2400 <= passed < 20_000


def test_every_index_is_in_the_documentation_with_what_needs_it(connection):
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    section = page.partition("## Why these indexes")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", section, flags=re.MULTILINE)
    found = connection.execute("select indexname as name, indexdef from pg_indexes where schemaname = 'calimport'")
    columns = {
        row["name"]: re.sub(r" NULLS NOT DISTINCT$", "", row["indexdef"].partition(" USING btree ")[2]) for row in found
    }

    assert {name: f"({what})" for name, what, _ in named} == {
        name: what.partition(" WHERE ")[0] for name, what in columns.items()
    }
    files = {
        path.relative_to(ROOT / "include" / "sql").with_suffix("").as_posix()
        for path in (ROOT / "include" / "sql").rglob("*.sql")
    }
    statements = {one for _, _, why in named for one in re.findall(r"`([a-z_]+(?:/[a-z_]+)?)`", why)}
    assert statements - files == set()


def test_rows_of_the_bench_are_those_that_an_import_would_stage(importer):
    assert len(lines(importer, 200)[0].split("\t")) == len(copying.NAMES)
