"""
### Keeps the database in shape, once a day

* **expand** reads the stored feeds of calendars in error again, so that they do not run dry while their source is away.
* **trim** removes runs with their history, feeds and staged rows that are older than the settings keep them.

Either may be cleared and run again at any time. This DAG is not paused when it appears, because without it the database
grows by a row for each calendar every five minutes. What is kept for how long: `docs/safety.md` of calimport.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@dag(
    dag_id="calendar_maintenance",
    dag_display_name="Calendar maintenance",
    description="Trims runs, history, feeds and staging; expands calendars whose source is away",
    doc_md=__doc__,
    # When every calendar's day has begun, and few people work.
    schedule="23 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=6),
    default_args={
        "owner": "calimport",
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=2),
    },
    tags=["calimport"],
)
def calendar_maintenance():
    @task
    def expand() -> dict:
        """Expand the stored feeds of calendars in error into today's window."""
        from calimport.tasks import expand_failing

        return expand_failing()

    @task
    def trim() -> dict:
        """Remove what is older than it is kept, in batches."""
        from calimport.tasks import trim

        return trim()

    expand()
    trim()


calendar_maintenance()
