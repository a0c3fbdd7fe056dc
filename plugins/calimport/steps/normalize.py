"""Normalize: from stored feeds to staged rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from calimport import geocoding, logs, privacy, reminders
from calimport.errors import CalimportError, LeaseLost
from calimport.normalizing import Meaning, Normalized, merge_notices
from calimport.normalizing import normalize as normalize_feed
from calimport.placing import Placing
from calimport.sources import detecting
from calimport.sources.base import ParseContext
from calimport.steps import changed, mirrors
from calimport.steps.changed import Base, Changed
from calimport.steps.runs import Run, Step, by_index, leased, raise_if_none_left, recorded
from calimport.steps.staging import Reading, stage
from calimport.venues import Place, Venues
from calimport.windows import Window

log = logs.logger(__name__)

_NO_FEED: Final = "This run has no feed: it was not fetched, or the feed was removed meanwhile."
#: Bytes of what waits to be staged together, unless one feed alone has more.
_MOST_WAITING: Final = 4 * 1024 * 1024


def normalize(step: Step, calendar_ids: Sequence[int]) -> None:
    """Stage the occurrences of each calendar that extract left.

    :raises CalimportError: every one of them failed, or a setting is wrong.
    """
    geocoder = geocoding.load(step.settings.geocoder)
    places = _places(step)
    venues = Venues(place for place, may_match in places.values() if may_match)
    errors: dict[str, CalimportError] = {}
    done = 0

    def read(run: Run, base: Base | None) -> Reading:
        began = time.perf_counter()
        place, _ = places.get(run.place_id, (None, False)) if run.place_id is not None else (None, False)
        placing = Placing(run.strategy, place, venues, timezone=run.run_timezone)
        normalized, changed_alone = _normalize(step, run, base, placing)
        if geocoder:
            addresses = list(filter(None, normalized.columns["address"]))
            geocoding.geocode(step.connection, addresses, geocoder, clock=step.clock)
        # Its lines are what is staged; the columns take more memory than they.
        return Reading(run, replace(normalized, columns={}), changed_alone, time.perf_counter() - began)

    with by_index(step):
        for runs, held in leased(step, calendar_ids):
            bases = changed.bases(step, runs)
            waiting: list[Reading] = []
            size = 0
            for run in runs:
                with recorded(step, run, errors):
                    if run.calendar_id not in held:
                        raise LeaseLost()
                    waiting.append(one := read(run, bases.get(run.run_id)))
                    size += one.size
                if size > _MOST_WAITING:
                    done += _stage(step, waiting, errors)
                    waiting, size = [], 0
            done += _stage(step, waiting, errors)
    raise_if_none_left(errors, done)


def _stage(step: Step, readings: Sequence[Reading], errors: dict[str, CalimportError]) -> int:
    """Stage these; return how many calendars got through."""
    done = 0
    for one, rows in stage(step, readings, errors):
        log.info(
            "Normalized %s: %d occurrences from %s to %s, %d notices%s",
            one.run.name,
            rows,
            one.run.window_start,
            one.run.window_end,
            len(one.normalized.notices),
            _how_it_was_read(one),
        )
        done += 1
    return done


def _how_it_was_read(one: Reading) -> str:
    """How many events of the feed were read, where not all were, and how many of them line by line, where any was."""
    parsed = one.normalized.parsed
    found = ""
    if one.changed_alone is not None:
        found += f", {parsed.components} of {one.changed_alone.components} events read anew"
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


def _normalize(step: Step, run: Run, base: Base | None, placing: Placing) -> tuple[Normalized, Changed | None]:
    if run.run_feed_id is None or run.window_start is None or run.window_end is None:
        raise LeaseLost(_NO_FEED)
    context = ParseContext(
        window=Window(run.window_start, run.window_end),
        as_of=run.present,
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
