"""Report: what became of each calendar of the run, from the table of runs, and whether the run as a whole is good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from calimport import clusters, logs
from calimport.errors import ImportFailed
from calimport.steps.runs import Step

log = logs.logger(__name__)


@dataclass(frozen=True)
class Report:
    """Counts of a DAG run; ``failed`` holds the names of calendars that failed or did not finish."""

    calendars: int
    imported: int
    unchanged: int
    planned: int
    failed: list[str]
    inserted: int
    updated: int
    deleted: int
    held: int
    #: Calendars whose source does not publish all of the window: what ended before may be gone or not.
    past_unknown: int
    requests: int
    bytes: int
    #: Seconds of work by step, of all calendars together.
    seconds: dict[str, float]

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.deleted

    def counts(self) -> dict[str, int]:
        """Plain numbers, for XCom, metrics and the asset event."""
        numbers = {name: value for name, value in asdict(self).items() if name != "seconds"}
        return {**numbers, "failed": len(self.failed)}


def report(step: Step) -> Report:
    """Log one line per calendar and return the counts. Runs that were killed midway count as failed."""
    with step.connection.transaction():
        # Their tasks are over when report runs: who still holds a lease was killed.
        step.run("fail_unfinished", owner=step.key.owner, clock=step.clock)
        rows = step.run("report_runs").fetchall()
        # Of runs that ended early.
        step.run("clear_staging", run_ids=[row["run_id"] for row in rows])
    clusters.refresh(step.connection)
    for row in rows:
        _log(row)
    return _counted(rows)


def outcomes(step: Step) -> Report:
    """The counts of a run whose report is done."""
    return _counted(step.run("report_runs").fetchall())


def judge(result: Report, failure_threshold: float) -> None:
    """Decide the run's colour.

    :raises ImportFailed: more than this share of the run's calendars failed.
    """
    if result.calendars and len(result.failed) > failure_threshold * result.calendars:
        names = ", ".join(result.failed[:10]) + (" …" if len(result.failed) > 10 else "")
        raise ImportFailed(f"{len(result.failed)} of {result.calendars} calendars failed: {names}")


def _counted(rows: Sequence[Mapping[str, Any]]) -> Report:
    made = [row for row in rows if row["outcome"] in ("imported", "planned")]
    seconds: Counter[str] = Counter()
    for row in rows:
        seconds.update(row["seconds"])
    return Report(
        calendars=len(rows),
        imported=sum(row["outcome"] == "imported" for row in rows),
        unchanged=sum(row["outcome"] == "unchanged" for row in rows),
        planned=sum(row["outcome"] == "planned" for row in rows),
        failed=[row["name"] for row in rows if row["outcome"] == "failed"],
        inserted=sum(row["inserted"] or 0 for row in made),
        updated=sum(row["updated"] or 0 for row in made),
        deleted=sum(row["deleted"] or 0 for row in made),
        held=sum(row["held"] or 0 for row in made),
        past_unknown=sum(row["past_unknown_before"] is not None for row in made),
        requests=sum(row["requests"] for row in rows),
        bytes=sum(row["bytes_received"] for row in rows),
        seconds=dict(seconds),
    )


def _log(row: dict[str, Any]) -> None:
    if row["outcome"] == "failed":
        log.warning("%s: failed: %s: %s", row["name"], row["error_class"], row["error_message"])
    elif row["outcome"] == "unchanged":
        log.info("%s: unchanged", row["name"])
    else:
        log.info(
            "%s: %s: %d occurrences, +%d ~%d -%d, %d held, %d quarantined",
            row["name"],
            row["outcome"],
            row["rows_staged"],
            row["inserted"],
            row["updated"],
            row["deleted"],
            row["held"],
            row["quarantined"],
        )
        if row["past_unknown_before"] and row["requested"]:
            log.info(
                "%s: its source does not publish what ended before %s: of that, nothing was deleted",
                row["name"],
                row["past_unknown_before"],
            )
