"""What the name of a time zone means: RFC 5545 leaves the text of a TZID to its producer (3.2.19).

Each rule is a small function. :func:`read_name` tries those that are documented first, then those that guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import Enum
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from calimport.zone_tables import ABBREVIATIONS, DISPLAY_NAMES, OLD_WINDOWS, UTC_NAMES, WINDOWS

#: Longer ones mean nothing, and would cost time.
_LONGEST_NAME: Final = 200
#: Files of the database that stand for no zone: the machine's own, and "not set".
_NO_ZONES: Final = frozenset({"localtime", "Factory", "posixrules"})
#: `UTC+2`, `GMT+0100`, `GMT-05:00` (Java), `+01:00`, `(UTC+01:00)`.
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?\s*([+\-−])(\d{1,2})(?:[:.]?(\d{2}))?", re.IGNORECASE)
#: `(UTC+01:00) Amsterdam, Berlin`; Outlook 2003 and older: `(GMT+01.00) Amsterdam / Berlin`.
_DISPLAY: Final = re.compile(r"(\((?:UTC|GMT)\s*(?:[+\-−]\d{1,2}[:.]?\d{2})?\))?\s*(.+)", re.IGNORECASE)
_PLACES: Final = re.compile(r"\s*[,;/]\s*")
_GREENWICH: Final = re.compile(r"greenwich mean time\s*[:;]\s*")
_NUMBERED: Final = re.compile(r"(.* standard time) \d+")
_SEASON: Final = re.compile(r" (?:standard|daylight|summer) time$")
#: Lotus Notes: `Z=-1$DO=1$DL=3 -1 1 10 -1 1$ZX=12$ZN=W. Europe`.
_NOTES: Final = re.compile(r"Z=[^$]*\$.*\$ZN=([^$]+)", re.IGNORECASE)
#: `America/New_York-(Standard)`, `Europe/Berlin_old`: a name of the database, and what a program put behind it.
_NAMED_BEFORE: Final = re.compile(r"((?!etc/)[a-z]+/[a-z_]+?(?:/[a-z_]+?)?)(?:[_ -]?old|[^a-z_/].*)", re.IGNORECASE)
#: `Midway Island`, `Marshall Is.`: IANA's names have only the first word.
_ISLAND: Final = re.compile(r" (?:islands?|is\.?)$")
#: Areas of the database whose members are not named by places, and Australia's old names.
_NOT_CITIES: Final = re.compile(r"(?:Etc|US|Canada|Brazil|Mexico|Chile)/|Australia/(?:North|South|West|ACT|LHI|NSW)$")


class How(Enum):
    """How sure a reading is."""

    #: The name is IANA's own.
    EXACT = "exact"
    #: A documented rule leads to the zone, or the name is an offset.
    RULE = "rule"
    GUESS = "guess"


@dataclass(frozen=True)
class Reading:
    """What a name means. ``name`` is IANA's; None: an offset that IANA has no name for."""

    tzinfo: tzinfo
    name: str | None
    how: How


@lru_cache(maxsize=4096)
def read_name(tzid: str) -> Reading | None:
    """The zone that ``tzid`` means; None where nothing is known of such a name."""
    text = clean(tzid)
    if not text or len(text) > _LONGEST_NAME:
        return None
    if name := _exact(text):
        return Reading(zone(name), name, How.EXACT)
    if name := _windows(text) or _behind_prefix(text):
        return Reading(zone(name), name, How.RULE)
    if (offset := _offset(text)) is not None:
        return fixed(offset)
    if name := _outlook_display(text):
        return Reading(zone(name), name, How.RULE)
    if name := _guess(text):
        return Reading(zone(name), name, How.GUESS)
    return None


def iana_name(tzid: str) -> str | None:
    """The IANA name that ``tzid`` means, itself or by a documented rule; None where that would be a guess."""
    reading = read_name(tzid)
    return None if reading is None or reading.how is How.GUESS else reading.name


def clean(tzid: str) -> str:
    """``tzid`` without what encloses it: blanks, quotes, escapes of commas, the slash of a global id (3.8.3.1)."""
    text = tzid.replace("\\", "").replace("&amp;", "&").strip().strip("\"'").strip()
    return " ".join(text.strip("/").split())


def zone(name: str) -> tzinfo:
    """``name``, one of IANA's, as tzinfo; UTC is :data:`datetime.UTC`."""
    return UTC if name == "UTC" else ZoneInfo(name)


def fixed(offset: timedelta) -> Reading:
    """A constant offset. Whole hours have names in the database, with the sign that POSIX gives them."""
    hours, rest = divmod(offset, timedelta(hours=1))
    if not offset:
        return Reading(UTC, "UTC", How.RULE)
    name = _by_lower_case().get(f"etc/gmt{-hours:+d}") if not rest else None
    return Reading(zone(name) if name else timezone(offset), name, How.RULE)


@cache
def _by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() - _NO_ZONES}


