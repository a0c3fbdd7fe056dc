"""A real Airflow whose schedule runs: backfills beside it, and what it tells StatsD, syslog, Sentry, DAGs, operators.

One Airflow has all of the settings of docs/operations.md, so that each example there has been run.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.airflow_home import ROOT, CommandLine, Home, command_line, new_calimport, new_metadata, run_airflow
from tests.airflow_stack import Stack, running
from tests.importing import feed
from tests.listening import Heard, udp
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
    last = max(logs, key=lambda path: path.stat().st_mtime)
    said = [json.loads(line)["event"] for line in last.read_text().splitlines() if "by days" in line]
    assert [one for one in said if "does not publish what ended before" in one] != [], said


def test_the_dialog_of_the_web_page_gives_the_same_days(stack, backfilled):
    """What it asks the API before it starts a backfill, for two days that are there and two that are not."""
    asked = {
        "dag_id": BACKFILL,
        "from_date": f"{FIRST + timedelta(days=3)}T00:00:00Z",
        "to_date": f"{FIRST + timedelta(days=6)}T00:00:00Z",
        "run_backwards": True,
        "reprocess_behavior": "none",
    }

    answer = stack.api.post("/backfills/dry_run", json=asked).json()

    assert [one["logical_date"][:10] for one in answer["backfills"]] == ["2025-10-30", "2025-10-29"]


def test_the_five_minute_dag_refuses_a_backfill_in_a_sentence(stack):
    days = ["--from-date", "2026-01-01", "--to-date", "2026-01-02"]
    body = {"dag_id": "calendar_import", "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-02T00:00:00Z"}

    with pytest.raises(AssertionError) as refused:
        run_airflow(stack.home, "backfill", "create", "--dag-id", "calendar_import", *days)
    answer = stack.api.post("/backfills", json=body)

    sentence = "Dag with dag_id: 'calendar_import' does not allow backfill runs"
    assert sentence in str(refused.value)
    assert (answer.status_code, sentence in answer.text) == (400, True)


def test_the_backfill_dag_never_runs_by_itself_and_not_by_hand(stack):
    dag = stack.api.get(f"/dags/{BACKFILL}").json()
    by_hand = stack.api.post(f"/dags/{BACKFILL}/dagRuns", json={"logical_date": "2026-01-01T00:00:00Z"})

    assert (dag["is_paused"], dag["next_dagrun_run_after"], dag["is_backfillable"]) == (False, None, True)
    assert (by_hand.status_code, "does not allow manual runs" in by_hand.text) == (400, True)


# What it tells.


def test_the_metrics_that_are_documented_and_no_others_arrive_at_statsd(stack, backfilled, statsd):
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Metrics")[2].partition("## ")[0]
    documented = set()
    for cell in re.findall(r"^\| (`calimport\.[^|]*) \|", page, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", cell)
        documented |= {first} | {
            name if name.startswith("calimport") else first.rpartition(".")[0] + name for name in others
        }
    ours = [line for line in statsd.lines if line.startswith("airflow.calimport.")]

    assert {line.partition(":")[0].removeprefix("airflow.") for line in ours} == documented
    assert {line.rpartition("|")[2] for line in ours if "calimport.step." in line} == {"ms"}
    assert any(line.startswith("airflow.calimport.changes:") and line.endswith("|c") for line in ours)
    assert "airflow.calimport.run.inserted:1|g" in ours or "airflow.calimport.run.inserted:3|g" in ours


def test_lines_of_tasks_arrive_at_the_syslog_server(stack, backfilled, syslog):
    run = backfilled.runs[0]["run_id"]

    assert any(
        f"calimport: INFO {BACKFILL}/{run}/plan: Planned 2 calendars in 2 batches" in line for line in syslog.lines
    )
    assert any(re.match(r"<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ calimport: ", line) for line in syslog.lines)


def test_tasks_wait_in_the_queue_that_is_set(stack, backfilled):
    queues = stack.home.metadata_rows("select distinct queue from task_instance where dag_id = %s", BACKFILL)

    assert queues == [{"queue": "calendars"}]


@dataclass(frozen=True)
class Red:
    """A run that imported one calendar and failed for two, and what it told."""

    run_id: str
    sentry: Web


@pytest.fixture(scope="module")
def red(stack: Stack, backfilled: Backfilled, web: Web, sentry: Web) -> Red:
    names = ["changed", "gone", "also gone"]
    now = datetime.now(UTC)
    web.feed(Reply(feed(f"UID:new\nSUMMARY:New\nDTSTART:{now:%Y%m%dT%H%M%SZ}\nDURATION:PT1H")), "/changed.ics")
    # Not due by themselves, so that only this run imports them.
    for name in names:
        address = web.url(f"/{name.replace(' ', '-')}.ics?secret=4711")
        stack.home.add(name, address, next_import_at=now + timedelta(days=1), contact_email=f"{name[:4]}@example.org")
    stack.post("/dagRuns", {"dag_run_id": "red", "logical_date": None, "conf": {"calendars": names}})
    assert stack.wait("red") == "failed"
    return Red("red", sentry)


def test_a_run_that_is_red_still_starts_whom_its_changes_concern(stack, red):
    def consumed() -> list[dict[str, Any]]:
        return stack.home.metadata_rows(
            "select asset_event.extra from dag_run"
            " join dagrun_asset_event on dagrun_asset_event.dag_run_id = dag_run.id"
            " join asset_event on asset_event.id = dagrun_asset_event.event_id"
            " where dag_run.dag_id = 'consumer' and asset_event.source_run_id = %s",
            red.run_id,
        )

    extra = stack.until(consumed, "the consumer to run")[0]["extra"]

    assert stack.tries(red.run_id)[("judge", -1)][1] == "failed"
    assert (extra["inserted"], extra["failed"], extra["calendars"]) == (1, 2, 3)


def test_a_run_that_changed_nothing_starts_nobody(stack, red):
    unchanged = stack.home.metadata_rows(
        "select count(*) as runs from dag_run where dag_id = 'calendar_import' and run_type = 'scheduled'"
        " and state = 'success' and run_id not in (select source_run_id from asset_event)"
    )
    told = stack.home.metadata_rows("select extra from asset_event")

    assert unchanged[0]["runs"] > 0
    assert [
        one for one in told if not one["extra"]["inserted"] + one["extra"]["updated"] + one["extra"]["deleted"]
    ] == []


def test_operators_are_told_once_what_broke_and_once_that_it_is_well_again(stack, red, web):
    told = stack.logs / "digests.txt"
    stack.until(lambda: told.exists() and "also@example.org" in told.read_text(), "the digest")
    web.feed(Reply(feed("UID:back\nSUMMARY:Back\nDTSTART:20260101T100000Z\nDURATION:PT1H")), "/also-gone.ics")

    stack.post("/dagRuns", {"dag_run_id": "mended", "logical_date": None, "conf": {"calendars": ["also gone", "gone"]}})
    stack.wait("mended")

    assert told.read_text().splitlines() == [
        "Calendars: 2 broken | also gone bad_source also@example.org, gone bad_source gone@example.org |",
        "Calendars: 1 well again | | also gone idle also@example.org",
    ]


def test_sentry_gets_the_error_and_nothing_that_calendars_say(stack, red):
    stack.until(lambda: red.sentry.asked, "an envelope for Sentry")
    envelopes = [gzip.decompress(one.body) if one.body[:2] == b"\x1f\x8b" else one.body for one in red.sentry.asked]
    events = [json.loads(line) for one in envelopes for line in one.splitlines() if b'"exception"' in line]
    found = {
        (event["exception"]["values"][-1]["type"], event["tags"]["dag_id"], event["tags"]["task_id"])
        for event in events
    }

    assert ("FeedNotFound", "calendar_import", "import.extract") in found
    assert b'"vars"' not in b"".join(envelopes)
    assert b"4711" not in b"".join(envelopes)


def test_instances_link_to_their_calendars(stack, red):
    (gone,) = stack.home.rows("select id from calimport.calendars where name = 'gone'")
    instances = stack.api.get("/dags/calendar_import/dagRuns/red/taskInstances/import.extract/listMapped").json()
    index = next(one["map_index"] for one in instances["task_instances"] if one["rendered_map_index"] == "gone")
    of_one = stack.api.get(f"/dags/calendar_import/dagRuns/red/taskInstances/import.extract/links?map_index={index}")
    of_run = stack.api.get("/dags/calendar_import/dagRuns/red/taskInstances/report/links")

    assert of_one.json()["extra_links"] == {"Calendars": f"plugin/calendars/calimport/ui/calendar?id={gone[0]}#runs"}
    assert of_run.json()["extra_links"] == {"Calendars": "plugin/calendars/calimport/ui/?run=red&dag=calendar_import"}


def test_clearing_a_whole_old_run_deletes_nothing_that_its_source_has_dropped_since(stack, backfilled, web):
    """The feed used to go back to its oldest single event. What ended before that, no later feed can say is gone."""
    web.feed(Reply(feed("UID:later\nSUMMARY:Later\nDTSTART:20261231T100000Z\nDURATION:PT1H")), "/days.ics")
    oldest = datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    before = [row for row in stack.home.rows(ROWS, "at once") if row[3] < oldest]

    stack.clear("at-once")
    state = stack.wait("at-once")

    after = stack.home.rows(ROWS, "at once")
    assert (state, len(before), [row for row in after if row[3] < oldest]) == ("success", 6, before)
    assert stack.home.rows(
        "select attempt, outcome from calimport.runs where dag_run_id = 'at-once' order by attempt"
    ) == [(1, "imported"), (2, "imported")]


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


#: Runs only when rows have changed.
CONSUMER = """
from airflow.sdk import Asset, dag, task

