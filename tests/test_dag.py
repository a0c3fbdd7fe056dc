"""What must hold of the DAG files that import: each is parsed as Airflow does, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from calimport import errors
from tests.airflow_home import DAG, ROOT, Home

FILE = ROOT / "dags" / f"{DAG}.py"

#: Prints as JSON what Airflow makes of the DAG file; the standard input gives values of params to try.
PARSE = """
import json, sys
from importlib import import_module

tries = json.load(sys.stdin)
from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import ParamValidationError

bag = DagBag(sys.argv[1])
(dag,) = bag.dags.values()

def accepts(name, value):
    try:
        dag.params.get_param(name).resolve(value)
    except ParamValidationError:
        return False
    return True

def classes(root):
    yield root
    for below in root.__subclasses__():
        yield from classes(below)

def facts(task):
    return {
        "owner": task.owner,
        "retries": task.retries,
        "retry_policy": task.retry_policy is not None,
        "execution_timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
        "pool": task.pool,
        "trigger_rule": task.trigger_rule.value,
        "map_index_template": task.map_index_template,
        "is_mapped": task.get_closest_mapped_task_group() is not None,
        "documented": bool(task.python_callable.__doc__),
        "downstream": sorted(task.downstream_task_ids),
        "links": [link.name for link in task.operator_extra_links],
    }

errors = import_module("calimport.errors")
policy = dag.get_task("plan").retry_policy
print(json.dumps({
    "import_errors": bag.import_errors,
    "dags": sorted(bag.dags),
    "schedule": getattr(dag.timetable, "expression", None) if "import" in dag.dag_id else dag.timetable.summary,
    "allowed_run_types": sorted(kind.value for kind in dag.allowed_run_types),
    "deadline": [alert.name for alert in dag.deadline or ()],
    "paused": dag.is_paused_upon_creation,
    "catchup": dag.catchup,
    "max_active_runs": dag.max_active_runs,
    "dagrun_timeout": dag.dagrun_timeout.total_seconds(),
    "doc_md": dag.doc_md,
    "params": {name: dag.params.get_param(name).value for name in dag.params},
    "untold": [name for name in dag.params if not (dag.params.get_param(name).description or "").strip()],
    "accepted": [accepts(name, value) for name, value in tries],
    "tasks": {task.task_id: facts(task) for task in dag.topological_sort()},
    "retries": {
        error.__name__: policy.evaluate(error(), try_number=1, max_tries=1).action.value
        for error in classes(errors.CalimportError)
    },
    "others": policy.evaluate(RuntimeError(), try_number=1, max_tries=1).action.value,
}))
"""

#: Prints the modules that are there once a file was run.
IMPORT = """
import json, runpy, sys
runpy.run_path(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""

#: What the form of a run accepts.
TRIES: list[tuple[str, Any, bool]] = [
    ("calendars", [], True),
    ("calendars", ["Town hall", 7], True),
    ("calendars", "Town hall", False),
    ("calendars", [["Town hall"]], False),
    ("calendars", None, False),
    ("window_start", None, True),
    ("window_start", "2026-11-22", True),
    ("window_start", "2026-11-22T10:00:00Z", True),
    ("window_start", "2026-11-22T10:00+01:00", True),
    ("window_start", "2026-11-22T10:00:00", False),
    ("window_start", "22.11.2026", False),
    ("window_start", "tomorrow", False),
    ("window_start", "", False),
    ("window_start", 20261122, False),
    ("window_end", None, True),
    ("window_end", "2026-11-23", True),
    ("window_end", "2026-11-23 10:00", False),
    ("force", True, True),
    ("force", "yes", False),
    ("force", 1, False),
    ("dry_run", False, True),
    ("dry_run", None, False),
]

TASKS = ["plan", "import.extract", "import.normalize", "import.diff", "import.apply", "report", "judge", "alert"]
MAPPED = TASKS[1:5]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, postgres_host: str) -> Home:
    return Home(tmp_path_factory.mktemp("airflow"), postgres_host, "postgres", "postgres")


@pytest.fixture(scope="module")
def parsed(home: Home) -> dict[str, Any]:
    tries = json.dumps([(name, value) for name, value, _ in TRIES])
    facts: dict[str, Any] = python(home, PARSE, str(FILE), stdin=tries)
    return facts


@pytest.fixture(scope="module")
def backfill(home: Home) -> dict[str, Any]:
    facts: dict[str, Any] = python(home, PARSE, str(ROOT / "dags" / "calendar_backfill.py"), stdin="[]")
    return facts


def test_parses_without_an_error_into_one_dag(parsed):
    assert (parsed["import_errors"], parsed["dags"]) == ({}, [DAG])


def test_runs_every_five_minutes_one_run_at_a_time_and_makes_up_for_none(parsed):
    settings = {name: parsed[name] for name in ("schedule", "catchup", "max_active_runs", "dagrun_timeout")}

    assert settings == {"schedule": "*/5 * * * *", "catchup": False, "max_active_runs": 1, "dagrun_timeout": 7200.0}


def test_the_schedule_is_a_setting(home):
    parsed = python(home, PARSE, str(FILE), stdin="[]", CALIMPORT_SCHEDULE="0 * * * *")

    assert (parsed["schedule"], parsed["import_errors"]) == ("0 * * * *", {})


def test_a_run_that_takes_long_is_told_of_where_that_is_wanted(home, parsed):
    """Not by default: `airflow dags test` fails in Airflow 3.3 for a DAG with a deadline."""
    wanted = python(home, PARSE, str(FILE), stdin="[]", CALIMPORT_DEADLINE_MINUTES="15")

    assert (parsed["deadline"], wanted["deadline"], wanted["import_errors"]) == ([], ["import takes long"], {})


