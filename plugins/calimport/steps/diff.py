"""Diff: what is staged against what is, as a complete list of changes in a table, before anything is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from calimport import guarding, logs
from calimport.errors import FeedOutdated, LeaseLost, StagingLost
from calimport.guarding import Guard
from calimport.steps.runs import Run, Step, each_portion, timed

#: By no more than this, or one of them is wrong; the SQL of leases has it too.
CLOCKS_DIFFER: Final = timedelta(hours=1)
log = logs.logger(__name__)


def diff(step: Step, calendar_ids: Sequence[int]) -> None:
    """Write the changes of each calendar that normalize staged.

    :raises CalimportError: every one of them failed.
    """

    def work(runs: Sequence[Run]) -> None:
        with timed(step, runs, "diff"):
            found = _diff(step, runs)
        for run in runs:
            log.info(
                "Compared %s: %d inserts, %d updates, %d deletes, %d held",
                run.name,
                *(found[run.run_id][name] for name in ("inserted", "updated", "deleted", "held")),
            )

    each_portion(step, calendar_ids, work)


def _diff(step: Step, runs: Sequence[Run]) -> Mapping[int, Mapping[str, Any]]:
    run_ids = [run.run_id for run in runs]
    staged = {row["run_id"]: row["rows"] for row in step.run("count_staged", run_ids=run_ids)}
    for run in runs:
        check_newest(step, run)
        if run.step not in ("normalized", "diffed"):
            raise LeaseLost("This run has no staged rows to compare: it did not get through normalize.")
        if staged.get(run.run_id, 0) != run.rows_staged:
            raise StagingLost(detail=f"{staged.get(run.run_id, 0)} rows staged, {run.rows_staged} expected")
    # What an earlier, unfinished try of these runs planned was never applied.
    step.connection.execute("delete from calimport.changes where run_id = any(%s)", [run_ids])
    guards = {run.run_id: Guard.of(run, step.settings) for run in runs}
    rows = step.run(
        "diff_changes",
        run_ids=run_ids,
        hold_over=[guard.over for guard in guards.values()],
        hold_ratio=[guard.ratio for guard in guards.values()],
        hold_most=[guard.most for guard in guards.values()],
        confirmations=[run.held_confirmations if run.is_whole else 0 for run in runs],
        confirmations_needed=[guard.confirmations_needed for guard in guards.values()],
    )
    found = {row["run_id"]: row for row in rows}
    _record(step, runs, guards, found)
    return found


def _record(
    step: Step, runs: Sequence[Run], guards: Mapping[int, Guard], found: Mapping[int, Mapping[str, Any]]
) -> None:
    notices: list[dict[str, Any]] = []
    records = []
    for run in runs:
        of_run = found[run.run_id]
        holds = of_run["held"] > 0
        # Nothing comes after a run over a window of its own that could agree with it.
        waits = holds and (of_run["is_kept"] or not run.is_whole)
        if holds:
            message = guarding.notice(of_run, waits_for_person=waits)
            notices.append({"run_id": run.run_id, "code": "deletions_held", "message": message})
        if of_run["uids_change"]:
            notices.append({"run_id": run.run_id, "code": "uid_churn", "message": guarding.UIDS_CHANGE})
        records.append(
            {
                **{name: of_run[name] for name in ("run_id", "inserted", "updated", "deleted", "held", "uid_sample")},
                "held_of": of_run["of_rows"] if holds else None,
                "held_reason": guards[run.run_id].reason(of_run) if holds else None,
                "held_confirmations": (run.held_confirmations if of_run["agrees"] and run.is_whole else 0) + holds,
                "held_until_told": waits,
            }
        )
    recorded = step.run("record_diff", found=Jsonb(records), notices=Jsonb(notices))
    if recorded.rowcount != len(runs):
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
