"""Reading what nobody promises: members that may be missing, null, or of another type than yesterday.

Only what an event cannot be without raises; everything else is as if it were not there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from calimport.sources.rows import moment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def member(value: Any, *names: str) -> Any:
    """``value[name][name]…`` of JSON objects; None where one of them is no object or lacks the member."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text(value: Any) -> str | None:
    """A text that says something, or a number as text; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def texts(value: Any) -> list[str]:
    """The texts of a list, each once."""
    found = [text(one) for one in value] if isinstance(value, list) else []
    return list(dict.fromkeys(one for one in found if one))


def listed(*parts: Any) -> str | None:
    """``The Hall, 1 High Street, Leeds``: each part that says something, unless a later one begins with it."""
    lines = [line for part in parts for line in (text(part) or "").splitlines()]
    found = list(dict.fromkeys(line.strip(" ,") for line in lines if line.strip(" ,")))
    kept = [one for place, one in enumerate(found) if not any(_repeats(later, one) for later in found[place + 1 :])]
    return ", ".join(kept) or None


def required(value: Any, what: str) -> str:
    """:raises ValueError: there is none."""
    found = text(value)
    if found is None:
        raise ValueError(f"it has no {what}")
    return found


def starting(value: Any) -> date | datetime:
    """When an event starts, by ISO 8601.

    :raises ValueError: it does not say, or not so that anybody could tell.
    """
    return moment(required(value, "start"))


def ending(value: Any, start: date | datetime | None = None) -> date | datetime | None:
    """When it ends; None where it does not say, or not so that anybody could tell.

    :param start: of which a date ends with a date, and a time with a time.
    """
    try:
        end = moment(text(value) or "")
    except ValueError:
        return None
    return end if start is None or isinstance(end, datetime) is isinstance(start, datetime) else None


def epoch_milliseconds(value: Any) -> datetime:
    """Milliseconds since 1970 as a UTC instant.

    :raises ValueError: it is no number.
    :raises OverflowError: it lies beyond the year 9999.
    """
    number = value if isinstance(value, float) else float(required(value, "start"))
    return _EPOCH + timedelta(milliseconds=number)


def _repeats(later: str, one: str) -> bool:
    return later.casefold() == one.casefold() or later.casefold().startswith(f"{one.casefold()},")
