"""The events of an iCalendar feed by UID, and what is said of those that cannot be understood."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from calimport import logs
from calimport.rfc5545.blocks import Reader
from calimport.rfc5545.components import Component, Property, said
from calimport.rfc5545.escaping import unescape
from calimport.rfc5545.events import Event, event
from calimport.rfc5545.recurrence import BUDGET, Steps
from calimport.sources.base import Notice, ParseContext, bounded_uid, quoted
from calimport.sources.ics_columns import text
from calimport.sources.ics_outside import Outside
from calimport.sources.ics_singles import Single, Singles
from calimport.sources.ics_skim import Skim
from calimport.zones import Zones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calimport.rfc5545.blocks import Block, Layout
    from calimport.windows import Window

log = logs.logger(__name__)

_PRIVATE: Final = ("PRIVATE", "CONFIDENTIAL")


#: The components of one UID, each with the zones of the VCALENDAR that it stands in.
Members = list[tuple[Component, Zones]]


@dataclass(frozen=True)
class Groups:
    """The events of a feed by UID, in the order in which their UIDs come first."""

    uids: frozenset[str]
    #: All that may have a part in the window; what is one row and needs no more than its lines is that row.
    near: Iterator[tuple[str, Members | Single]]
    #: How many VEVENTs there are, and how many of them the reference has read.
    components: int
    read_by_reference: int
    #: Complete once `near` is: UIDs that are not there and of which all begins later than the run, …
    ahead: AbstractSet[str] = frozenset()
    #: … UIDs of which a part that is not there begins before, …
    begun: AbstractSet[str] = frozenset()
    #: … and single events that are not there, of which one ends first.
    oldest_outside: Callable[[], list[Members]] = list


def components_by_uid(calendars: Sequence[Component], context: ParseContext) -> Groups:
    """Every VEVENT by its UID.

    One without a UID (RFC 5545, 3.8.4.7 demands it) gets one of its content.
    """
    zone = ZoneInfo(context.timezone)
    found: dict[str, Members] = defaultdict(list)
    # Each entry of a CalDAV collection has its own copy of one definition, and to understand one takes a millisecond.
    by_definition: dict[tuple[object, ...], Zones] = {}
    for calendar in calendars:
        defined = list(calendar.walk("VTIMEZONE"))
        zones = by_definition.setdefault(said(defined), Zones(defined, zone, context.timezone_source, context.window))
        cancelled = cancels(calendar)
        for component in calendar.walk("VEVENT"):
            if cancelled:
                # RFC 5546, 3.2.5: what a CANCEL lists is cancelled, whatever its own status says.
                component.properties["STATUS"] = [Property("STATUS", "", "CANCELLED")]
            uid = (text(component, "UID") or "").strip() or _made_up_uid(component)
            found[bounded_uid(uid)].append((component, zones))
    count = sum(map(len, found.values()))
    return Groups(frozenset(found), iter(found.items()), count, count)


def blocks_by_uid(layout: Layout, context: ParseContext, color: str | None) -> Groups | None:
    """As :func:`components_by_uid`; what is outside of the window is not read.

    None: not only each by itself can the events be read.

    :param color: of events that have none.
    """
    zones = Zones(
        layout.calendar.walk("VTIMEZONE"), ZoneInfo(context.timezone), context.timezone_source, context.window
    )
    outside, reader = Outside(context.window, zones, context.as_of), Reader(layout)
    skim = Skim(outside)
    found: dict[str, list[Block]] = defaultdict(list)
    by_reference = 0
    for number, (body, line) in enumerate(layout.events):
        if skim.passes(text := body.decode(), number):
            continue
        block = reader.read(text, line)
        skim.learn(block, text)
        by_reference += block.shape is None
        found[bounded_uid(_uid(block) or _made_up_uid(block.component()))].append(block)
    if reader.is_lost:
        return None

    def read(number: int) -> Block:
        body, line = layout.events[number]
        return reader.read(body.decode(), line)

    def component(number: int) -> Component:
        return read(number).component()

    passed = [(bounded_uid(unescape(uid).strip()), days, number) for uid, days, number in skim.passed]
    times = Counter(uid for uid, _, _ in passed)
    alone = times.keys() - found.keys()
    if len(alone) < len(passed):
        alone = {uid for uid in alone if times[uid] == 1}
        for uid, _, number in passed:
            if uid not in alone:
                found[uid].append(read(number))
        passed = [one for one in passed if one[0] in alone]
        # The components of one UID are read together, all in the feed's order.
        for blocks in found.values():
            blocks.sort(key=lambda block: block.line)
        found = dict(sorted(found.items(), key=lambda item: item[1][0].line))
    outside.passed_over(passed, component)

    singles = Singles(context, zones, outside, color)

    def single(uid: str, block: Block) -> Single | None:
        try:
            return singles.of(uid, block)
        except Exception:  # noqa: BLE001 - it is met again where the event is read as others are, and said there
            return None

    def near() -> Iterator[tuple[str, Members | Single]]:
        for uid, blocks in found.items():
            if len(blocks) == 1 and (row := single(uid, blocks[0])):
                yield uid, row
            elif left := outside.left(uid, blocks):
                yield uid, [(block.component(), zones) for block in left]

    return Groups(
        uids=frozenset(found) | alone,
        near=near(),
        components=len(layout.events),
        read_by_reference=by_reference,
        ahead=outside.ahead,
        begun=outside.begun,
        oldest_outside=lambda: [[(component, zones)] for component in outside.oldest()],
    )


def cancels(calendar: Component) -> bool:
    """Whether what a calendar lists is cancelled (RFC 5546, 3.2.5)."""
    return text(calendar, "METHOD") == "CANCEL"


def _uid(block: Block) -> str:
    if block.shape is None:
        return (text(block.component(), "UID") or "").strip()
    number = block.shape.first.get("UID")
    return unescape(block.value(number)).strip() if number is not None else ""


class Patience:
    """What the rules of one feed may cost, so that thousands of events that ask for too much take no longer than some.

    Each event has the steps that any real one takes. Those beyond, up to what one event may, come from a common store.
    """

    def __init__(self, window: Window) -> None:
        self._each = min(1000 + (window.end - window.start).days, 20_000)
        self._common = 4 * BUDGET
        self._last = Steps(0)

    def steps(self) -> Steps:
        """The steps of the next event."""
        self._common = max(0, self._common - max(0, self._last.taken - self._each))
        self._last = Steps(min(BUDGET, self._each + self._common))
        return self._last


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
        message = f"The event {_name(events[0].payload, uid)} was read with a guess: {'; '.join(notes)[:500]}."
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
    message = f"The event {_name(component, uid)} could not be understood and was left as it was: {reason}"
    return Notice("event_unreadable", message, subject=uid, keeps_uid=True)


def too_often(uid: str, component: Component, most: int) -> Notice:
    message = f"The event {_name(component, uid)} has more than {most} dates in the window; the rest were left out."
    return Notice("too_many_occurrences", message, subject=uid, keeps_uid=True)


def single_ends(events: Sequence[Event], spans: Sequence[tuple[datetime, datetime]]) -> Iterator[datetime]:
    """Ends of the single events among these, each with its span.

    Those of a series say nothing of how much of its past the source publishes.
    """
    for one, (_, end) in zip(events, spans, strict=True):
        if not one.recurs and one.recurrence_id is None:
            yield end


def _name(component: Component, uid: str) -> str:
    private = (text(component, "CLASS") or "").upper() in _PRIVATE
    return quoted((None if private else text(component, "SUMMARY")) or uid or "without a name")


def _made_up_uid(component: Component) -> str:
    parts = [one.value for name in ("DTSTART", "DTEND", "SUMMARY") for one in component.all(name)]
    return f"calimport-{hashlib.sha256(chr(10).join(parts).encode('utf-8', 'replace')).hexdigest()[:32]}"
