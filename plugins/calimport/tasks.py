"""Between Airflow's task context and the steps: which run this is, what time it is, and which database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from calimport import database, reminding
from calimport.errors import ConfigurationError
from calimport.settings import Settings
from calimport.steps.runs import RunKey, Step

if TYPE_CHECKING:
    from calimport.steps.report import Report

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


def as_of() -> datetime:
    """The time that the run stands for: its logical date, or ``run_after`` where a manual run has none."""
    from airflow.sdk import get_current_context

    run = get_current_context()["dag_run"]
    moment: datetime = run.logical_date or run.run_after
    return moment


def run_params() -> dict[str, Any]:
    """The run's params, as :func:`calimport.steps.plan.plan` takes them.

    :raises ConfigurationError: the run's configuration has a key that is none of the params: Airflow lets it pass.
    """
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


def emit_metrics(result: Report) -> None:
    """Send the run's counts through Airflow's own metrics (StatsD or OpenTelemetry), as ``calimport.*``."""
    from airflow.sdk.observability.stats import Stats

    for name, value in result.counts().items():
        Stats.gauge(f"calimport.run.{name}", value)
