"""Runs of the DAG as a person starts them on a laptop: `airflow dags test` and `airflow tasks test`, no scheduler."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from calimport.errors import FeedNotFound
from tests.airflow_home import (
    DAG,
    NOON,
    CommandLine,
    Done,
    Home,
    command_line,
    new_calimport,
    new_metadata,
    run_airflow,
)
from tests.importing import feed
from tests.web import Reply, Web, serve

pytestmark = pytest.mark.airflow

EVENTS = (
    "select calendars.name, uid, recurrence_id, start_at::text, end_at::text, summary"
    " from calimport.events join calimport.calendars on calendars.id = calendar_id order by 1, 4, 2"
)
RUNS = (
    "select calendars.name, outcome, inserted, updated, deleted"
    " from calimport.runs join calimport.calendars on calendars.id = calendar_id where dag_run_id = %s order by 1"
)
STATES = "select name, state, error_class, lease_owner from calimport.calendars order by 1"
MAPPED = ("import.extract", "import.normalize", "import.diff", "import.apply")
ENDING = ("report", "judge", "alert")

CHOIR = """
UID:choir
DTSTART:20260303T180000Z
DTEND:20260303T193000Z
SUMMARY:Choir
RRULE:FREQ=WEEKLY;COUNT=3
"""
MARKET = """
UID:market
DTSTART:20260307T090000Z
DTEND:20260307T120000Z
SUMMARY:Market
"""
#: The choir's third evening lies behind the window.
CHOIR_ROWS = [
    ("Choir", "choir", "2026-03-03T18:00:00Z", "2026-03-03 18:00:00+00", "2026-03-03 19:30:00+00", "Choir"),
]
MARKET_ROWS = [("Market", "market", None, "2026-03-07 09:00:00+00", "2026-03-07 12:00:00+00", "Market")]


@dataclass(frozen=True)
class Run:
    """A DAG run that has ended."""

    returncode: int
    printed: str
    #: The time that it stands for, by which `airflow tasks test` finds it.
    at: str
    run_id: str
    state: str
    tasks: dict[tuple[str, str | None], str]


RunDag = Callable[..., Run]


def test_the_command_imports_every_calendar_that_is_due(home, web):
    """As a process of its own, exactly as the README has it."""
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    home.add("Market", web.feed(Reply(feed(MARKET)), "/market.ics"))
    home.add("Paused", web.feed(Reply(feed(MARKET)), "/paused.ics"), enabled=False)

    run_airflow(home, "dags", "test", DAG, NOON)

    assert home.rows(EVENTS) == CHOIR_ROWS + MARKET_ROWS


def test_each_calendar_is_a_mapped_instance_with_its_name(home, web, run_dag):
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    home.add("Market", web.feed(Reply(feed(MARKET)), "/market.ics"))

    run = run_dag()

    assert run.tasks == {
        ("plan", None): "success",
        **{(task, name): "success" for task in MAPPED for name in ("Choir", "Market")},
        **{(task, None): "success" for task in ENDING},
    }


def test_with_nothing_due_a_run_is_short_and_good(home, run_dag):
    run = run_dag()

    assert (run.state, run.tasks) == (
        "success",
        {
            ("plan", None): "success",
            **{(task, None): "skipped" for task in MAPPED},
            **{(task, None): "success" for task in ENDING},
        },
    )


def test_a_feed_that_has_not_changed_ends_as_skipped(home, web, run_dag):
    """And where a run names calendars, only those are read, due or not."""
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    home.add("Market", web.feed(Reply(feed(MARKET)), "/market.ics"))
    run_dag()
    web.asked.clear()

    run = run_dag(conf={"calendars": ["Choir"]})

    assert (run.state, run.tasks[("import.extract", "Choir")], home.rows(RUNS, run.run_id)) == (
        "success",
        "skipped",
        [("Choir", "unchanged", None, None, None)],
    )
    assert [asked.path for asked in web.asked] == ["/choir.ics"]


def test_one_calendar_that_fails_leaves_the_others_alone(home, web, run_dag):
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    home.add("Gone", web.url("/gone.ics"))
    home.add("Market", web.feed(Reply(feed(MARKET)), "/market.ics"))

    run = run_dag()

    assert (run.returncode, run.state, home.rows(EVENTS)) == (0, "success", CHOIR_ROWS + MARKET_ROWS)
    assert run.tasks == {
        ("plan", None): "success",
        **{(task, name): "success" for task in MAPPED for name in ("Choir", "Market")},
        ("import.extract", "Gone"): "failed",
        **{(task, "1"): "upstream_failed" for task in MAPPED[1:]},
        **{(task, None): "success" for task in ENDING},
    }


def test_an_owner_reads_what_they_can_do_about_it(home, web, run_dag):
    home.add("Gone", web.url("/gone.ics"))

    run = run_dag()

    assert f"FeedNotFound: {FeedNotFound.sentence}" in run.printed
    assert home.rows("select state, error_class, error_message from calimport.calendars") == [
        ("bad_source", "FeedNotFound", FeedNotFound.sentence)
    ]


def test_a_run_in_which_too_many_calendars_fail_is_red(home, web, run_dag):
    home.add("Gone", web.url("/gone.ics"))
    home.add("Also gone", web.url("/also-gone.ics"))

    run = run_dag()

    assert (run.returncode, run.state, run.tasks[("judge", None)]) == (1, "failed", "failed")
    assert "ImportFailed: 2 of 2 calendars failed: Also gone, Gone" in run.printed


def test_a_key_that_no_param_has_is_refused(home, web, run_dag):
    """Airflow lets it pass, and a run that was meant for one calendar would import them all."""
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))

    run = run_dag(conf={"calendar": ["Choir"]})

    assert (run.returncode, run.state, web.asked) == (1, "failed", [])
    assert (
        "Unknown in the run's configuration: calendar. "
        "Known: calendars, force, dry_run, window_start, window_end." in run.printed
    )


def test_a_calendar_that_does_not_exist_is_refused_with_the_nearest_name(home, web, run_dag):
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))

    run = run_dag(conf={"calendars": ["Coir"]})

    assert (run.returncode, run.state, web.asked) == (1, "failed", [])
    assert "There is no calendar 'Coir' (did you mean 'Choir'?)." in run.printed


def test_a_dry_run_plans_and_leaves_the_events_as_they_are(home, web, run_dag):
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    run_dag()
    before = home.rows("select id, xmin::text, summary from calimport.events")
    web.feed(Reply(feed(CHOIR.replace("SUMMARY:Choir", "SUMMARY:Big choir"), MARKET)), "/choir.ics")

    run = run_dag(conf={"calendars": ["Choir"], "dry_run": True})

    assert home.rows("select id, xmin::text, summary from calimport.events") == before
    assert home.rows(RUNS, run.run_id) == [("Choir", "planned", 1, 1, 0)]
    planned = "select action, changes.uid, changed_columns from calimport.changes join calimport.runs"
    assert home.rows(f"{planned} on runs.id = run_id where dag_run_id = %s order by 1", run.run_id) == [
        ("insert", "market", None),
        ("update", "choir", ["summary"]),
    ]


def test_a_window_of_its_own_is_imported_and_nothing_outside_of_it_touched(home, web, run_dag):
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    run_dag()
    web.feed(Reply(feed(CHOIR.replace("SUMMARY:Choir", "SUMMARY:Big choir"))), "/choir.ics")

    run_dag(conf={"window_start": "2026-03-11", "window_end": "2026-03-20T00:00:00+01:00"})

    assert home.rows(EVENTS) == [
        *CHOIR_ROWS,
        ("Choir", "choir", "2026-03-17T18:00:00Z", "2026-03-17 18:00:00+00", "2026-03-17 19:30:00+00", "Big choir"),
    ]


def test_force_imports_again_what_has_not_changed(home, web, run_dag):
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    run_dag()

    run = run_dag(conf={"force": True})

    assert home.rows(RUNS, run.run_id) == [("Choir", "imported", 0, 0, 0)]


def test_only_a_run_that_changed_something_touches_the_asset(home, web, run_dag):
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))

    first, second = run_dag(), run_dag(conf={"force": True})

    assert asset_events(home, first) == [("x-calimport://events", 1)]
    assert asset_events(home, second) == []


def test_each_task_can_be_run_alone_in_a_run_that_is_there(home, web, run_dag, airflow):
    """The commands of the README, one after the other: of two feeds that have changed, one is imported again."""
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    home.add("Market", web.feed(Reply(feed(MARKET)), "/market.ics"))
    run = run_dag()
    web.feed(Reply(feed(CHOIR.replace("SUMMARY:Choir", "SUMMARY:Big choir"))), "/choir.ics")
    web.feed(Reply(feed(MARKET.replace("SUMMARY:Market", "SUMMARY:Big market"))), "/market.ics")

    alone = [
        airflow.run(home, "tasks", "test", DAG, "plan", run.at),
        *[airflow.run(home, "tasks", "test", DAG, task, run.at, "--map-index", "1") for task in MAPPED],
        airflow.run(home, "tasks", "test", DAG, "report", run.at),
    ]

    assert [done.returncode for done in alone] == [0] * 6
    assert "Planned 2 calendars in 2 batches" in alone[0].printed
    assert "Market: imported: 1 occurrences, +0 ~1 -0, 0 held, 0 quarantined" in alone[-1].printed
    assert [row[-1] for row in home.rows(EVENTS)] == ["Choir", "Big market"]


def test_a_calendar_that_plan_took_up_again_and_no_other_task_stays_as_it_was(home, web, run_dag, airflow):
    """Cleared with its upstream tasks, one mapped instance brings back `plan`, which speaks for all of them."""
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    home.add("Gone", web.url("/gone.ics"))
    home.add("Market", web.feed(Reply(feed(MARKET)), "/market.ics"))
    run = run_dag()
    before = home.rows(RUNS, run.run_id), home.rows(STATES)

    airflow.run(home, "tasks", "test", DAG, "plan", run.at)
    report = airflow.run(home, "tasks", "test", DAG, "report", run.at)

    assert (home.rows(RUNS, run.run_id), home.rows(STATES)) == before
    assert "Choir: imported" in report.printed


def test_plan_alone_shows_what_is_due_and_takes_nothing(home, web, airflow):
    """Airflow makes up a run for it and removes it again; calendars that it had leased would wait for nobody."""
    home.add("Choir", web.feed(Reply(feed(CHOIR)), "/choir.ics"))
    home.add("Market", web.feed(Reply(feed(MARKET)), "/market.ics"))

    done = airflow.run(home, "tasks", "test", DAG, "plan")

    assert "Planned 2 calendars in 2 batches" in done.printed
    assert home.rows(STATES) == [("Choir", "idle", None, None), ("Market", "idle", None, None)]
    assert home.rows("select count(*) from calimport.runs") == [(0,)]


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, postgres_host: str) -> Home:
    """What these tests share: the home and Airflow's own database."""
    folder = tmp_path_factory.mktemp("airflow")
    return Home(folder, postgres_host, new_metadata(postgres_host, folder), "")


