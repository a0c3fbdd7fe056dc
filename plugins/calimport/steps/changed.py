"""Of a feed that differs little from the one before, only the events that changed are normalized.

What the calendar holds in the window is what the feed before made of it, as long as nothing else that rows follow from
has changed since (that is the fingerprint) and nobody has changed rows by hand. So the rows of the other events are
staged as they are, and whoever compares sees all rows of the feed. Wherever that is not certain, everything is
normalized: this saves time and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from psycopg import sql

from calimport import copying
from calimport.normalizing import Normalized
from calimport.rfc5545.escaping import unescape
from calimport.sources.base import Notice, ParseContext, bounded_uid
from calimport.sources.ics_changes import changes
from calimport.steps import mirrors
from calimport.steps.fingerprint import fingerprint
from calimport.steps.runs import Run, Step
from calimport.text import storable

KIND: Final = "ics"
_COLUMNS: Final = sql.SQL(", ").join(map(sql.Identifier, copying.NAMES))
_STAGE: Final = (
    sql.SQL(
        "insert into calimport.staged_events (run_id, {0}) select %(run_id)s, {0} from calimport.events"
        " where calendar_id = %(calendar_id)s and uid <> all(%(uids)s) and start_at < %(window_end)s and"
        " (end_at > %(window_start)s or (end_at = start_at and start_at >= %(window_start)s))"
    )
    .format(_COLUMNS)
    .as_bytes()
)


@dataclass(frozen=True)
class Changed:
    """What the events that changed are now, and which they are."""

    normalized: Normalized
    uids: frozenset[str]
    #: How many VEVENTs the whole feed has.
    components: int
    #: As :attr:`calimport.sources.ics_changes.Changes.stamps_stay`.
    stamps_stay: bool

    def stage_others(self, step: Step, run: Run) -> int:
        """Stage the rows and notices of the other events as they are; return how many rows."""
        names = {"run_id": run.run_id, "calendar_id": run.calendar_id, "uids": sorted(self.uids)}
        bounds = {"window_start": run.window_start, "window_end": run.window_end}
        staged = step.connection.execute(_STAGE, names | bounds)
        step.run("stage_known_notices", **names)
        return staged.rowcount


def normalize(
    step: Step, run: Run, feed: bytes, context: ParseContext, read: Callable[[bytes], Normalized]
) -> Changed | None:
    """The events that changed since the last import; None where everything has to be read.

    :param read: normalizes a feed in this run's context.
    """
    if not _may_be_read_in_part(step, run, context) or run.feed_id is None:
        return None
    base = step.run("last_import", calendar_id=run.calendar_id, feed_id=run.feed_id).fetchone()
    if base is None or base["events_apart"] is False:
        return None
    before = mirrors.load(step, run.feed_id)
    found = changes(before.content, feed, apart=base["events_apart"] is True) if before is not None else None
    uids = as_stored(found.uids) if found is not None else None
    if found is None or uids is None:
        return None
    retention: timedelta | None = base["feed_retention"]
    published_from = base["as_of"] - retention if retention is not None else context.as_of
    old, new = read(found.before), read(found.after)
    if not (_stands_apart(old, uids) and _stands_apart(new, uids)):
        return None
    if not _says_the_same_of_others(old, new, uids) or not _is_what_is_there(step, run, old, uids):
        return None
    oldest = min(one.parsed.published_from or context.as_of for one in (old, new))
    if oldest <= published_from and oldest < context.as_of:
        # How far back the feed goes may have changed.
        return None
    parsed = replace(new.parsed, published_from=min(published_from, context.as_of))
    return Changed(replace(new, parsed=parsed), uids, found.components, found.stamps_stay)


def _may_be_read_in_part(step: Step, run: Run, context: ParseContext) -> bool:
    """Whether the calendar's rows stand for the feed before, and nothing but the feed has changed since."""
    if run.force or run.dry_run or not run.is_whole or run.feed_kind != KIND or run.feed_meaning_hash is None:
        return False
    if run.feed_id is None or run.feed_id == run.run_feed_id or run.uid_sample or run.held_run_id is not None:
        return False
    known = fingerprint(run, step.settings, run.feed_meaning_hash, context.window, context.timezone)
    return known == run.imported_fingerprint


def _stands_apart(read: Normalized, uids: frozenset[str]) -> bool:
    """Whether each event could be read by itself, as one that is clean: what is said of another names lines."""
    return (
        read.parsed.events_apart is True
        and not read.parsed.read_by_reference
        and all(row["uid"] in uids for row in read.rows)
    )


def _says_the_same_of_others(old: Normalized, new: Normalized, uids: frozenset[str]) -> bool:
    """Whether what is said of the calendar as a whole, of zones and of places stays as it is."""
    if any(notice.keeps_uid for notice in (*old.notices, *new.notices)):
        return False
    return _of_others(old.notices, uids) == _of_others(new.notices, uids)


def _of_others(notices: list[Notice], uids: frozenset[str]) -> set[Notice]:
    return {notice for notice in notices if notice.subject not in uids}


def _is_what_is_there(step: Step, run: Run, old: Normalized, uids: frozenset[str]) -> bool:
    """Whether the calendar holds what the feed before says of these events."""
    there = step.run(
        "rows_of_uids",
        calendar_id=run.calendar_id,
        uids=sorted(uids),
        window_start=run.window_start,
        window_end=run.window_end,
    )
    known = {(row["uid"], row["recurrence_id"], row["content_hash"]) for row in there}
    return known == {(row["uid"], row["recurrence_id"], row["content_hash"]) for row in old.rows}


def as_stored(uids: frozenset[str]) -> frozenset[str] | None:
    """UIDs as rows have them; None where what stands otherwise in the feed may be one of them too."""
    meant = {unescape(uid) for uid in uids}
    if len(meant) < len(uids) or any(uid != storable(uid.strip()) for uid in meant):
        return None
    return frozenset(map(bounded_uid, meant))
