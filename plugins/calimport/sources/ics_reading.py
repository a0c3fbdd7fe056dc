"""The events of an iCalendar feed by UID, and what is said of those that cannot be understood."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from calimport.rfc5545.content_lines import Component, Property
from calimport.rfc5545.events import Event, event
from calimport.rfc5545.recurrence import BUDGET, Steps
from calimport.rfc5545.series import single_span
from calimport.sources.base import Notice, ParseContext, bounded_uid
from calimport.sources.ics_rows import text
from calimport.zones import Zones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calimport.windows import Window

log = logging.getLogger(__name__)

_PRIVATE: Final = ("PRIVATE", "CONFIDENTIAL")


def components_by_uid(
    calendars: Sequence[Component], context: ParseContext
) -> dict[str, list[tuple[Component, Zones]]]:
    """Every VEVENT by its UID, in the feed's order, with the zones of the VCALENDAR that it stands in.

    One without a UID (RFC 5545, 3.8.4.7 demands it) gets one of its content.
    """
    zone = ZoneInfo(context.timezone)
    found: dict[str, list[tuple[Component, Zones]]] = defaultdict(list)
    # Each entry of a CalDAV collection has its own copy of one definition, and to understand one takes a millisecond.
    by_definition: dict[tuple[object, ...], Zones] = {}
    for calendar in calendars:
        defined = list(calendar.walk("VTIMEZONE"))
        zones = by_definition.setdefault(
            tuple(_said(defined)), Zones(defined, zone, context.timezone_source, context.window)
        )
        cancelled = text(calendar, "METHOD") == "CANCEL"
        for component in calendar.walk("VEVENT"):
            if cancelled:
                # RFC 5546, 3.2.5: what a CANCEL lists is cancelled, whatever its own status says.
                component.properties["STATUS"] = [Property("STATUS", "", "CANCELLED")]
            uid = (text(component, "UID") or "").strip() or _made_up_uid(component)
            found[bounded_uid(uid)].append((component, zones))
    return found


class Patience:
    """What the rules of one feed may cost, so that thousands of events that ask for too much take no longer than some.

    Each event has the steps that any real one takes. Those beyond, up to what one event may, come from a common store.
    """

    def __init__(self, window: Window) -> None:
        self._each = min(1000 + (window.end - window.start).days, 20_000)
        self._common = 4 * BUDGET

    @contextmanager
    def steps(self) -> Iterator[Steps]:
        """The steps of one event."""
        steps = Steps(min(BUDGET, self._each + self._common))
        try:
            yield steps
        finally:
            self._common = max(0, self._common - max(0, steps.taken - self._each))


def typed(components: Sequence[tuple[Component, Zones]], uid: str) -> list[Event]:
    """The components of one UID with their times.

    :raises ValueError: one of them has none that is certain.
    """
    return [event(component, uid, zones) for component, zones in components]


def damage(calendars: Sequence[Component]) -> Iterator[Notice]:
    """What is wrong around the events: any of them may be missing for it, so none is taken as gone."""
    sentences = [sentence for calendar in calendars if calendar.name != "VEVENT" for sentence in calendar.damage]
    if sentences:
        reasons = "; ".join(dict.fromkeys(sentences))[:500]
        yield Notice("feed_damaged", f"The calendar file is damaged: {reasons}.", keeps_uid=True)


def guesses(events: Sequence[Event], uid: str) -> Iterator[Notice]:
    """What was read by a guess: of one event, or of a time zone for all that name it."""
    notes = list(dict.fromkeys(note for one in events for note in one.notes))
    if notes:
        message = f"The event {_name(events[0].payload, uid)!r} was read with a guess: {'; '.join(notes)[:500]}."
        yield Notice("event_guessed", message, subject=uid, keeps_uid=any(one.incomplete for one in events))
    for one in events:
        for tzid, zone in one.doubtful_zones.items():
            code = "timezone_unknown" if zone.evidence in ("calendar", "default") else "timezone_guessed"
            yield Notice(code, zone.notice or "", subject=bounded_uid(tzid))


def unreadable(uid: str, component: Component, error: Exception) -> Notice:
    """The notice of an event that is left as it was. It names the title of no private event."""
    if not isinstance(error, ValueError):
        log.error("An event could not be expanded", exc_info=error)
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    message = f"The event {_name(component, uid)!r} could not be understood and was left as it was: {reason}"
    return Notice("event_unreadable", message, subject=uid, keeps_uid=True)


def too_often(uid: str, component: Component, most: int) -> Notice:
    message = f"The event {_name(component, uid)!r} has more than {most} dates in the window; the rest were left out."
    return Notice("too_many_occurrences", message, subject=uid, keeps_uid=True)


def begins(events: Sequence[Event], zone: ZoneInfo) -> datetime:
    """When the first of these begins. A series that begins ahead says nothing of what was before it was changed."""
    return min(single_span(one, zone)[0] for one in events)


def single_ends(events: Sequence[Event], zone: ZoneInfo) -> list[datetime]:
    """Ends of single events. Those of a series say nothing of how much of its past the source publishes."""
    return [single_span(one, zone)[1] for one in events if not one.recurs and one.recurrence_id is None]


def _name(component: Component, uid: str) -> str:
    private = (text(component, "CLASS") or "").upper() in _PRIVATE
    return (None if private else text(component, "SUMMARY")) or uid or "without a name"


def _said(components: Sequence[Component]) -> Iterator[object]:
    """All that components say, in one order: equal where they are."""
    left = list(components)
    while left:
        one = left.pop()
        yield one.name, len(one.components), tuple(one.damage)
        yield from (given for all_given in one.properties.values() for given in all_given)
        left.extend(one.components)


def _made_up_uid(component: Component) -> str:
    parts = [one.value for name in ("DTSTART", "DTEND", "SUMMARY") for one in component.all(name)]
    return f"calimport-{hashlib.sha256(chr(10).join(parts).encode('utf-8', 'replace')).hexdigest()[:32]}"
