"""Time zones: from what a feed writes to an IANA name."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from zoneinfo import available_timezones

_UTC_NAMES: Final = frozenset({"utc", "gmt", "z", "etc/utc", "tzone://microsoft/utc", "coordinated universal time"})


@cache
def _by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


@cache
def iana_name(tzid: str) -> str | None:
    """The IANA name that a TZID means, or None: RFC 5545 leaves its text to the producer (3.2.19)."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    text = tzid.strip().strip('"').strip()
    if text.lower() in _UTC_NAMES:
        return "UTC"
    if found := _by_lower_case().get(text.lower()):
        return found
    if found := WINDOWS_TO_OLSON.get(text):
        return found
    # Mozilla, Apple and libical write prefixes: `/mozilla.org/20050126_1/Europe/London`.
    for slash in re.finditer("/", text):
        if found := _by_lower_case().get(text[slash.end() :].lower()):
            return found
    return None
