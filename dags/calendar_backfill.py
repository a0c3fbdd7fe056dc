"""
### Imports days: one run for each

    plan ─► [ extract ─► normalize ─► diff ─► apply ]  one instance per calendar, or per batch  ─► report ─► judge

It never runs by itself. *Trigger → Backfill*, or

    airflow backfill create --dag-id calendar_backfill --from-date 2026-11-01 --to-date 2026-11-30 --max-active-runs 4

gives a run for each day from the first to the last, forwards or (`--run-backwards`) backwards; days that were imported
already, only with `--reprocess-behavior completed`. Each run owns exactly its day, from midnight to midnight in each
calendar's zone, and deletes nothing outside of it. Runs beside each other, and beside `calendar_import`, wait for
calendars that another one is importing; *extract* is *up for reschedule* for as long.

A source that does not publish its past cannot tell what was deleted there: then nothing is, and *report* says so.

More: `docs/operations.md` of calimport.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag

from calimport.import_tasks import DEFAULT_ARGS, common_params, import_batch, judge, report
from calimport.operators import step_task
from calimport.timetables import EachDayOfABackfill


@dag(
    dag_id="calendar_backfill",
    dag_display_name="Calendar backfill",
    description="Imports days, one run each",
    doc_md=__doc__,
    schedule=EachDayOfABackfill(),
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    # The runs of a backfill would wait for somebody to switch the DAG on; by itself it does nothing.
    is_paused_upon_creation=False,
    allowed_run_types=["scheduled", "backfill"],
    dagrun_timeout=timedelta(hours=24),
    default_args=DEFAULT_ARGS,
    params=common_params(),
    tags=["calimport"],
)
def calendar_backfill():
    @step_task
    def plan() -> list[dict]:
        """Open a run over the day for each calendar, and put them into batches."""
        from calimport.steps.plan import plan
        from calimport.tasks import backfill_params, current_step

        with current_step() as step:
            # The present, not the day: what is past for a source does not depend on which day is looked at.
            return plan(step, as_of=step.clock, **backfill_params())

    batches, verdict = plan(), judge()
    import_batch.expand(batch=batches) >> report() >> verdict
    batches >> verdict


calendar_backfill()
