"""Normalize: from the stored feed to staged rows, by COPY."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from psycopg import sql

from calimport import copying, geocoding, logs, privacy, reminders
from calimport.errors import LeaseLost
from calimport.normalizing import Meaning, Normalized, merge_notices
from calimport.normalizing import normalize as normalize_feed
from calimport.placing import Placing
from calimport.sources import detecting
from calimport.sources.base import ParseContext, Parsed
from calimport.steps import changed, mirrors
from calimport.steps.changed import Changed
from calimport.steps.runs import Run, Step, each_calendar
from calimport.venues import Place, Venues
from calimport.windows import Window

log = logs.logger(__name__)

_NO_FEED = "This run has no feed: it was not fetched, or the feed was removed meanwhile."
#: Text is handed to libpq in pieces of about this many rows.
_ROWS_AT_ONCE = 1000
#: As bytes: psycopg would put it together anew for each calendar.
_COPY = (
    sql.SQL("copy calimport.staged_events (run_id, {}) from stdin")
    .format(sql.SQL(", ").join(map(sql.Identifier, copying.NAMES)))
    .as_bytes()
)


def normalize(step: Step, calendar_ids: Sequence[int]) -> None:
    """Stage the occurrences of each calendar that extract left.

    :raises CalimportError: every one of them failed, or a setting is wrong.
    """
    geocoder = geocoding.load(step.settings.geocoder)
    places = _places(step)
    venues = Venues(place for place, may_match in places.values() if may_match)

    def work(run: Run) -> None:
        began = time.perf_counter()
        place, _ = places.get(run.place_id, (None, False)) if run.place_id is not None else (None, False)
        placing = Placing(run.strategy, place, venues, timezone=run.run_timezone)
        normalized, changed_alone = _normalize(step, run, placing)
        if geocoder:
            addresses = list(filter(None, normalized.columns["address"]))
            geocoding.geocode(step.connection, addresses, geocoder, clock=step.clock)
        staged = _stage(step, run, normalized, changed_alone)
        stamps_stay = changed_alone.stamps_stay if changed_alone is not None else None
        _record(step, run, normalized, staged, stamps_stay, time.perf_counter() - began)
        log.info(
            "Normalized %s: %d occurrences from %s to %s, %d notices%s",
            run.name,
            staged,
            run.window_start,
            run.window_end,
            len(normalized.notices),
            _how_it_was_read(normalized.parsed, changed_alone),
        )

    each_calendar(step, calendar_ids, work)


def _how_it_was_read(parsed: Parsed, changed_alone: Changed | None) -> str:
    """How many events of the feed were read, where not all were, and how many of them line by line, where any was."""
    found = ""
    if changed_alone is not None:
        found += f", {parsed.components} of {changed_alone.components} events read anew"
    if parsed.read_by_reference:
        found += f", {parsed.read_by_reference} of {parsed.components} events read line by line"
    return found


def _places(step: Step) -> dict[int, tuple[Place, bool]]:
    """Every place by its id, and whether a location may be matched with it: loaded once for the whole batch."""
    rows = step.run("load_places").fetchall()
    return {
        row["id"]: (Place(row["id"], row["name"], row["address"], row["postcode"], row["country"]), row["match_venues"])
        for row in rows
    }


def _normalize(step: Step, run: Run, placing: Placing) -> tuple[Normalized, Changed | None]:
    if run.run_feed_id is None or run.window_start is None or run.window_end is None:
        raise LeaseLost(_NO_FEED)
    context = ParseContext(
        window=Window(run.window_start, run.window_end),
        as_of=_present(run),
        timezone=run.run_timezone or "UTC",
        timezone_source=run.timezone_source or "default",
        max_occurrences=step.settings.max_occurrences,
    )
    meaning = Meaning(
        activity_type=run.activity_type,
        placing=placing,
        ignore_marker=step.settings.ignore_marker,
        privacy=privacy.of_calendar(run),
        default_reminders=reminders.read(run.default_reminders) if run.default_reminders else (),
    )

    base = changed.base(step, run, context)
    feeds = mirrors.load_all(step, [run.run_feed_id] if base is None else [run.run_feed_id, base.feed_id])
    feed = feeds.get(run.run_feed_id)
    if feed is None:
        raise LeaseLost(_NO_FEED)

    def read(content: bytes) -> Normalized:
        return normalize_feed(content, kind=feed.kind, context=context, meaning=meaning)

    changed_alone = None
    if base is not None and base.feed_id in feeds and feed.kind == changed.KIND:
        both = (feeds[base.feed_id].content, feed.content)
        changed_alone = changed.normalize(step, run, base, both, context, read)
    normalized = changed_alone.normalized if changed_alone is not None else read(feed.content)
    suggestions = detecting.notices(feed.validators)
    return replace(normalized, notices=merge_notices([*suggestions, *normalized.notices])), changed_alone


def _stage(step: Step, run: Run, normalized: Normalized, changed_alone: Changed | None) -> int:
    """Replace what is staged for this run; return how many rows are."""
    step.run("clear_staging", run_ids=[run.run_id])
    published_from = _published_from(run, normalized)
    with step.connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            for start in range(0, len(normalized.lines), _ROWS_AT_ONCE):
                lines = normalized.lines[start : start + _ROWS_AT_ONCE]
                copy.write("".join([f"{run.run_id}\t{line}\n" for line in lines]))
        cursor.executemany(
            "insert into calimport.staged_notices (run_id, code, subject, message, occurrences, keeps_uid)"
            " values (%s, %s, %s, %s, %s, %s)",
            [
                (run.run_id, one.code, one.subject, one.message, one.occurrences, one.keeps_uid)
                for one in normalized.notices
            ],
        )
        if published_from is not None and _has_older(step, run, published_from):
            with cursor.copy("copy calimport.staged_uids (run_id, uid) from stdin") as copy:
                for uid in sorted(normalized.parsed.uids):
                    copy.write_row((run.run_id, uid))
    return len(normalized.lines) + (changed_alone.stage_others(step, run) if changed_alone is not None else 0)


def _record(
    step: Step, run: Run, normalized: Normalized, staged: int, stamps_stay: bool | None, seconds: float
) -> None:
    recorded = step.run(
        "record_normalize",
        run_id=run.run_id,
        rows_staged=staged,
        quarantined=sum(notice.keeps_uid for notice in normalized.notices),
        published_from=_published_from(run, normalized),
        published_until=normalized.parsed.published_until,
        feed_retention=_retention(run, normalized),
        events_apart=normalized.parsed.events_apart,
        stamps_stay=stamps_stay,
        calendar_id=run.calendar_id,
        feed_title=normalized.parsed.title,
        feed_color=normalized.parsed.color,
        owner=step.key.owner,
        seconds=round(seconds, 4),
    )
    if recorded.rowcount != 1:
        raise LeaseLost()


def _present(run: Run) -> datetime:
    """What ended before it is past: a feed shows what was published when it was fetched."""
    return max(run.as_of, run.fetched_at or run.as_of)


def _published_from(run: Run, normalized: Normalized) -> datetime | None:
    """Since when the source publishes its past: as far back as this feed goes, or as the last one went.

    The last one counts too, because the feed's oldest events may be those that its owner has just deleted.
    """
    published_from = normalized.parsed.published_from
    if published_from is None or run.feed_retention is None:
        return published_from
    return min(published_from, _present(run) - run.feed_retention)


def _retention(run: Run, normalized: Normalized) -> timedelta | None:
    """How far back this feed goes; None where it has no past event, or where the source publishes all."""
    published_from = normalized.parsed.published_from
    present = _present(run)
    return present - published_from if published_from is not None and published_from < present else None


def _has_older(step: Step, run: Run, published_from: datetime) -> bool:
    """Whether the window has rows of which only the feed's UIDs can tell whether they are gone."""
    found = step.connection.execute(
        "select 1 from calimport.events"
        " where calendar_id = %s and start_at < %s and end_at >= %s and end_at < %s limit 1",
        [run.calendar_id, run.window_end, run.window_start, published_from],
    )
    return found.fetchone() is not None
