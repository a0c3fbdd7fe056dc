"""What was read of feeds, staged by COPY for many calendars at once: few statements, few commits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql

from calimport import copying
from calimport.errors import CalimportError, LeaseLost
from calimport.normalizing import Normalized
from calimport.steps.changed import Changed
from calimport.steps.runs import PORTION_SETTINGS, Run, Step, at_once, columns, recorded

#: Bytes of a UID or a notice, with what Python needs for it.
_EACH = 150
#: Text is handed to libpq in pieces of about this many rows.
_ROWS_AT_ONCE = 1000
#: As bytes: psycopg would put it together anew each time.
_COPY = (
    sql.SQL("copy calimport.staged_events (run_id, {}) from stdin")
    .format(sql.SQL(", ").join(map(sql.Identifier, copying.NAMES)))
    .as_bytes()
)


@dataclass(frozen=True)
class Reading:
    """What was read of a calendar's feed for a run."""

    run: Run
    normalized: Normalized
    #: Where only the events that changed were read.
    changed_alone: Changed | None
    #: That it took.
    seconds: float

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory: its rows, and what is known of each event, in the window or not."""
        others = len(self.normalized.parsed.uids) + len(self.normalized.notices)
        return sum(map(len, self.normalized.lines)) + _EACH * others

    @property
    def published_from(self) -> datetime | None:
        """Since when the source publishes its past: as far back as this feed goes, or as the last one went.

        The last one counts too, because the feed's oldest events may be those that its owner has just deleted.
        """
        published_from = self.normalized.parsed.published_from
        if published_from is None or self.run.feed_retention is None:
            return published_from
        return min(published_from, self.run.present - self.run.feed_retention)

    @property
    def feed_retention(self) -> timedelta | None:
        """How far back this feed goes; None where it has no past event, or where the source publishes all."""
        published_from = self.normalized.parsed.published_from
        present = self.run.present
        return present - published_from if published_from is not None and published_from < present else None


def stage(step: Step, readings: Sequence[Reading], errors: dict[str, CalimportError]) -> Iterator[tuple[Reading, int]]:
    """Replace what is staged for these runs, all in one transaction; yield how many rows each has.

    Where that fails, each is staged in a transaction of its own, so that the one's failure is still its own.
    """
    if not readings:
        return
    staged: dict[int, int] = {}
    if not at_once(step, len(readings), lambda: staged.update(_staged(step, readings))):
        # What was not committed is not staged.
        staged.clear()
        for one in readings:
            with recorded(step, one.run, errors):
                with step.connection.transaction():
                    rows = _staged(step, [one])
                staged.update(rows)
    yield from ((one, staged[one.run.run_id]) for one in readings if one.run.run_id in staged)


def _staged(step: Step, readings: Sequence[Reading]) -> Mapping[int, int]:
    """Stage and record them; how many rows each run has."""
    began = time.perf_counter()
    step.connection.execute(PORTION_SETTINGS)
    step.run("clear_staging", run_ids=[one.run.run_id for one in readings])
    with step.connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for one in readings:
            for start in range(0, len(one.normalized.lines), _ROWS_AT_ONCE):
                lines = one.normalized.lines[start : start + _ROWS_AT_ONCE]
                copy.write("".join([f"{one.run.run_id}\t{line}\n" for line in lines]))
    _stage_notices(step, readings)
    _stage_uids(step, readings)
    others = _stage_others(step, [one for one in readings if one.changed_alone is not None])
    staged = {one.run.run_id: len(one.normalized.lines) + others.get(one.run.run_id, 0) for one in readings}
    share = (time.perf_counter() - began) / len(readings)
    _record(step, readings, staged, share)
    return staged


def _stage_notices(step: Step, readings: Sequence[Reading]) -> None:
    notices = [
        {
            "run_id": one.run.run_id,
            "code": notice.code,
            "subject": notice.subject,
            "message": notice.message,
            "occurrences": notice.occurrences,
            "keeps_uid": notice.keeps_uid,
        }
        for one in readings
        for notice in one.normalized.notices
    ]
    if notices:
        step.run("stage_notices", **columns(notices))


def _stage_uids(step: Step, readings: Sequence[Reading]) -> None:
    """Where the window has rows of which only the feed's UIDs can tell whether they are gone."""
    doubtful = [
        {
            "run_id": one.run.run_id,
            "calendar_id": one.run.calendar_id,
            "window_start": one.run.window_start,
            "window_end": one.run.window_end,
            "published_from": one.published_from,
        }
        for one in readings
        if one.published_from is not None
    ]
    if not doubtful:
        return
    older = {row["run_id"] for row in step.run("runs_with_older", **columns(doubtful))}
    of_older = [one for one in readings if one.run.run_id in older]
    if of_older:
        statement = "copy calimport.staged_uids (run_id, uid) from stdin"
        with step.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for one in of_older:
                for uid in sorted(one.normalized.parsed.uids):
                    copy.write_row((one.run.run_id, uid))


def _stage_others(step: Step, readings: Sequence[Reading]) -> Mapping[int, int]:
    """Stage the rows and notices of the events that were not read anew, as they are; how many rows by run."""
    if not readings:
        return {}
    runs = [
        {
            "run_id": one.run.run_id,
            "calendar_id": one.run.calendar_id,
            "window_start": one.run.window_start,
            "window_end": one.run.window_end,
        }
        for one in readings
    ]
    read_anew = [(one.run.run_id, uid) for one in readings if one.changed_alone for uid in one.changed_alone.uids]
    rows = step.run(
        "stage_others",
        **columns(runs),
        read_anew_run_id=[run_id for run_id, _ in read_anew],
        read_anew_uid=[uid for _, uid in read_anew],
    )
    return {row["run_id"]: row["rows"] for row in rows}


def _record(step: Step, readings: Sequence[Reading], staged: Mapping[int, int], share: float) -> None:
    found = step.run(
        "record_normalize",
        **columns([_record_of(one, staged[one.run.run_id], one.seconds + share) for one in readings]),
        owner=step.key.owner,
    )
    if found.rowcount != len(readings):
        # Another run holds a calendar, or this one has ended meanwhile.
        raise LeaseLost()


def _record_of(one: Reading, staged: int, seconds: float) -> dict[str, Any]:
    parsed = one.normalized.parsed
    return {
        "run_id": one.run.run_id,
        "rows_staged": staged,
        "quarantined": sum(notice.keeps_uid for notice in one.normalized.notices),
        "published_from": one.published_from,
        "published_until": parsed.published_until,
        "feed_retention": one.feed_retention,
        "events_apart": parsed.events_apart,
        "stamps_stay": one.changed_alone.stamps_stay if one.changed_alone is not None else None,
        "feed_title": parsed.title,
        "feed_color": parsed.color,
        "seconds": round(seconds, 4),
    }