@pytest.fixture(scope="module")
def airflow(shared: Home) -> Iterator[CommandLine]:
    with command_line(shared) as opened:
        yield opened


@pytest.fixture
def home(shared: Home, template: str, web: Web) -> Home:
    """An Airflow with a database of calimport's that is the test's own, and a web server that knows no feed."""
    web.routes.clear()
    web.asked.clear()
    return replace(shared, calimport=new_calimport(shared.host, template))


@pytest.fixture
def run_dag(home: Home, airflow: CommandLine) -> RunDag:
    """`airflow dags test`, each run five minutes later than the last."""

    def run(conf: dict[str, Any] | None = None) -> Run:
        at = datetime.fromisoformat(NOON) + timedelta(minutes=5 * next(_runs))
        given = [] if conf is None else ["--conf", json.dumps(conf)]
        done: Done = airflow.run(home, "dags", "test", DAG, at.isoformat(), *given)
        (found,) = home.metadata_rows("select run_id, state from dag_run where logical_date = %s", at)
        tasks = home.tasks(found["run_id"])
        return Run(done.returncode, done.printed, at.isoformat(), found["run_id"], found["state"], tasks)

    return run


#: A run for a time that has one already would be that run again.
_runs = itertools.count()


def asset_events(home: Home, run: Run) -> list[tuple[str, int]]:
    """URI and number of inserted occurrences of the asset events of a run."""
    found = home.metadata_rows(
        "select asset.uri, asset_event.extra from asset_event join asset on asset.id = asset_event.asset_id"
        " where source_run_id = %s",
        run.run_id,
    )
    return [(row["uri"], row["extra"]["inserted"]) for row in found]
