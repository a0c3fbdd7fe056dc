"""Diff: what is staged against what is, as a complete list of changes in a table, before anything is applied."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from calimport.errors import FeedOutdated, LeaseLost, StagingLost
from calimport.steps.runs import Run, Step, each_calendar, timed

log = logging.getLogger(__name__)


def diff(step: Step, calendar_ids: Sequence[int]) -> None:
    """Write the changes of each calendar that normalize staged.

    :raises CalimportError: every one of them failed.
    """

    def work(run: Run) -> None:
        with timed(step, run, "diff"):
            counts = _diff(step, run)
        log.info(
            "Compared %s: %d inserts, %d updates, %d deletes, %d held",
            run.name,
            counts["insert"],
            counts["update"],
            counts["delete"],
            counts["held"],
        )

    each_calendar(step, calendar_ids, work)


def _diff(step: Step, run: Run) -> Counter[str]:
    check_newest(run)
    if run.step not in ("normalized", "diffed"):
        raise LeaseLost("This run has no staged rows to compare: it did not get through normalize.")
    staged = step.run("count_staged", run_id=run.run_id).fetchone()
    if staged is None or staged["rows"] != run.rows_staged:
        raise StagingLost(detail=f"{staged and staged['rows']} rows staged, {run.rows_staged} expected")
    # What an earlier, unfinished try of this run planned was never applied.
    step.connection.execute("delete from calimport.changes where run_id = %s", [run.run_id])
    changes = step.run(
        "diff_changes",
        run_id=run.run_id,
        may_hold=not run.force and run.held_confirmations + 1 < step.settings.hold_confirmations,
        hold_over=step.settings.hold_deletes_over,
        hold_ratio=step.settings.hold_deletes_ratio,
    )
    counts = Counter("held" if change["held"] else change["action"] for change in changes)
    step.run(
        "record_diff",
        run_id=run.run_id,
        inserted=counts["insert"],
        updated=counts["update"],
        deleted=counts["delete"],
        held=counts["held"],
    )
    return counts


def check_newest(run: Run) -> None:
    """Make sure that an older feed never overwrites a newer one.

    :raises FeedOutdated: the calendar's events stand for a later fetch than this run's.
    """
    if run.fetched_at and run.calendar_fetched_at and run.fetched_at < run.calendar_fetched_at:
        raise FeedOutdated(detail=f"fetched {run.fetched_at}, the events are of {run.calendar_fetched_at}")
