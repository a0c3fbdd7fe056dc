"""``kill -9`` of Airflow's scheduler, of its DAG processor and of PostgreSQL, while a task of each step is at work.

Workers that are killed are in ``test_scheduler.py``.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from calimport import database
from dev import postgres, processes
from tests.airflow_home import NOON, Home, new_metadata
from tests.airflow_stack import Stack, running
from tests.importing import Importer
from tests.test_scheduler import AFTER, BEFORE, database_of, events, gates, rows_of
from tests.web import Reply, Web, serve
from tests.world import check_history

pytestmark = pytest.mark.airflow

STEPS = ("extract", "normalize", "diff", "apply")


@pytest.mark.parametrize("victim", ["scheduler", "dag-processor", "postgres"])
def test_a_part_that_is_killed_at_every_step_loses_and_doubles_nothing(stack, web, victim):
    """A calendar waits in each of the steps when the part is killed; after a scheduler, two others take over."""
    ids = {step: stack.home.add(f"{victim} {step}", served(web, BEFORE, victim, step)) for step in STEPS}
    with database_of(stack.home) as connection:
        earlier = datetime.fromisoformat(NOON) - timedelta(minutes=10)
        Importer(connection, now=earlier).run(f"before {victim}", calendars=list(ids.values()))
    for step in STEPS:
        served(web, AFTER, victim, step)

    # The session that holds the gates shut dies with the database; that opens them.
    dies = suppress(psycopg.OperationalError) if victim == "postgres" else nullcontext()
    with dies, gates(stack.home) as gate:
        gate.put("extract", "feeds", "insert", f"new.calendar_id = {ids['extract']}")
        gate.put("normalize", "staged_events", "insert", run_of=ids["normalize"])
        gate.put("diff", "changes", "insert", f"new.calendar_id = {ids['diff']}")
        gate.put("apply", "events", "insert", f"new.calendar_id = {ids['apply']}")
        stack.trigger(f"run_{victim}", calendars=list(ids.values()))
        for step in STEPS:
            stack.until(lambda step=step: gate.is_waiting(step), f"{step} to wait")
        if victim == "postgres":
            crash(stack.home)
        else:
            stack.kill(victim)
            stack.start(victim)
            if victim == "scheduler":
                stack.start("scheduler-again")
        for step in STEPS:
            gate.open(step)
    stack.until(lambda: restarted(stack) and is_up(stack), "the database to be up")
    state = stack.wait(f"run_{victim}", patience=400)
    explained = stack.home.rows(
        "select error_class, error_message is not null from calimport.runs where outcome = 'failed'"
        " and dag_run_id = %s and error_class is null",
        f"run_{victim}",
    )
    with database_of(stack.home) as connection:
        Importer(connection, now=earlier + timedelta(hours=2)).run(f"after {victim}", calendars=list(ids.values()))

    assert state in ("success", "failed")
    assert explained == []
    for step in STEPS:
        rows = rows_of(stack.home, f"{victim} {step}")
        assert [(row["uid"], row["summary"], row["start_at"][:16]) for row in rows] == AFTER
    with database_of(stack.home) as connection:
        check_history(connection)
    count = "select count(*) from calimport.history where calendar_id = any(%s)"
    assert stack.home.rows(count, list(ids.values())) == [(4 * (4 + 4),)]
    left = "select name from calimport.calendars where id = any(%s) and (lease_owner is not null or state <> 'idle')"
    assert stack.home.rows(left, list(ids.values())) == []


def crash(home: Home) -> None:
    """Kill one of the database's processes: the server ends all others, and recovers without its unlogged tables."""
    rows = home.rows(
        "select pid from pg_stat_activity where backend_type = 'client backend' and wait_event = 'advisory'"
    )
    os.kill(rows[0][0], signal.SIGKILL)


def is_up(stack: Stack) -> bool:
    try:
        return stack.home.rows("select 1") == [(1,)]
    except psycopg.OperationalError:
        return False


def restarted(stack: Stack) -> bool:
    """Start what ended with the database, as the machine's supervisor would."""
    for name in ("scheduler", "dag-processor"):
        if name not in processes.running(stack.logs):
            stack.start(name)
    return True


def served(web: Web, rows: list[tuple[str, str, str]], victim: str, step: str) -> str:
    return web.feed(Reply(events(rows)), f"/{victim}-{step}.ics")


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An Airflow on a database server of its own, since that is killed too."""
    folder = tmp_path_factory.mktemp("airflow")
    with tempfile.TemporaryDirectory(prefix="cal-") as data:
        server = postgres.start(Path(data) / "pg")
        host = postgres.host(server)
        postgres.create_database(host, "calimport")
        home = Home(folder, host, new_metadata(host, folder), "calimport")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(host, "calimport"))
            with database.connect() as connection:
                database.migrate(connection)
        try:
            with running(
                home,
                AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE="False",
                AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC="2",
                AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD="20",
                AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL="10",
                AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT="60",
                AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL="5",
                CALIMPORT_MAX_BATCHES="8",
            ) as started:
                yield started
        finally:
            postgres.stop(server)
