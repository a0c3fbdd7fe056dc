"""A Google calendar's id, from what people give for it."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs, quote, urlsplit

from calimport.errors import SourceUnsupported


def calendar_id(source: str | None) -> str:
    """The calendar id that ``source`` is, or that its address of calendar.google.com carries (``src``, ``cid``).

    :raises SourceUnsupported: it is neither, or names several calendars.
    """
    if not source:
        raise SourceUnsupported("Please give the calendar's id (Settings, Integrate calendar, Calendar ID).")
    if "://" not in source:
        return source.strip()
    parts = urlsplit(source)
    query = parse_qs(parts.query)
    found = {_decoded(value) for name in ("src", "cid") for value in query.get(name, [])}
    if parts.hostname not in ("calendar.google.com", "www.google.com") or not found:
        raise SourceUnsupported("This address names no Google calendar. Please give the calendar's id.")
    if len(found) > 1:
        raise SourceUnsupported("This address shows several calendars. Please give the id of one of them.")
    return found.pop()


def quoted(calendar: str) -> str:
    """An id as a part of a path."""
    return quote(calendar, safe="")


def _decoded(value: str) -> str:
    """An id as addresses carry it: as it is, or in base64 without padding."""
    value = value.strip().replace(" ", "+")  # an unquoted + of user+tag@…
    if "@" in value or value == "primary":
        return value
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except (binascii.Error, ValueError):
        return value
    return text if "@" in text else value