def test_the_five_minute_dag_may_be_started_in_every_way_but_a_backfill(parsed):
    assert parsed["allowed_run_types"] == [
        "asset_materialization",
        "asset_triggered",
        "manual",
        "operator_triggered",
        "scheduled",
    ]


def test_the_backfill_dag_has_the_same_tasks_and_runs_by_a_backfill_alone(parsed, backfill):
    """It has no alert of its own: the next run of the schedule tells of what it broke."""
    tasks = [task for task in TASKS if task != "alert"]

    assert (backfill["import_errors"], backfill["dags"], list(backfill["tasks"])) == ({}, ["calendar_backfill"], tasks)
    assert {name: backfill["tasks"][name] for name in MAPPED} == {name: parsed["tasks"][name] for name in MAPPED}
    assert (backfill["schedule"], backfill["allowed_run_types"], backfill["paused"]) == (
        "backfill only",
        ["backfill", "scheduled"],
        False,
    )
    assert backfill["params"] == {"calendars": [], "force": False, "dry_run": False}


@pytest.mark.parametrize("task", TASKS)
def test_every_instance_links_the_calendars_pages(parsed, task):
    assert parsed["tasks"][task]["links"] == ["Calendars"]


def test_tasks_follow_each_other_in_the_order_of_the_design(parsed):
    order = {name: task["downstream"] for name, task in parsed["tasks"].items()}

    assert order == {
        "plan": [*sorted(MAPPED), "judge"],
        "import.extract": ["import.normalize"],
        "import.normalize": ["import.diff"],
        "import.diff": ["import.apply"],
        "import.apply": ["report"],
        "report": ["alert", "judge"],
        "judge": [],
        "alert": [],
    }


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_an_owner_an_end_and_a_second_chance(parsed, task):
    policy = ("owner", "retries", "retry_policy", "execution_timeout", "documented")

    assert {name: parsed["tasks"][task][name] for name in policy} == {
        "owner": "calimport",
        "retries": 1,
        "retry_policy": True,
        "execution_timeout": 1800.0,
        "documented": True,
    }


@pytest.mark.parametrize("task", MAPPED)
def test_mapped_instances_carry_the_names_of_their_calendars(parsed, task):
    facts = parsed["tasks"][task]

    assert (facts["is_mapped"], "batch" in (facts["map_index_template"] or "")) == (True, True)


def test_only_the_step_that_uses_the_network_takes_a_slot_of_the_pool(parsed):
    assert {name: task["pool"] for name, task in parsed["tasks"].items()} == {
        **dict.fromkeys(TASKS, "default_pool"),
        "import.extract": "calimport_fetch",
    }


def test_only_report_runs_whatever_became_of_the_others(parsed):
    """Else one calendar's failure would keep the run from being judged, or be hidden."""
    assert {name: task["trigger_rule"] for name, task in parsed["tasks"].items()} == {
        **dict.fromkeys(TASKS, "all_success"),
        "report": "all_done",
    }


def test_explains_itself_in_the_web_page(parsed):
    names = ("plan", "extract", "normalize", "diff", "apply", "report", "judge", "alert")

    assert [name for name in names if f"**{name}**" not in parsed["doc_md"]] == []


def test_every_param_has_a_default_and_a_description(parsed):
    assert (parsed["params"], parsed["untold"]) == (
        {"calendars": [], "force": False, "dry_run": False, "window_start": None, "window_end": None},
        [],
    )


def test_the_form_accepts_what_an_import_understands(parsed):
    wrong = [
        (name, value, accepted)
        for (name, value, expected), accepted in zip(TRIES, parsed["accepted"], strict=True)
        if accepted != expected
    ]

    assert wrong == []


def test_a_failure_is_tried_again_exactly_where_a_second_try_may_find_something_else(parsed):
    """What cannot be reached now, a feed or the database, may be there in a moment; what it holds will be the same."""
    unreachable = {error.__name__ for error in classes(errors.FeedUnreachable)} | {"DatabaseUnavailable"}
    every = {error.__name__ for error in classes(errors.CalimportError)}

    assert parsed["retries"] == {name: "retry" if name in unreachable else "fail" for name in every}


def test_a_failure_that_is_none_of_ours_has_the_retries_of_airflow(parsed):
    assert parsed["others"] == "default"


@pytest.mark.parametrize("library", ["numpy", "pandas", "httpx", "psycopg", "icalendar"])
def test_parsing_the_dag_imports_no_library_that_only_tasks_need(modules, library):
    """Airflow parses the file again and again, and at the start of each task."""
    assert [name for name in modules if name == library or name.startswith(f"{library}.")] == []


@pytest.fixture(scope="module")
def modules(home: Home, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Modules that our DAG file imports, beyond what Airflow imports for any DAG file."""
    plain = tmp_path_factory.mktemp("dags") / "plain.py"
    plain.write_text(
        "from airflow.sdk import Asset, AssetAlias, ExceptionRetryPolicy, Param, RetryRule, dag, task\n"
        "@task\ndef f(): ..."
    )
    return set(python(home, IMPORT, str(FILE))) - set(python(home, IMPORT, str(plain)))


def classes(root: type[errors.CalimportError]) -> Iterator[type[errors.CalimportError]]:
    """The class and all below it that can leave a task; what a source catches itself is defined in the source."""
    if root.__module__ == errors.__name__:
        yield root
    for below in root.__subclasses__():
        yield from classes(below)


def python(home: Home, code: str, *arguments: str, stdin: str = "", **settings: str) -> Any:
    """The JSON that a Python program prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=home.environment(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
