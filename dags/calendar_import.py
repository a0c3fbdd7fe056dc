"""
### Keeps the table `events` in step with every calendar that is due

    plan ─► [ extract ─► normalize ─► diff ─► apply ]  one instance per calendar, or per batch  ─► report

* **plan** takes the calendars that are due and puts them into batches.
* **extract** fetches them. It ends as *skipped* when no calendar of its batch has anything new.
* **normalize** turns feeds into dated occurrences in the window and stages them.
* **diff** writes the complete list of changes to the table `changes`.
* **apply** does exactly what that list says, one transaction per calendar.
* **report** logs a line per calendar and fails the run when too many calendars failed.

A red instance names the calendars that failed and why; the others of its batch are imported. To import exactly its
calendars again, clear the instance of *extract* with the same name, with its downstream tasks. Any task can be cleared
at any time.

**By hand**: *Trigger* offers a form: which calendars, which window, `force`, `dry_run`.

Tables, states and errors: `docs/operations.md` of calimport.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import (
    Asset,
    AssetAlias,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    dag,
    task,
    task_group,
)

from calimport.errors import CalimportError, DatabaseUnavailable, FeedUnreachable

MOMENT = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$"
LABEL = "{{ task.op_kwargs['batch']['label'] }}"

EVENTS = Asset(name="calimport_events", uri="x-calimport://events")
# An alias, so that the asset is touched only by runs that changed something.
CHANGED_EVENTS = AssetAlias("calimport_changed_events")

# A feed or a database that cannot be reached may be there in a moment. Whatever else a calendar has, a second try would
# find again. What is no error of ours has Airflow's usual retries.
RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=FeedUnreachable, action=RetryAction.RETRY, retry_delay=timedelta(seconds=15)),
        RetryRule(exception=DatabaseUnavailable, action=RetryAction.RETRY, retry_delay=timedelta(seconds=15)),
        RetryRule(exception=CalimportError, action=RetryAction.FAIL),
    ]
)


@dag(
    dag_id="calendar_import",
    dag_display_name="Calendar import",
    description="Keeps the table events in step with every calendar that is due",
    doc_md=__doc__,
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args={
        "owner": "calimport",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "retry_policy": RETRIES,
        "execution_timeout": timedelta(minutes=30),
    },
    params={
        "calendars": Param(
            [],
            type="array",
            items={"type": ["string", "integer"]},
            title="Calendars",
            description="Names or ids, one per line. Empty: all that are due; with a window or force, all.",
        ),
        "window_start": Param(
            None,
            type=["null", "string"],
            pattern=MOMENT,
            title="Window start",
            description="A date (2026-11-22: midnight in each calendar's zone) or an instant (2026-11-22T10:00:00Z). "
            "Empty: by each calendar's own window.",
        ),
        "window_end": Param(
            None,
            type=["null", "string"],
            pattern=MOMENT,
            title="Window end",
            description="Exclusive; written like the start. Empty: by each calendar's own window.",
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
    },
    tags=["calimport"],
)
def calendar_import():
    @task
    def plan() -> list[dict]:
        """Take the calendars that are due and put them into batches."""
        from calimport.steps.plan import plan
        from calimport.tasks import as_of, current_step, run_params

        with current_step() as step:
            return plan(step, as_of=as_of(), **run_params())

    @task(map_index_template=LABEL, pool="calimport_fetch")
    def extract(batch: dict) -> None:
        """Fetch the calendars of a batch; skip the rest of the batch when nothing is new."""
        from airflow.sdk.exceptions import AirflowSkipException

        from calimport.steps.extract import extract
        from calimport.tasks import current_step

        with current_step() as step:
            left = extract(step, batch["calendar_ids"])
        if not left:
            raise AirflowSkipException("Nothing has changed.")

    @task(map_index_template=LABEL)
    def normalize(batch: dict) -> None:
        """Turn feeds into dated occurrences in the window and stage them."""
        from calimport.steps.normalize import normalize
        from calimport.tasks import current_step

        with current_step() as step:
            normalize(step, batch["calendar_ids"])

    @task(map_index_template=LABEL)
    def diff(batch: dict) -> None:
        """Write the complete list of changes."""
        from calimport.steps.diff import diff
        from calimport.tasks import current_step

        with current_step() as step:
            diff(step, batch["calendar_ids"])

    @task(map_index_template=LABEL)
    def apply(batch: dict) -> None:
        """Do exactly what the list says."""
        from calimport.steps.apply import apply
        from calimport.tasks import current_step

        with current_step() as step:
            apply(step, batch["calendar_ids"])

    @task_group(group_id="import")
    def import_batch(batch: dict):
        extract(batch=batch) >> normalize(batch=batch) >> diff(batch=batch) >> apply(batch=batch)

    @task(trigger_rule="all_done", outlets=[CHANGED_EVENTS])
    def report(batches: list[dict] | None, *, outlet_events) -> dict:
        """Log a line per calendar, emit metrics and the asset event, and judge the run."""
        from calimport.errors import ImportFailed
        from calimport.steps.report import judge, report
        from calimport.tasks import current_step, emit_metrics

        with current_step() as step:
            result = report(step)
            emit_metrics(result)
            if result.changed:
                outlet_events[CHANGED_EVENTS].add(EVENTS, extra=result.counts())
            if batches is None:
                # This task alone decides the run's colour, and no calendar can say that there was no plan.
                raise ImportFailed("Nothing was imported: the task plan failed, and its log says why.")
            judge(result, step.settings.failure_threshold)
        return result.counts()

    batches = plan()
    import_batch.expand(batch=batches) >> report(batches)


calendar_import()