EVENTS = Asset(name="calimport_events", uri="x-calimport://events")

@dag(dag_id="consumer", schedule=[EVENTS])
def consumer():
    @task
    def act(*, triggering_asset_events):
        for event in triggering_asset_events[EVENTS]:
            print(event.extra["inserted"], event.extra["updated"], event.extra["deleted"])

    act()

consumer()
"""
#: A notifier with templates, as those of Airflow's providers are.
NOTIFIERS = """
from airflow.sdk import BaseNotifier

class FileNotifier(BaseNotifier):
    template_fields = ("line",)

    def __init__(self, line, path):
        super().__init__()
        self.line, self.path = line, path

    def notify(self, context):
        with open(self.path, "a") as file:
            file.write(" ".join(self.line.split()) + "\\n")

def by_file():
    row = "{{ one.calendar }} {{ one.state }} {{ one.contact_email }}{{ ',' if not loop.last }}"
    broken = "{% for one in digest.broken %}" + row + " {% endfor %}"
    well = "{% for one in digest.recovered %}" + row + " {% endfor %}"
    return FileNotifier("{{ digest.subject }} | " + broken + " | " + well, "DIGESTS")
"""


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as opened:
        yield opened


@pytest.fixture(scope="module")
def sentry() -> Iterator[Web]:
    """Takes what it is sent."""
    with serve() as opened:
        opened.feed(Reply(b"{}"), "/api/1/envelope/")
        yield opened


@pytest.fixture(scope="module")
def statsd() -> Iterator[Heard]:
    with udp() as heard:
        yield heard


@pytest.fixture(scope="module")
def syslog() -> Iterator[Heard]:
    with udp() as heard:
        yield heard


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_host: str,
    template: str,
    statsd: Heard,
    syslog: Heard,
    sentry: Web,
) -> Iterator[Stack]:
    """An Airflow whose schedule runs, every minute, with every setting that docs/operations.md names."""
    folder = tmp_path_factory.mktemp("airflow")
    dags = folder / "dags"
    dags.mkdir()
    for path in (ROOT / "dags").glob("calendar_*.py"):
        (dags / path.name).symlink_to(path)
    (dags / "consumer.py").write_text(CONSUMER)
    (folder / "our_alerts.py").write_text(NOTIFIERS.replace("DIGESTS", str(folder / "digests.txt")))
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))
    settings = {
        "PYTHONPATH": f"{ROOT / 'plugins'}:{folder}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "CALIMPORT_SCHEDULE": "* * * * *",
        "CALIMPORT_QUEUE": "calendars",
        "CALIMPORT_ALERT_NOTIFIER": "our_alerts.by_file",
        "CALIMPORT_SYSLOG": f"127.0.0.1:{syslog.port}",
        "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS": "calimport.syslog_logging.LOGGING_CONFIG",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "calimport=DEBUG",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
        "AIRFLOW__SENTRY__SENTRY_ON": "True",
        "AIRFLOW__SENTRY__SENTRY_DSN": sentry.root.replace("://", "://key@") + "/1",
        "AIRFLOW__SENTRY__INCLUDE_LOCAL_VARIABLES": "False",
        "AIRFLOW__SENTRY__AUTO_ENABLING_INTEGRATIONS": "False",
    }
    with running(home, **settings) as started:
        yield started


@pytest.fixture(scope="module")
def airflow(stack: Stack) -> Iterator[CommandLine]:
    with command_line(stack.home) as opened:
        yield opened
