"""Apply: exactly the planned changes, with the run's record and the calendar's state, in one transaction a calendar."""

from __future__ import annotations

from collections.abc import Sequence

from calimport import logs
from calimport.errors import BatchFailed, LeaseLost
from calimport.operations import apply_changes
from calimport.steps.diff import check_newest
from calimport.steps.runs import Run, Step, each_calendar, timed

log = logs.logger(__name__)


def apply(step: Step, calendar_ids: Sequence[int]) -> None:
    """Apply the plan of each calendar that diff compared; of a dry run, only keep it.

    :raises CalimportError: a calendar of the batch failed, in this step or before; the others are imported.
    """

    def work(run: Run) -> None:
        outcome = "planned" if run.dry_run else "imported"
        with timed(step, run, "apply"):
            _apply(step, run)
        # Last, so that the record of this step is part of the finished run.
        step.finish([run], outcome)
        log.info("Finished %s: %s", run.name, outcome)

    each_calendar(step, calendar_ids, work)
    _raise_failed(step, calendar_ids)


def _apply(step: Step, run: Run) -> None:
    check_newest(step, run)
    if run.step != "diffed":
        raise LeaseLost("This run has no plan to apply: it did not get through diff.")
    planned = step.run("lock_run", run_id=run.run_id, owner=step.key.owner).fetchone()
    if planned is None:
        raise LeaseLost()
    if not run.dry_run:
        apply_changes(step.connection, run.run_id, planned)
        step.run("apply_reminders", run_id=run.run_id, clock=step.clock)
        step.run("apply_notices", run_id=run.run_id, clock=step.clock)
        step.run("forget_kept", run_id=run.run_id)
    step.run("clear_staging", run_ids=[run.run_id])


def _raise_failed(step: Step, calendar_ids: Sequence[int]) -> None:
    """Turn the task red for calendars that failed earlier in this batch: it is the last that can say so."""
    failed = {run.name: run.error_message for run in step.load_all(calendar_ids) if run.outcome == "failed"}
    if failed:
        raise BatchFailed.of(failed)
