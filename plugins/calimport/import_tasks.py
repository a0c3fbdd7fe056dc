"""The tasks of an import, shared by the DAGs that import: ``calendar_import`` and ``calendar_backfill``.

Airflow parses DAG files again and again, and at the start of each task: so nothing but Airflow's SDK is imported here,
and what a task needs is imported when it runs.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    AssetAlias,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    task_group,
)

from calimport.errors import CalimportError, DatabaseUnavailable, FeedUnreachable
from calimport.operators import step_task

EVENTS = Asset(name="calimport_events", uri="x-calimport://events")
# An alias, so that the asset is touched only by runs that changed something.
CHANGED_EVENTS = AssetAlias("calimport_changed_events")

LABEL = "{{ task.op_kwargs['batch']['label'] }}"

# A feed or a database that cannot be reached may be there in a moment. Whatever else a calendar has, a second try would
# find again. What is no error of ours has Airflow's usual retries.
RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=FeedUnreachable, action=RetryAction.RETRY, retry_delay=timedelta(seconds=15)),
        RetryRule(exception=DatabaseUnavailable, action=RetryAction.RETRY, retry_delay=timedelta(seconds=15)),
        RetryRule(exception=CalimportError, action=RetryAction.FAIL),
    ]
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "calimport",
    "retries": 1,
    "retry_delay": timedelta(seconds=10),
    "retry_policy": RETRIES,
    "execution_timeout": timedelta(minutes=30),
}
if queue := os.environ.get("CALIMPORT_QUEUE"):  # else Airflow's own [operators] default_queue
    DEFAULT_ARGS["queue"] = queue


def common_params() -> dict[str, Param]:
    """The params that every DAG that imports has; made anew for each, since a DAG makes them its own."""
    return {
        "calendars": Param(
            [],
            type="array",
            items={"type": ["string", "integer"]},
            title="Calendars",
            description="Names or ids, one per line. Empty: all that are due; with a window or force, all.",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Force",
            description="Import even if nothing seems to have changed, and apply deletions that would be held.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Write the plan to the table changes, but do not apply it.",
        ),
    }


@step_task(map_index_template=LABEL, pool="calimport_fetch")
def extract(batch: dict[str, Any]) -> None:
    """Fetch the calendars of a batch; skip the rest of the batch when nothing is new."""
    from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

    from calimport.errors import CalendarBusy
    from calimport.tasks import extract_when_free

    try:
        left = extract_when_free(batch["calendar_ids"])
    except CalendarBusy as busy:
        raise AirflowRescheduleException(datetime.now(UTC) + timedelta(seconds=busy.retry_after or 0)) from busy
    if not left:
        raise AirflowSkipException("Nothing has changed.")


@step_task(map_index_template=LABEL)
def normalize(batch: dict[str, Any]) -> None:
    """Turn feeds into dated occurrences in the window and stage them."""
    from calimport.steps.normalize import normalize
    from calimport.tasks import current_step

    with current_step() as step:
        normalize(step, batch["calendar_ids"])


@step_task(map_index_template=LABEL)
def diff(batch: dict[str, Any]) -> None:
    """Write the complete list of changes."""
    from calimport.steps.diff import diff
    from calimport.tasks import current_step

    with current_step() as step:
        diff(step, batch["calendar_ids"])


@step_task(map_index_template=LABEL)
def apply(batch: dict[str, Any]) -> None:
    """Do exactly what the list says."""
    from calimport.steps.apply import apply
    from calimport.tasks import current_step

    with current_step() as step:
        apply(step, batch["calendar_ids"])


@task_group(group_id="import")
def import_batch(batch: dict[str, Any]) -> None:
    """The four steps of a batch. A group of their own, so that one batch's failure does not stop the others."""
    extract(batch=batch) >> normalize(batch=batch) >> diff(batch=batch) >> apply(batch=batch)


@step_task(trigger_rule="all_done", outlets=[CHANGED_EVENTS])
def report(*, outlet_events: Any) -> dict[str, int]:
    """Log a line per calendar, emit metrics, and the asset event where something changed."""
    from calimport.steps.report import report
    from calimport.tasks import current_step, emit_metrics

    with current_step() as step:
        result = report(step)
        emit_metrics(step, result)
    if result.changed:
        outlet_events[CHANGED_EVENTS].add(EVENTS, extra=result.counts())
    return result.counts()


@step_task
def judge() -> None:
    """Decide the run's colour. After report, since Airflow drops the asset events of a task that fails."""
    from calimport.steps.report import judge, outcomes
    from calimport.tasks import current_step

    with current_step() as step:
        judge(outcomes(step), step.settings.failure_threshold)


@step_task
def alert() -> dict[str, int]:
    """Tell operators, in one digest, which calendars are broken or well again since the last one."""
    from calimport.tasks import send_alerts

    return send_alerts()
