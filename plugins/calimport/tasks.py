"""Between Airflow's task context and the steps: which run this is, what time it is, and which database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from calimport import alerting, database, logs, reminding
from calimport.errors import CalendarBusy, ConfigurationError
from calimport.settings import Settings
from calimport.steps.runs import RunKey, Step

if TYPE_CHECKING:
    from calimport.steps.report import Report

log = logs.logger(__name__)

#: Seconds.
_WAIT_HERE = 10
#: Airflow's name for a run that `airflow tasks test` makes up for one task and removes when the task ends.
_MADE_UP = "__airflow_temporary_run_"


@contextmanager
def current_step() -> Iterator[Step]:
    """The step of the task that runs now. The only place below a DAG that reads the clock."""
    from airflow.sdk import get_current_context

    run = get_current_context()["dag_run"]
    with database.connect(autocommit=True) as connection:
        # No later task would give back what such a run has leased, so it leaves nothing behind.
        trial = connection.transaction(force_rollback=True) if run.run_id.startswith(_MADE_UP) else nullcontext()
        with trial:
            yield Step(
                connection=connection,
                key=RunKey(run.dag_id, run.run_id),
                clock=datetime.now(UTC),
                settings=Settings.from_environment(),
            )


def extract_when_free(calendar_ids: Sequence[int]) -> int:
    """:func:`calimport.steps.extract.extract`, once no other run holds a calendar of the batch.

    :raises CalendarBusy: one still does after some seconds, for which waiting here costs less than another process.
    """
    from calimport.steps.extract import extract

    deadline = time.monotonic() + _WAIT_HERE
    while True:
        try:
            with current_step() as step:
                return extract(step, calendar_ids)
        except CalendarBusy as busy:
            if time.monotonic() > deadline:
                log.info("%s (%s)", busy, busy.detail)
                raise
        time.sleep(1)


def as_of() -> datetime:
    """The time that the run stands for: its logical date, or ``run_after`` where a manual run has none."""
    from airflow.sdk import get_current_context

    run = get_current_context()["dag_run"]
    moment: datetime = run.logical_date or run.run_after
    return moment


def run_params() -> dict[str, Any]:
    """The run's params, as :func:`calimport.steps.plan.plan` takes them.

    A run that is told what to import waits for calendars that others hold; one that takes what is due leaves them to
    the next.

    :raises ConfigurationError: the run's configuration has a key that is none of the params: Airflow lets it pass.
    """
    given = _params()
    return {**given, "waits": any(given[name] for name in ("calendars", "window_start", "window_end", "force"))}


def backfill_params() -> dict[str, Any]:
    """Likewise for a run that stands for the day of its logical date: in each calendar's zone, midnight to midnight.

    :raises ConfigurationError: the run has no logical date.
    """
    from airflow.sdk import get_current_context

    day = get_current_context()["dag_run"].logical_date
    if day is None:
        raise ConfigurationError("A run of this DAG stands for a day: give it a logical date, or start a backfill.")
    start = day.astimezone(UTC).date()
    end = start + timedelta(days=1)
    return {**_params(), "window_start": start.isoformat(), "window_end": end.isoformat(), "waits": True}


def _params() -> dict[str, Any]:
    from airflow.sdk import get_current_context

    context = get_current_context()
    declared = list(context["dag"].params)
    if unknown := sorted(set(context["dag_run"].conf or {}) - set(declared)):
        raise ConfigurationError(
            f"Unknown in the run's configuration: {', '.join(unknown)}. Known: {', '.join(declared)}."
        )
    return {name: context["params"][name] for name in declared}


def send_reminders() -> dict[str, int]:
    """Send the reminders that are due; their counts, for XCom.

    :raises RemindersFailed: the notifier failed for some.
    """
    from airflow.sdk import get_current_context

    context = get_current_context()
    settings = Settings.from_environment()
    run, instance = context["dag_run"], context["ti"]
    with database.connect(autocommit=True) as connection:
        database.check_schema(connection)
        sent = reminding.send_due(
            connection,
            reminding.load(settings.reminder_notifier),
            owner=f"{run.dag_id}/{run.run_id}/{instance.try_number}",
            clock=lambda: datetime.now(UTC),
            settings=settings,
            context=dict(context),
        )
    return asdict(sent)


def send_alerts() -> dict[str, int]:
    """Send the digest of calendars whose state has changed; how many it names, for XCom.

    :raises AlertsFailed: the notifier did not take it.
    """
    from airflow.sdk import get_current_context

    settings = Settings.from_environment()
    context = get_current_context()
    with database.connect(autocommit=True) as connection:
        digest = alerting.send_changes(
            connection, alerting.load(settings), clock=datetime.now(UTC), context=dict(context)
        )
    return {"broken": len(digest.broken), "recovered": len(digest.recovered)}


def expand_failing() -> dict[str, Any]:
    """Expand the stored feeds of calendars in error; counts, for XCom."""
    from calimport import maintaining  # pandas, which no other task of this module needs

    with database.connect(autocommit=True) as connection:
        database.check_schema(connection)
        expanded = maintaining.expand_failing(
            connection,
            actor="airflow:calendar_maintenance",
            clock=datetime.now(UTC),
            settings=Settings.from_environment(),
        )
    return asdict(expanded)


def trim() -> dict[str, int]:
    """Remove what is older than it is kept; counts, for XCom."""
    from calimport import maintaining

    with database.connect(autocommit=True) as connection:
        database.check_schema(connection)
        return asdict(maintaining.trim(connection, clock=datetime.now(UTC), settings=Settings.from_environment()))


def emit_metrics(step: Step, result: Report) -> None:
    """Send what became of the run through Airflow's own metrics (StatsD or OpenTelemetry), as ``calimport.*``.

    Their names are in docs/operations.md.
    """
    from airflow.sdk.observability.stats import Stats

    for name, value in result.counts().items():
        Stats.gauge(f"calimport.run.{name}", value)
    Stats.incr("calimport.imports", result.imported + result.unchanged)
    Stats.incr("calimport.changes", result.changed)
    Stats.incr("calimport.failures", len(result.failed))
    Stats.incr("calimport.requests", result.requests)
    Stats.incr("calimport.bytes", result.bytes)
    for name, seconds in result.seconds.items():
        Stats.timing(f"calimport.step.{name}", timedelta(seconds=seconds))
    for name, value in (database.run(step.connection, "freshness_summary").fetchone() or {}).items():
        Stats.gauge(f"calimport.calendars.{name}", value)
