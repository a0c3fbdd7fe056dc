"""Apply: exactly the planned changes, with the run's record and the calendar's state, in one transaction a portion."""

from __future__ import annotations

from collections.abc import Sequence

from calimport import logs
from calimport.errors import BatchFailed, LeaseLost
from calimport.operations import apply_changes
from calimport.steps.diff import check_newest
from calimport.steps.runs import Run, Step, each_portion, timed

log = logs.logger(__name__)


def apply(step: Step, calendar_ids: Sequence[int]) -> None:
    """Apply the plan of each calendar that diff compared; of a dry run, only keep it.

    :raises CalimportError: a calendar of the batch failed, in this step or before; the others are imported.
    """

    def work(runs: Sequence[Run]) -> None:
        with timed(step, runs, "apply"):
            _apply(step, runs)
        # Last, so that the record of this step is part of the finished runs.
        for outcome, is_dry in (("planned", True), ("imported", False)):
            finished = [run for run in runs if run.dry_run == is_dry]
            if finished:
                step.finish(finished, outcome)
            for run in finished:
                log.info("Finished %s: %s", run.name, outcome)

    each_portion(step, calendar_ids, work)
    _raise_failed(step, calendar_ids)


def _apply(step: Step, runs: Sequence[Run]) -> None:
    for run in runs:
        check_newest(step, run)
        if run.step != "diffed":
            raise LeaseLost("This run has no plan to apply: it did not get through diff.")
    run_ids = [run.run_id for run in runs]
    planned = {row["id"]: row for row in step.run("lock_run", run_ids=run_ids, owner=step.key.owner)}
    if len(planned) < len(runs):
        raise LeaseLost()
    if applied := [run.run_id for run in runs if not run.dry_run]:
        counts = {name: sum(planned[run_id][name] for run_id in applied) for name in ("deleted", "updated", "inserted")}
        apply_changes(step.connection, applied, counts)
        step.run("apply_reminders", run_ids=applied, clock=step.clock)
        step.run("apply_notices", run_ids=applied, clock=step.clock)
        step.run("forget_kept", run_ids=applied)
    step.run("clear_staging", run_ids=run_ids)


def _raise_failed(step: Step, calendar_ids: Sequence[int]) -> None:
    """Turn the task red for calendars that failed earlier in this batch: it is the last that can say so."""
    failed = {run.name: run.error_message for run in step.load_all(calendar_ids) if run.outcome == "failed"}
    if failed:
        raise BatchFailed.of(failed)
