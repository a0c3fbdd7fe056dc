"""
### Sends the reminders of events when they are due

Every minute, **send** claims each reminder whose time has come, hands it to a notifier and marks it as sent. What a
minute missed, the next one sends; what is more than an hour late is marked as missed. This DAG is paused until somebody
wants reminders.

Without further configuration a reminder is a line in the task's log. `CALIMPORT_REMINDER_NOTIFIER` names a function
that makes another notifier: `docs/operations.md` of calimport.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@dag(
    dag_id="calendar_reminders",
    dag_display_name="Calendar reminders",
    description="Sends the reminders of events when they are due",
    doc_md=__doc__,
    schedule="* * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=timedelta(minutes=15),
    # The next minute is the second try.
    default_args={"owner": "calimport", "retries": 0, "execution_timeout": timedelta(minutes=10)},
    tags=["calimport"],
)
def calendar_reminders():
    @task
    def send() -> dict:
        """Claim what is due, hand it to the notifier, and mark it as sent."""
        from calimport.tasks import send_reminders

        return send_reminders()

    send()


calendar_reminders()
