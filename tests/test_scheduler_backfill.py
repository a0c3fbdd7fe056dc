"""A backfill on a real scheduler, beside the running schedule: a run per day, each owning exactly its day."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.airflow_home import CommandLine, Home, command_line, new_calimport, new_metadata
from tests.airflow_stack import Stack, running
from tests.importing import feed
from tests.web import Asked, Reply, Web, serve

pytestmark = pytest.mark.airflow

BACKFILL = "calendar_backfill"
DAYS = 5
#: So long ago that no window of the running schedule reaches there.
FIRST = date(2025, 10, 24)  # Berlin's clocks go back on the 26th
ROWS = (
    "select uid, recurrence_id, start_at, end_at, summary, encode(content_hash, 'hex') from calimport.events"
    " join calimport.calendars on calendars.id = calendar_id where name = %s order by start_at, uid"
)
#: Over midnight in Berlin, all day, at midnight sharp, and in the hour that comes twice.
EVENTS = [
    "UID:night\nSUMMARY:Night\nDTSTART;TZID=Europe/Berlin:20251020T230000\nDURATION:PT3H\nRRULE:FREQ=DAILY;COUNT=30",
    "UID:fair\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20251025\nDTEND;VALUE=DATE:20251028",
    "UID:bell\nSUMMARY:Bell\nDTSTART;TZID=Europe/Berlin:20251020T000000\nRRULE:FREQ=DAILY;COUNT=30",
    "UID:twice\nSUMMARY:Twice\nDTSTART:20251026T003000Z\nDURATION:PT1H",
]


@dataclass(frozen=True)
class Backfilled:
    """A backfill that has ended."""

    runs: list[dict[str, Any]]


def days(first: date = FIRST, count: int = DAYS) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


def runs_of(home: Home) -> list[dict[str, Any]]:
    return home.metadata_rows(
        "select run_id, run_type, state, logical_date, start_date, end_date from dag_run where dag_id = %s"
        " order by logical_date",
        BACKFILL,
    )


def backfill(stack: Stack, airflow: CommandLine, *options: str, first: date = FIRST, count: int = DAYS) -> None:
    """`airflow backfill create` over some days, until all of its runs have ended."""
    last = first + timedelta(days=count - 1)
    done = airflow.run(
        stack.home, "backfill", "create", "--dag-id", BACKFILL, "--from-date", str(first), "--to-date", str(last),
        "--max-active-runs", "3", *options,
    )  # fmt: skip
    assert done.returncode == 0, done.printed

    def ended() -> bool:
        found = stack.home.metadata_rows("select 1 from backfill where completed_at is null")
        return not found and all(run["state"] in ("success", "failed") for run in runs_of(stack.home))

    stack.until(ended, "the backfill to end", patience=420)


def test_a_backfill_gives_one_run_per_day(stack, backfilled):
    assert [(run["run_type"], run["state"], run["logical_date"].date()) for run in backfilled.runs] == [
        ("backfill", "success", day) for day in days()
    ]


def test_its_rows_are_those_of_one_run_over_the_whole_window(stack, backfilled):
    by_days, at_once = (stack.home.rows(ROWS, name) for name in ("by days", "at once"))

    assert by_days == at_once
    assert len(by_days) == 6 + 1 + 5 + 1


def test_no_day_deletes_what_another_one_imported(stack, backfilled):
    changes = stack.home.rows(
        "select action, count(*) as changes, count(distinct (uid, recurrence_id)) as dates from calimport.history"
        " join calimport.calendars on calendars.id = calendar_id where name = 'by days' group by action"
    )

    assert changes == [("insert", 13, 13)]


def test_its_runs_waited_for_each_other_and_none_left_a_calendar_out(stack, backfilled):
    outcomes = stack.home.rows(
        "select dag_run_id, outcome, attempt from calimport.runs join calimport.calendars on calendars.id = calendar_id"
        " where name = 'by days' and dag_id = %s and finished_at < %s order by window_start",
        BACKFILL,
        backfilled.runs[-1]["end_date"] + timedelta(minutes=1),
    )
    waited = stack.home.metadata_rows("select 1 from task_reschedule")

    assert [(outcome, attempt) for _, outcome, attempt in outcomes] == [("imported", 1)] * DAYS
    assert waited


def test_each_run_owns_its_day_in_the_calendars_own_zone(stack, backfilled):
    windows = stack.home.rows(
        "select window_start, window_end from calimport.runs join calimport.calendars on calendars.id = calendar_id"
        " where name = 'by days' and dag_id = %s and attempt = 1 order by window_start",
        BACKFILL,
    )

    assert windows[0][0] == datetime(2025, 10, 23, 22, tzinfo=UTC)
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
    assert [(end - start) // timedelta(hours=1) for start, end in windows] == [24, 24, 25, 24, 24]


def test_the_schedule_ran_beside_it_and_its_rows_stand(stack, backfilled):
    beside = stack.home.metadata_rows(
        "select state from dag_run where dag_id = 'calendar_import' and run_type = 'scheduled' and start_date > %s"
        " and end_date < %s",
        backfilled.runs[0]["start_date"],
        datetime.now(UTC),
    )
    live = stack.home.rows("select summary from calimport.events where uid = 'now'")

    assert beside
    assert live == [("Now",)]


def test_days_that_are_there_are_left_alone_unless_a_backfill_is_told_to_reprocess(stack, backfilled, airflow, web):
    web.feed(Reply(feed(*EVENTS[1:], EVENTS[0].replace("SUMMARY:Night", "SUMMARY:Long night"))), "/days.ics")

    backfill(stack, airflow, first=FIRST + timedelta(days=3), count=2)
    untouched = [row[4] for row in stack.home.rows(ROWS, "by days") if row[0] == "night"]
    backfill(
        stack, airflow, "--reprocess-behavior", "completed", "--run-backwards", first=FIRST + timedelta(days=3), count=2
    )
    starts = [run["start_date"] for run in runs_of(stack.home)[3:]]

    assert set(untouched) == {"Night"}
    assert [(row[2].day, row[4]) for row in stack.home.rows(ROWS, "by days") if row[0] == "night"] == [
        (23, "Night"), (24, "Night"), (25, "Night"), (26, "Long night"), (27, "Long night"), (28, "Long night"),
    ]  # fmt: skip
    assert len(runs_of(stack.home)) == DAYS
    assert starts[0] >= starts[1]


def test_where_a_source_cannot_know_the_past_nothing_is_deleted_and_the_run_says_so(stack, backfilled, airflow, web):
    """A feed that drops its past: of what ended before its oldest event, absence proves nothing."""
    web.feed(Reply(feed("UID:later\nSUMMARY:Later\nDTSTART:20261231T100000Z\nDURATION:PT1H")), "/days.ics")
    before = stack.home.rows(ROWS, "by days")

    backfill(stack, airflow, "--reprocess-behavior", "completed", first=FIRST, count=1)

    assert stack.home.rows(ROWS, "by days") == before
    run = runs_of(stack.home)[0]
    logs = stack.logs.glob(f"logs/dag_id={BACKFILL}/run_id={run['run_id']}/task_id=report/*.log")
    text = max(logs, key=lambda path: path.stat().st_mtime).read_text()
    assert "by days: its source does not publish what ended before" in text
    assert "of that, nothing was deleted" in text


def test_the_five_minute_dag_refuses_a_backfill_in_a_sentence(stack, airflow):
    done = airflow.run(
        stack.home, "backfill", "create", "--dag-id", "calendar_import", "--from-date", "2026-01-01", "--to-date",
        "2026-01-02",
    )  # fmt: skip
    answer = stack.api.post(
        "/backfills",
        json={"dag_id": "calendar_import", "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-02T00:00:00Z"},
    )

    sentence = "Dag with dag_id: 'calendar_import' does not allow backfill runs"
    assert done.returncode != 0
    assert sentence in done.printed
    assert (answer.status_code, sentence in answer.text) == (400, True)


def test_the_backfill_dag_never_runs_by_itself_and_not_by_hand(stack):
    dag = stack.api.get(f"/dags/{BACKFILL}").json()
    by_hand = stack.api.post(f"/dags/{BACKFILL}/dagRuns", json={"logical_date": "2026-01-01T00:00:00Z"})

    assert (dag["is_paused"], dag["next_dagrun_run_after"], dag["is_backfillable"]) == (False, None, True)
    assert (by_hand.status_code, "does not allow manual runs" in by_hand.text) == (400, True)


class Slow:
    """A feed that takes its time, so that runs beside each other meet."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.together = threading.Semaphore(1)
        self.overlaps = 0

    def __call__(self, asked: Asked) -> Reply:
        if not self.together.acquire(blocking=False):
            self.overlaps += 1
            return self.reply
        try:
            time.sleep(3)
        finally:
            self.together.release()
        return self.reply


