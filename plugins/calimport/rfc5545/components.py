"""Properties and the components that hold them, as read and not yet understood (RFC 5545, 3.2, 3.4, 3.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

_PARAMETER: Final = re.compile(r"(?:[^\";]++|\"[^\"]*+\"?+)++")
_ITEM: Final = re.compile(r"(?:[^\",]++|\"[^\"]*+\"?+)++")
_VALUELESS: Final = re.compile(r"[A-Za-z0-9-]*")
_CARET: Final = re.compile(r"\^([n'^])")
_CARET_MEANS: Final = {"n": "\n", "'": '"', "^": "^"}
#: The only parameters that may have several values (RFC 5545, 3.2; RFC 7986, 6): a comma in others is a part of it.
_SEVERAL: Final = frozenset({"MEMBER", "DELEGATED-TO", "DELEGATED-FROM", "TYPE", "DISPLAY", "FEATURE"})
#: Longer parameters are read at each call: a cache of them would hold a whole feed.
_LONGEST_CACHED: Final = 256
#: Sentences kept of one component: a feed may have a fault per line.
_MOST_SENTENCES: Final = 10


class Property(NamedTuple):
    """One content line, unfolded."""

    name: str
    """Upper case, without a vCard-like group."""
    parameters: str
    """The raw text between name and value without the leading semicolon; empty where there is none."""
    value: str
    """Raw: still escaped. A line break in it is one that the producer wrote without escaping it."""

    def parameter(self, name: str) -> str | None:
        """The first value of a parameter, unquoted, with ``^n ^' ^^`` decoded (RFC 6868); None without it."""
        if not self.parameters:
            return None
        raw = _parameters(self.parameters).get(name)
        if raw is None:
            return None
        return (_items(raw) or [""])[0] if name in _SEVERAL else _plain(raw)

    def parameter_list(self, name: str) -> list[str]:
        """All values of a parameter, each as ``parameter`` gives it; empty without it."""
        raw = _parameters(self.parameters).get(name) if self.parameters else None
        return [] if raw is None else _items(raw)


@dataclass(slots=True, eq=False)
class Component:
    """A component and what it holds, in the feed's order."""

    name: str
    """Upper case."""
    line: int
    """Number of its BEGIN line in the feed, from 1."""
    properties: dict[str, list[Property]] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list, repr=False)
    damage: list[str] = field(default_factory=list)
    """Sentences without a full stop: what was not repaired, so that it is not certain when the event is."""
    repairs: list[str] = field(default_factory=list)
    """The same about what was repaired by a guess, or left out without changing when the event is."""

    def first(self, name: str) -> Property | None:
        found = self.properties.get(name)
        return found[0] if found else None

    def all(self, name: str) -> list[Property]:
        return self.properties.get(name, [])

    def walk(self, name: str) -> Iterator[Component]:
        """This component and all below it that bear ``name``, in the feed's order."""
        left = [self]
        while left:
            component = left.pop()
            if component.name == name:
                yield component
            left.extend(reversed(component.components))

    def damaged(self, sentence: str) -> None:
        _note(self.damage, sentence)

    def repaired(self, sentence: str) -> None:
        _note(self.repairs, sentence)


def said(components: Iterable[Component]) -> tuple[object, ...]:
    """All that components say, in one order: equal where they are."""
    found: list[object] = []
    left = list(components)
    while left:
        one = left.pop()
        found += (one.name, len(one.components), tuple(one.damage))
        for given in one.properties.values():
            found += given
        left += one.components
    return tuple(found)


def _note(sentences: list[str], sentence: str) -> None:
    if len(sentences) < _MOST_SENTENCES:
        sentences.append(sentence)


def _parameters(raw: str) -> dict[str, str]:
    return _cached(raw) if len(raw) <= _LONGEST_CACHED else _read(raw)


@lru_cache(maxsize=4096)
def _cached(raw: str) -> dict[str, str]:
    return _read(raw)


def _read(raw: str) -> dict[str, str]:
    """Raw values by upper-case name. The first of a name counts (each may stand once: RFC 5545, 3.2)."""
    # With a quote that is never closed (`TZID="Europe/Paris;VALUE=…`) quotes say nothing.
    parts = raw.split(";") if raw.count('"') % 2 or '"' not in raw else _PARAMETER.findall(raw)
    found: list[tuple[str, list[str]]] = []
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals and found and not _VALUELESS.fullmatch(part):
            # An unquoted semicolon: `CN=Smith; John`.
            found[-1][1].append(part)
        else:
            found.append((name.strip().upper(), [value]))
    return {name: ";".join(values) for name, values in reversed(found) if name}


def _items(raw: str) -> list[str]:
    parts = raw.split(",") if raw.count('"') % 2 else _ITEM.findall(raw)
    return [_plain(part) for part in parts]


def _plain(raw: str) -> str:
    value = raw.strip().removeprefix('"').removesuffix('"')
    if "\\" in value:
        # Outlook and Zimbra escape parameters as if they were TEXT: `CN=Smith\, John`.
        value = value.replace("\\,", ",").replace("\\;", ";").replace('\\"', '"')
    return _CARET.sub(lambda found: _CARET_MEANS[found.group(1)], value) if "^" in value else value
