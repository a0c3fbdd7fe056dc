"""
### Keeps the table `events` in step with every calendar that is due

    plan ─► [ extract ─► normalize ─► diff ─► apply ]  per calendar, or per batch  ─► report ─► judge, alert

* **plan** takes the calendars that are due and puts them into batches.
* **extract** fetches them. It ends as *skipped* when no calendar of its batch has anything new.
* **normalize** turns feeds into dated occurrences in the window and stages them.
* **diff** writes the complete list of changes to the table `changes`.
* **apply** does exactly what that list says, one transaction per calendar.
* **report** logs a line per calendar, and touches the asset `calimport_events` where something changed.
* **judge** fails the run when too many calendars failed.
* **alert** tells, in one digest, which calendars are broken or well again since the last one.

A red instance names the calendars that failed and why; the others of its batch are imported. To import exactly its
calendars again, clear the instance of *extract* with the same name, with its downstream tasks. Any task can be cleared
at any time.

**By hand**: *Trigger* offers a form: which calendars, which window, `force`, `dry_run`. Days of the past, one run each:
backfill the DAG `calendar_backfill`; this one refuses it, since it would make 288 runs of a day.

Tables, states and errors: `docs/operations.md` of calimport.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, Param, dag

from calimport.deadlines import run_takes_long
from calimport.import_tasks import DEFAULT_ARGS, alert, common_params, import_batch, judge, report
from calimport.operators import step_task

# None by default: Airflow 3.3's `dags test` fails for a DAG that has one.
DEADLINE = (
    DeadlineAlert(
        name="import takes long",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=float(minutes)),
        callback=AsyncCallback(run_takes_long),
    )
    if (minutes := os.environ.get("CALIMPORT_DEADLINE_MINUTES"))
    else None
)
MOMENT = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$"


@dag(
    dag_id="calendar_import",
    dag_display_name="Calendar import",
    description="Keeps the table events in step with every calendar that is due",
    doc_md=__doc__,
    schedule=os.environ.get("CALIMPORT_SCHEDULE", "*/5 * * * *"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    allowed_run_types=["scheduled", "manual", "operator_triggered", "asset_triggered", "asset_materialization"],
    dagrun_timeout=timedelta(hours=2),
    deadline=DEADLINE,
    # Before backfills, where both wait for a slot.
    default_args={**DEFAULT_ARGS, "priority_weight": 10},
    params={
        **common_params(),
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
    },
    tags=["calimport"],
)
def calendar_import():
    @step_task
    def plan() -> list[dict]:
        """Take the calendars that are due and put them into batches."""
        from calimport.steps.plan import plan
        from calimport.tasks import as_of, current_step, run_params

        with current_step() as step:
            return plan(step, as_of=as_of(), **run_params())

    batches, verdict = plan(), judge()
    import_batch.expand(batch=batches) >> report() >> [verdict, alert()]
    # No calendar can say that there was no plan: then nothing is judged, and the run is red.
    batches >> verdict


calendar_import()
