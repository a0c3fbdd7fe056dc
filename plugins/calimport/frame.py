"""The uniform frame: the one declaration of what a dated occurrence is made of.

pandas, COPY, the content hash, ``preview`` and the database all follow :data:`COLUMNS`; a test compares it with the
tables ``events`` and ``staged_events``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

#: pandas dtypes. Text is pandas 3's ``str``; instants are UTC; JSON and lists are objects.
TEXT: Final = "str"
INSTANT: Final = "datetime64[us, UTC]"
FLAG: Final = "bool"
NUMBER: Final = "Int64"
OBJECT: Final = "object"


@dataclass(frozen=True)
class Column:
    """One column of the frame, of ``events`` and of ``staged_events``."""

    name: str
    dtype: str
    #: The PostgreSQL type, as ``format_type`` prints it.
    sql_type: str
    nullable: bool
    #: Whether a difference here makes the row changed. What producers rewrite at every request does not count.
    content: bool


COLUMNS: Final[tuple[Column, ...]] = (
    # Identity: (calendar_id, uid, recurrence_id).
    Column("uid", TEXT, "text", nullable=False, content=False),
    # The original start of an instance of a series, UTC `YYYY-MM-DDTHH:MM:SSZ` or `YYYY-MM-DD`; null: single event.
    Column("recurrence_id", TEXT, "text", nullable=True, content=True),
    # Where the occurrence lies. All-day: midnight in the calendar's zone, so every row can be asked about a window.
    Column("start_at", INSTANT, "timestamp with time zone", nullable=False, content=True),
    Column("end_at", INSTANT, "timestamp with time zone", nullable=False, content=True),
    Column("all_day", FLAG, "boolean", nullable=False, content=True),
    # All-day only: the dates as the calendar's owner wrote them, the end exclusive.
    Column("start_date", OBJECT, "date", nullable=True, content=True),
    Column("end_date", OBJECT, "date", nullable=True, content=True),
    Column("timezone", TEXT, "text", nullable=True, content=True),
    Column("timezone_source", TEXT, "text", nullable=True, content=True),
    Column("status", TEXT, "text", nullable=False, content=True),
    Column("summary", TEXT, "text", nullable=True, content=True),
    Column("description", TEXT, "text", nullable=True, content=True),
    Column("location", TEXT, "text", nullable=True, content=True),
    Column("url", TEXT, "text", nullable=True, content=True),
    Column("online_url", TEXT, "text", nullable=True, content=True),
    Column("online_type", TEXT, "text", nullable=True, content=True),
    Column("categories", OBJECT, "text[]", nullable=False, content=True),
    Column("organizer", OBJECT, "jsonb", nullable=True, content=True),
    Column("creator", OBJECT, "jsonb", nullable=True, content=True),
    Column("attendees", OBJECT, "jsonb", nullable=False, content=True),
    Column("visibility", TEXT, "text", nullable=False, content=True),
    Column("transparency", TEXT, "text", nullable=False, content=True),
    Column("color", TEXT, "text", nullable=True, content=True),
    Column("reminders", OBJECT, "timestamp with time zone[]", nullable=False, content=True),
    # How each of them reminds, in their order; the methods of one instant are joined by commas.
    Column("reminder_methods", OBJECT, "text[]", nullable=False, content=True),
    # SEQUENCE, CREATED and LAST-MODIFIED change at every request of some producers (Google, Meetup).
    Column("sequence", NUMBER, "integer", nullable=True, content=False),
    Column("created_at", INSTANT, "timestamp with time zone", nullable=True, content=False),
    Column("updated_at", INSTANT, "timestamp with time zone", nullable=True, content=False),
    Column("is_recurring", FLAG, "boolean", nullable=False, content=True),
    # The provider's own ids, where it has them besides the UID (Google: event id, recurring event id).
    Column("source_event_id", TEXT, "text", nullable=True, content=True),
    Column("source_series_id", TEXT, "text", nullable=True, content=True),
    Column("activity_type", TEXT, "text", nullable=True, content=True),
    Column("place_id", NUMBER, "bigint", nullable=True, content=True),
    Column("address", TEXT, "text", nullable=True, content=True),
    Column("content_hash", OBJECT, "bytea", nullable=False, content=False),
)

#: Rows as lists of one length by column.
Columns = dict[str, list[Any]]

NAMES: Final[tuple[str, ...]] = tuple(column.name for column in COLUMNS)
CONTENT: Final[tuple[str, ...]] = tuple(column.name for column in COLUMNS if column.content)
#: Content that an earlier version did not have: it is hashed where it says something, so that an upgrade changes only
#: the rows that gain by it.
ADDED: Final = frozenset({"reminder_methods"})

#: What is kept of a list, from its beginning. Real events have hundreds at most; Google allows 200 attendees and five
#: reminders.
MOST: Final = {"attendees": 1000, "categories": 1000, "reminders": 50}

STATUSES: Final = ("confirmed", "tentative", "cancelled")
VISIBILITIES: Final = ("default", "public", "private", "confidential")
TRANSPARENCIES: Final = ("opaque", "transparent")


def build(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A frame of exactly :data:`COLUMNS`, in their order and dtypes, from one dict an occurrence.

    :raises ValueError: a row lacks a column or has one that is not declared; the message lists both.
    """
    import pandas as pd

    declared = set(NAMES)
    for row in rows:
        if row.keys() != declared:
            raise ValueError(
                f"missing columns {sorted(declared - row.keys())}, unknown {sorted(row.keys() - declared)}"
            )
    return pd.DataFrame(
        {column.name: pd.Series([row[column.name] for row in rows], dtype=column.dtype) for column in COLUMNS}
    )
