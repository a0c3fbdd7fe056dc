"""Which component lies in which (RFC 5545, 3.4, 3.6), also where a BEGIN or an END is missing, doubled or misspelt.

Nothing recurses and each line costs the same however deep it lies.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from calimport.rfc5545.components import Component
from calimport.rfc5545.property_names import EVENT_ONLY, SINGLE
from calimport.rfc5545.repairs import is_misspelt

#: Stand in a VCALENDAR, and never in one another.
_SIBLINGS: Final = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE", "VAVAILABILITY"})
_DATED: Final = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_OBSERVANCES: Final = frozenset({"STANDARD", "DAYLIGHT"})
_INNER: Final = _OBSERVANCES | {"VALARM", "AVAILABLE"}
_NAMES: Final = _SIBLINGS | _INNER | {"VCALENDAR"}
#: What lies deeper is kept at this depth, so that whoever walks a tree by recursion may.
_DEEPEST: Final = 32


class Nesting:
    """The components open at a place in the text; ``roots`` are the top-level ones so far."""

    def __init__(self) -> None:
        self.roots: list[Component] = []
        self._open: list[Component] = []
        self._names: Counter[str] = Counter()
        self._calendar: Component | None = None

    @property
    def top(self) -> Component | None:
        return self._open[-1] if self._open else None

    def begin(self, name: str, line: int) -> Component:
        """Open a component. What cannot hold it is closed before: an END is missing (hand-edited and cut feeds)."""
        closes = _closed_by(name)
        while self._open and self._open[-1].name in closes:
            self._pop(f"line {line} begins a {name}")
        self._leave_no_event_in_calendar(line)
        component = Component(name, line)
        self._attach(component)
        self._open.append(component)
        self._names[name] += 1
        return component

    def end(self, name: str, line: int) -> None:
        """Close a component and what is still open in it."""
        if self._names[name]:
            if name == "VCALENDAR":
                self._leave_no_event_in_calendar(line)
            while self._open[-1].name != name:
                self._pop(f"line {line} ends the {name} around it")
            self._pop()
        else:
            self._end_of_nothing(name, line)

    def finish(self, line: int) -> list[Component]:
        """The top-level components, after the last line."""
        self._leave_no_event_in_calendar(line)
        while self._open:
            component = self._open[-1]
            if component.name in _DATED:
                component.damaged("the feed ends inside of it")
            self._pop("the feed ends")
        return self.roots

    def _attach(self, component: Component) -> None:
        name, line = component.name, component.line
        if name == "VCALENDAR":
            # One in another is a feed pasted into a feed: it is read as standing beside it.
            self._calendar = component
            self.roots.append(component)
        elif self._open:
            self._open[min(len(self._open), _DEEPEST) - 1].components.append(component)
        elif name in _SIBLINGS:
            component.repaired(f"line {line} begins a {name} outside of any VCALENDAR")
            self._last_calendar(line).components.append(component)
        else:
            self.roots.append(component)

    def _last_calendar(self, line: int) -> Component:
        if self._calendar is None:
            self._calendar = Component("VCALENDAR", line)
            # What else has been lost with the beginning is not known.
            self._calendar.damaged("it has no beginning (BEGIN:VCALENDAR)")
            self.roots.append(self._calendar)
        return self._calendar

    def _pop(self, why_unclosed: str = "") -> None:
        component = self._open.pop()
        self._names[component.name] -= 1
        if why_unclosed:
            self._unclosed(component, why_unclosed)
        if component.name in _DATED:
            _check_single(component)

    def _unclosed(self, component: Component, why: str) -> None:
        sentence = f"it has no end (END:{component.name}): {why}"
        certain = component.name not in _DATED or {"UID", "DTSTART"} <= component.properties.keys()
        (component.repaired if certain else component.damaged)(sentence)
        parent = self.top
        if parent is None:
            return
        if not component.properties and not component.components and parent.components[-1:] == [component]:
            parent.components.pop()
            parent.repaired(f"line {component.line} begins a {component.name} that holds nothing and does not end")
        elif component.name == "VALARM" and parent.name in _DATED:
            _give_back(component, parent)

    def _end_of_nothing(self, name: str, line: int) -> None:
        top = self.top
        if top is not None and _is_typo(name, top.name):
            if name in _NAMES:
                top.repaired(f"line {top.line} begins a {top.name}, read as {name}")
                self._names[top.name] -= 1
                self._names[name] += 1
                top.name = name
            else:
                top.repaired(f"line {line} ends a {name}, read as {top.name}")
            self._pop()
            return
        if name in _DATED and self._leave_no_event_in_calendar(line, name):
            return
        owner = top or self._calendar
        if owner is None:
            return
        sentence = f"line {line} ends a {name} that does not begin"
        # A lost BEGIN:VALARM leaves the alarm's DURATION to the event.
        lost = name == "VALARM" and owner.name in _DATED and {"DURATION", "REPEAT"} <= owner.properties.keys()
        (owner.damaged if lost else owner.repaired)(sentence)

    def _leave_no_event_in_calendar(self, line: int, name: str = "VEVENT") -> bool:
        """Make an event of dates that lie in a VCALENDAR itself: a BEGIN:VEVENT is missing before them."""
        calendar = self.top
        if calendar is None or calendar.name != "VCALENDAR":
            return False
        given = calendar.properties
        if "DTSTART" not in given and not ("UID" in given and calendar.components and name and "SUMMARY" in given):
            return False
        event = Component(name, line)
        for moved in (*EVENT_ONLY, "DTEND", "DURATION", "SUMMARY"):
            if moved in given:
                event.properties[moved] = given.pop(moved)
        if uids := given.pop("UID", []):
            # The first may be the calendar's own (RFC 7986, 5.3).
            event.properties["UID"] = uids[-1:]
        event.damaged(f"it has no beginning (BEGIN:{name}) before line {line}")
        calendar.components.append(event)
        return True


def _closed_by(name: str) -> frozenset[str]:
    if name in _SIBLINGS or name == "VCALENDAR":
        return _SIBLINGS | _INNER
    if name in _OBSERVANCES:
        return _OBSERVANCES
    return frozenset({"VALARM"}) if name == "VALARM" else frozenset()


def _is_typo(name: str, open_name: str) -> bool:
    """If one of two is a component's name and the other is not, and differs by a letter or two."""
    return (name in _NAMES) != (open_name in _NAMES) and is_misspelt(name, open_name)


def _give_back(alarm: Component, event: Component) -> None:
    """Move out of a VALARM without END what can only be the event's."""
    for name in EVENT_ONLY & alarm.properties.keys():
        event.properties.setdefault(name, []).extend(alarm.properties.pop(name))
    if "UID" not in event.properties and "UID" in alarm.properties:
        event.properties["UID"] = alarm.properties.pop("UID")
    if "DURATION" in alarm.properties and not {"REPEAT"} & alarm.properties.keys() and "DTEND" not in event.properties:
        event.damaged(f"the VALARM of line {alarm.line} does not end, so its DURATION may be the event's")


def _check_single(component: Component) -> None:
    for name in SINGLE:
        given = component.properties.get(name)
        if given is not None and len(given) > 1 and any(one != given[0] for one in given):
            component.damaged(f"it has several {name} that differ")
