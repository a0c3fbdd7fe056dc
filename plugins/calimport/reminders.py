"""When to remind, and how: what sources find, and what a calendar's own configuration adds.

``reminders`` of the frame are instants, ascending and each once; ``reminder_methods`` goes beside it and says how each
of them reminds, the methods of one instant joined by commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

#: Google's word for what RFC 5545 (3.6.6) calls DISPLAY comes first: it is what is meant where nothing is said.
METHODS: Final = ("popup", "email", "audio")

#: One reminder of a calendar: how long before the start, and how.
Default = tuple[timedelta, str]

_WRITTEN: Final = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?", re.ASCII)
_LONGEST: Final = timedelta(days=366)
_MOST: Final = 10


def columns(found: Iterable[tuple[datetime, str]]) -> dict[str, Any]:
    """``reminders`` and ``reminder_methods`` of the frame; a method that is none of :data:`METHODS` is ``popup``."""
    by_instant: dict[datetime, set[str]] = {}
    for instant, method in found:
        by_instant.setdefault(instant, set()).add(method if method in METHODS else METHODS[0])
    ordered = sorted(by_instant)
    return {"reminders": ordered, "reminder_methods": [",".join(sorted(by_instant[one])) for one in ordered]}


def completed(row: dict[str, Any], defaults: Sequence[Default]) -> dict[str, Any]:
    """The two columns of a row as its source found them.

    A source that says how has ``reminder_methods``, an empty list where the event wants no reminder. Without that
    column, instants are ``popup``; without instants too, the calendar's defaults apply.
    """
    methods = row.get("reminder_methods")
    if methods is not None:
        return {"reminders": row["reminders"], "reminder_methods": methods}
    if not row["reminders"] and not defaults:
        return {"reminders": [], "reminder_methods": []}
    if row["reminders"]:
        return columns((one, METHODS[0]) for one in row["reminders"])
    found = []
    for before, method in defaults:
        try:
            found.append((row["start_at"] - before, method))
        except OverflowError:  # before the year 1
            continue
    return columns(found)


def read(text: str) -> tuple[Default, ...]:
    """``10m, 1d email``: times before the start, each with a method; without one it is ``popup``.

    :raises ValueError: it is written otherwise; the message says how it is to be.
    """
    found = {_read_one(part) for part in text.split(",")}
    if len(found) > _MOST:
        raise ValueError(f"has {len(found)} reminders; {_MOST} at most.")
    return tuple(sorted(found))


def written(defaults: Iterable[Default]) -> str:
    """The form that :func:`read` takes, in one spelling: what means the same is the same text."""
    return ", ".join(f"{_interval(before)} {method}" for before, method in defaults)


def _read_one(part: str) -> Default:
    before, _, method = part.strip().lower().partition(" ")
    method = method.strip() or METHODS[0]
    match = _WRITTEN.fullmatch(f"{before}m" if before.isdecimal() else before)
    if match is None or not before or method not in METHODS:
        raise ValueError(f"{part.strip()!r} is no reminder: write 10m, 1h or 1d, and popup, email or audio after it.")
    days, hours, minutes = (int(number or 0) for number in match.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes)
    if length > _LONGEST:
        raise ValueError(f"{part.strip()!r} is more than {_LONGEST.days} days before the start.")
    return length, method


def _interval(before: timedelta) -> str:
    minutes = int(before.total_seconds()) // 60
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = zip((days, hours, minutes), "dhm", strict=True)
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0m"
