"""What an activity is to a client: the names of the original Store API over the columns of ``events``.

Times are epoch seconds. :data:`FIELDS` is the one place that knows the names; filters, order, writing, the JSON of an
activity and the HTTP documentation follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

#: The path of the API below Airflow's own address; ``resource_uri`` and ``meta.next`` begin with it.
ROOT: Final = "/api/v1"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Epoch seconds of the years 1 to 9999, which is what a datetime can hold.
EARLIEST: Final = -62135596800
LATEST: Final = 253402300799


@dataclass(frozen=True)
class Field:
    """One field of an activity."""

    name: str
    #: Column of :data:`calimport.store.tables.shown`.
    column: str
    #: Key of :data:`OPERATORS`.
    kind: str
    #: Whether it is a user's to write.
    writable: bool = False


#: Kind of field → what can be asked about it, as ``field__operator``; ``exact`` may be left out.
OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("exact", "in", "gt", "gte", "lt", "lte", "range", "isnull"),
    "instant": ("exact", "in", "gt", "gte", "lt", "lte", "range", "isnull"),
    "text": ("exact", "iexact", "in", "contains", "icontains", "startswith", "isnull"),
    "flag": ("exact",),
    "instants": ("contains", "isnull"),
    "object": ("isnull",),
}

FIELDS: Final[Mapping[str, Field]] = {
    field.name: field
    for field in (
        Field("id", "id", "number"),
        Field("user", "user_id", "number", writable=True),
        Field("calendar_id", "calendar_id", "number"),
        Field("calendar_name", "calendar_name", "text"),
        Field("activity_type", "activity_type", "text", writable=True),
        Field("event_id", "source_event_id", "text", writable=True),
        Field("recurring_event_id", "source_series_id", "text", writable=True),
        Field("iCalUID", "uid", "text", writable=True),
        Field("title", "summary", "text", writable=True),
        Field("description", "description", "text", writable=True),
        Field("location", "location", "text", writable=True),
        Field("html_link", "url", "text", writable=True),
        Field("status", "status", "text", writable=True),
        Field("start", "start_at", "instant", writable=True),
        Field("end", "end_at", "instant", writable=True),
        Field("all_day", "all_day", "flag"),
        Field("timezone", "timezone", "text"),
        Field("created", "created_at", "instant"),
        Field("updated", "updated_at", "instant"),
        Field("creator", "creator", "object"),
        Field("color", "color", "text", writable=True),
        Field("reminders", "reminders", "instants", writable=True),
        Field("by_hand", "by_hand", "flag"),
    )
}
#: What an activity has besides, for the reader alone.
RESOURCE_URI: Final = "resource_uri"


def activity(row: Mapping[Any, Any]) -> dict[str, Any]:
    """An activity as JSON, from a row of :data:`calimport.store.tables.shown`.

    ``user`` is the path of the user or null, ``color`` an object or null, ``reminders`` a list of epoch seconds.
    """
    found = {field.name: _value(field, row[field.column]) for field in FIELDS.values()}
    return {**found, RESOURCE_URI: f"{ROOT}/activity/{row['id']}/"}


def epoch(instant: datetime) -> int:
    """Whole epoch seconds, rounded down."""
    return (instant - _EPOCH) // timedelta(seconds=1)


def instant(seconds: int) -> datetime:
    """The instant of these epoch seconds, in UTC.

    :raises ValueError: it lies outside of the years 1 to 9999.
    """
    if not EARLIEST <= seconds <= LATEST:
        raise ValueError(f"must be epoch seconds of the years 1 to 9999, not {seconds}.")
    return _EPOCH + timedelta(seconds=seconds)


def user_uri(user_id: int) -> str:
    return f"{ROOT}/user/{user_id}/"


def _value(field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.kind == "instant":
        return epoch(value)
    if field.kind == "instants":
        return [epoch(one) for one in value]
    if field.name == "user":
        return user_uri(value)
    if field.name == "color":
        return {"background": value}
    return value