@pytest.fixture(scope="module")
def backfilled(stack: Stack, airflow: CommandLine, web: Web) -> Backfilled:
    """Two calendars of one feed: one imported day by day, the other by one run over all of them."""
    slow = Slow(Reply(feed(*EVENTS)))
    web.feed(slow, "/days.ics")
    now = datetime.now(UTC)
    web.feed(Reply(feed(f"UID:now\nSUMMARY:Now\nDTSTART:{now:%Y%m%dT%H%M%SZ}\nDURATION:PT1H")), "/now.ics")
    stack.home.add("by days", web.url("/days.ics"), timezone="Europe/Berlin", import_interval="1 minute")
    stack.home.add("live", web.url("/now.ics"), timezone="Europe/Berlin", import_interval="1 minute")
    backfill(stack, airflow)
    runs = runs_of(stack.home)
    assert slow.overlaps == 0
    stack.home.add("at once", web.url("/days.ics?at=once"), timezone="Europe/Berlin", enabled=False)
    web.feed(Reply(feed(*EVENTS)), "/days.ics")
    conf = {"calendars": ["at once"], "window_start": str(FIRST), "window_end": str(FIRST + timedelta(days=DAYS))}
    stack.post("/dagRuns", {"dag_run_id": "at-once", "logical_date": None, "conf": conf})
    assert stack.wait("at-once") == "success"
    return Backfilled(runs)


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postgres_host: str, template: str) -> Iterator[Stack]:
    """An Airflow whose schedule runs, every minute."""
    folder = tmp_path_factory.mktemp("airflow")
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))
    with running(home, CALIMPORT_SCHEDULE="* * * * *") as started:
        yield started


@pytest.fixture(scope="module")
def airflow(stack: Stack) -> Iterator[CommandLine]:
    with command_line(stack.home) as opened:
        yield opened
