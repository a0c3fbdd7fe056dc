"""Fields of Google's events as the frame wants them; what is not of the documented type is as none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from calimport.sources.rows import NOT_UNDERSTOOD
from calimport.windows import instant


def online_url(item: Mapping[str, Any]) -> str | None:
    """The address of the video call; ``hangoutLink`` is what Google wrote before it had ``conferenceData``."""
    for point in dicts(dict_(item.get("conferenceData")).get("entryPoints")):
        uri = text(point, "uri")
        if point.get("entryPointType") == "video" and uri:
            return uri
    return text(item, "hangoutLink")


def person(given: Any) -> dict[str, str | None] | None:
    person = {"name": text(dict_(given), "displayName"), "email": text(dict_(given), "email")}
    return person if any(person.values()) else None


def attendee(given: Mapping[str, Any]) -> dict[str, str | None]:
    status = text(given, "responseStatus") or "needs-action"
    return {
        "name": text(given, "displayName"),
        "email": text(given, "email"),
        # Google's words are iCalendar's but for one letter (RFC 5545, 3.2.12).
        "status": {"needsAction": "needs-action"}.get(status, status),
    }


def instant_or_none(value: Any) -> datetime | None:
    try:
        return instant(datetime.fromisoformat(value), ZoneInfo("UTC"))
    except NOT_UNDERSTOOD:
        return None


def one_of(known: tuple[str, ...], value: Any, default: str) -> str:
    return value if value in known else default


def text(given: Mapping[str, Any], name: str) -> str | None:
    """A text that says something, or None."""
    value = given.get(name)
    return value if isinstance(value, str) and value.strip() else None


def dict_(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def is_number(value: Any) -> bool:
    """Whether it is an int32, as the API declares its numbers; JSON's ``true`` is an int to Python."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