@cache
def _windows_ids() -> dict[str, str]:
    found = {windows.lower(): name for windows, name in OLD_WINDOWS.items()}
    return found | {windows.lower(): name for windows, name, _ in WINDOWS}


@cache
def _displays() -> dict[str, str]:
    return {places.lower(): name for _, name, places in WINDOWS}


@cache
def _windows_places() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for _, name, places in WINDOWS:
        for place in _PLACES.split(places.lower()):
            found.setdefault(place, []).append(name)
    return found


@cache
def _cities() -> dict[str, str]:
    """The last part of each IANA name; of two with one last part, the longer is the current one."""
    names = sorted(available_timezones(), key=lambda name: (name.count("/"), name))
    return {
        name.rpartition("/")[2].replace("_", " ").lower(): name
        for name in names
        if "/" in name and not _NOT_CITIES.match(name)
    }


def _exact(text: str) -> str | None:
    if text.lower() in UTC_NAMES:
        return "UTC"
    return _by_lower_case().get(text.replace(" ", "_").lower())


def _windows(text: str) -> str | None:
    """Outlook and Exchange write the id of Windows: ``W. Europe Standard Time``."""
    return _windows_ids().get(text.lower())


def _behind_prefix(text: str) -> str | None:
    """Global ids: ``/mozilla.org/20070129_1/Europe/Berlin``, Evolution's, libical's, Kerio's, ``Microsoft/…``."""
    for slash in re.finditer("/", text):
        rest = text[slash.end() :]
        if found := _exact(rest) or _windows(rest):
            return found
    return None


def _offset(text: str) -> timedelta | None:
    """An offset east of Greenwich. ``Etc/GMT+5``, which lies west, was found in the database before."""
    found = _OFFSET.fullmatch(text[1:-1] if text.startswith("(") and text.endswith(")") else text)
    if found is None:
        return None
    sign, hours, minutes = found.group(1), int(found.group(2)), int(found.group(3) or 0)
    if hours > 15 or minutes > 59:
        return None
    return timedelta(hours=hours, minutes=minutes) * (1 if sign == "+" else -1)


def _outlook_display(text: str) -> str | None:
    """The display name of Windows, whole: ``(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna``."""
    given, places = _split_display(text)
    # `Samoa` alone may be anybody's, and then is a guess.
    is_display = given is not None or "," in places or "(" in places
    return _displays().get(places) if is_display else None


def _split_display(text: str) -> tuple[str | None, str]:
    found = _DISPLAY.fullmatch(text)
    given, places = (found.group(1), found.group(2).lower()) if found else (None, text.lower())
    return given, _GREENWICH.sub("", re.sub(r"\s*/\s*", ", ", places))


def _guess(text: str) -> str | None:
    lower = text.lower()
    if numbered := _NUMBERED.fullmatch(lower):
        # Outlook numbers the definitions of one name that differ from each other: `W. Europe Standard Time 1`.
        return _windows_ids().get(numbered.group(1))
    if notes := _NOTES.fullmatch(text):
        found = read_name(notes.group(1))
        return found.name if found else None
    season = _SEASON.sub("", lower)
    return (
        ABBREVIATIONS.get(text.upper())
        or DISPLAY_NAMES.get(lower)
        # `Pacific Daylight Time`: Windows' and Java's name of the other half of the year.
        or _windows_ids().get(f"{season} standard time")
        or DISPLAY_NAMES.get(f"{season} time")
        # `Singapore Time`, as Java says it.
        or _windows_ids().get(f"{lower.removesuffix(' time')} standard time")
        or _with_more_behind(text)
        or _by_places(text)
        or _city(lower.rpartition("/")[2].replace("_", " "))
    )


def _with_more_behind(text: str) -> str | None:
    """``US-Eastern``, ``Europe-Berlin``: the slash as a dash; ``America/Los_Angeles (Pacific)``."""
    found = _NAMED_BEFORE.fullmatch(text)
    return _exact(text.replace("-", "/", 1)) or (_exact(found.group(1)) if found else None)


def _by_places(text: str) -> str | None:
    """Other lists of places than today's Windows has: older versions, Exchange 2003, Rails, translations.

    Of the zones of its places the first that has the offset given, else the first.
    """
    given, places = _split_display(text)
    offset = _offset(given) if given else None
    known = [name for place in _PLACES.split(places) for name in _zones_of(place)]
    return next((name for name in known if offset is not None and _standard_offset(name) == offset), None) or (
        known[0] if known else None
    )


def _zones_of(place: str) -> Iterator[str]:
    if city := _city(place):
        yield city
    yield from _windows_places().get(place, [])


def _city(place: str) -> str | None:
    cities = _cities()
    return cities.get(place) or cities.get(_ISLAND.sub("", place)) or next(iter(_windows_places().get(place, [])), None)


@cache
def _standard_offset(name: str) -> timedelta:
    return min(datetime(2025, month, 1, tzinfo=ZoneInfo(name)).utcoffset() or timedelta() for month in (1, 7))
