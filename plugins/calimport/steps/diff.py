"""Diff: what is staged against what is, as a complete list of changes in a table, before anything is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from calimport import guarding, logs
from calimport.errors import FeedOutdated, LeaseLost, StagingLost
from calimport.guarding import Guard
from calimport.steps.runs import Run, Step, each_calendar, timed

#: By no more than this, or one of them is wrong; the SQL of leases has it too.
CLOCKS_DIFFER: Final = timedelta(hours=1)

log = logs.logger(__name__)


def diff(step: Step, calendar_ids: Sequence[int]) -> None:
    """Write the changes of each calendar that normalize staged.

    :raises CalimportError: every one of them failed.
    """

    def work(run: Run) -> None:
        with timed(step, run, "diff"):
            found = _diff(step, run)
        log.info(
            "Compared %s: %d inserts, %d updates, %d deletes, %d held",
            run.name,
            *(found[name] for name in ("inserted", "updated", "deleted", "held")),
        )

    each_calendar(step, calendar_ids, work)


def _diff(step: Step, run: Run) -> Mapping[str, Any]:
    check_newest(step, run)
    if run.step not in ("normalized", "diffed"):
        raise LeaseLost("This run has no staged rows to compare: it did not get through normalize.")
    staged = step.run("count_staged", run_id=run.run_id).fetchone()
    if staged is None or staged["rows"] != run.rows_staged:
        raise StagingLost(detail=f"{staged and staged['rows']} rows staged, {run.rows_staged} expected")
    # What an earlier, unfinished try of this run planned was never applied.
    step.connection.execute("delete from calimport.changes where run_id = %s", [run.run_id])
    guard = Guard.of(run, step.settings)
    found = step.run(
        "diff_changes",
        run_id=run.run_id,
        uid_sample=run.uid_sample,
        may_hold=not run.force,
        hold_over=guard.over,
        hold_ratio=guard.ratio,
        hold_most=guard.most,
        held_run_id=run.held_run_id,
        confirmations=run.held_confirmations if run.is_whole else 0,
        confirmations_needed=guard.confirmations_needed,
    ).fetchone()
    assert found is not None  # noqa: S101 - a query of counts gives one row
    _record(step, run, guard, found)
    return found


def _record(step: Step, run: Run, guard: Guard, found: Mapping[str, Any]) -> None:
    holds = found["held"] > 0
    # Nothing comes after a run over a window of its own that could agree with it.
    waits = holds and (found["is_kept"] or not run.is_whole)
    notices = {}
    if holds:
        notices["deletions_held"] = guarding.notice(found, waits_for_person=waits)
    if found["uids_change"]:
        notices["uid_churn"] = guarding.UIDS_CHANGE
    recorded = step.run(
        "record_diff",
        run_id=run.run_id,
        codes=list(notices),
        messages=list(notices.values()),
        inserted=found["inserted"],
        updated=found["updated"],
        deleted=found["deleted"],
        held=found["held"],
        held_of=found["of_rows"] if holds else None,
        held_reason=guard.reason(found) if holds else None,
        held_confirmations=(run.held_confirmations if found["agrees"] and run.is_whole else 0) + holds,
        held_until_told=waits,
        uid_sample=found["uid_sample"],
    )
    if recorded.rowcount == 0:
        raise LeaseLost("This run is being worked on twice.")


def check_newest(step: Step, run: Run) -> None:
    """Make sure that an older feed never overwrites a newer one.

    A fetch that lies ahead was one of a worker whose clock was wrong; no other could follow it until then.

    :raises FeedOutdated: the calendar's events stand for a later fetch than this run's.
    """
    newest = run.calendar_fetched_at
    if newest and newest > step.clock + CLOCKS_DIFFER:
        return
    if run.fetched_at and newest and run.fetched_at < newest:
        raise FeedOutdated(detail=f"fetched {run.fetched_at}, the events are of {newest}")
