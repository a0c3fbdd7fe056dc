"""Of a feed that differs little from the one before, only the events that changed are normalized.

What the calendar holds in the window is what the feed before made of it, as long as nothing else that rows follow from
has changed since (that is the fingerprint) and nobody has changed rows by hand. So the rows of the other events are
staged as they are, and whoever compares sees all rows of the feed. Wherever that is not certain, everything is
normalized: this saves time and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from calimport.normalizing import Normalized
from calimport.rfc5545.escaping import unescape
from calimport.sources.base import Notice, ParseContext, bounded_uid
from calimport.sources.ics_changes import changes
from calimport.steps.fingerprint import fingerprint
from calimport.steps.runs import Run, Step
from calimport.text import storable
from calimport.windows import Window

KIND: Final = "ics"


@dataclass(frozen=True)
class Base:
    """The feed that the calendar's rows are made of, which the new one is compared with."""

    feed_id: int
    #: As :attr:`calimport.sources.base.Parsed.events_apart`; None: not known.
    events_apart: bool | None
    #: Since when it published its past.
    published_from: datetime


@dataclass(frozen=True)
class Changed:
    """What the events that changed are now, and which they are."""

    normalized: Normalized
    uids: frozenset[str]
    #: How many VEVENTs the whole feed has.
    components: int
    #: As :attr:`calimport.sources.ics_changes.Changes.stamps_stay`.
    stamps_stay: bool


def bases(step: Step, runs: Sequence[Run]) -> dict[int, Base]:
    """By run what its feed may be compared with; nothing of those that have to be read as a whole."""
    asked = {run.calendar_id: run for run in runs if _may_be_read_in_part(step, run)}
    if not asked:
        return {}
    feed_ids = {calendar_id: run.feed_id for calendar_id, run in asked.items()}
    found = {}
    for last in step.run("last_imports", calendar_id=list(feed_ids), feed_id=list(feed_ids.values())):
        run = asked[last["calendar_id"]]
        if run.feed_id is not None and last["events_apart"] is not False:
            retention: timedelta | None = last["feed_retention"]
            published_from = last["as_of"] - retention if retention is not None else run.present
            found[run.run_id] = Base(run.feed_id, last["events_apart"], published_from)
    return found


def normalize(
    step: Step,
    run: Run,
    known: Base,
    feeds: tuple[bytes, bytes],
    context: ParseContext,
    read: Callable[[bytes], Normalized],
) -> Changed | None:
    """The events that changed since the last import; None where everything has to be read.

    :param feeds: the one that ``known`` speaks of, and the new one.
    :param read: normalizes a feed in this run's context.
    """
    found = changes(*feeds, apart=known.events_apart is True)
    uids = as_stored(found.uids) if found is not None else None
    if found is None or uids is None:
        return None
    old, new = read(found.before), read(found.after)
    if not (_stands_apart(old, uids) and _stands_apart(new, uids)):
        return None
    if not _says_the_same_of_others(old, new, uids) or not _is_what_is_there(step, run, old, uids):
        return None
    oldest = min(one.parsed.published_from or context.as_of for one in (old, new))
    if oldest <= known.published_from and oldest < context.as_of:
        # How far back the feed goes may have changed.
        return None
    parsed = replace(new.parsed, published_from=min(known.published_from, context.as_of))
    return Changed(replace(new, parsed=parsed), uids, found.components, found.stamps_stay)


def _may_be_read_in_part(step: Step, run: Run) -> bool:
    """Whether the calendar's rows stand for the feed before, and nothing but the feed has changed since."""
    if run.force or run.dry_run or not run.is_whole or run.feed_kind != KIND or run.feed_meaning_hash is None:
        return False
    if run.feed_id is None or run.feed_id == run.run_feed_id or run.uid_sample or run.held_run_id is not None:
        return False
    if run.window_start is None or run.window_end is None:
        return False
    window = Window(run.window_start, run.window_end)
    known = fingerprint(run, step.settings, run.feed_meaning_hash, window, run.run_timezone or "UTC")
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
