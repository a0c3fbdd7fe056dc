"""The tables of the store as SQLAlchemy sees them: ``events`` by the frame's declaration, with what hangs on it.

Every statement of the store is built from these columns, so that no text of a caller becomes SQL.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Subquery,
    Table,
    Text,
    case,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from calimport import frame, privacy

#: ``calendars.kind`` of calendars whose rows are written by hand.
BY_HAND: Final = "manual"

_TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "bigint": BigInteger(),
    "boolean": Boolean(),
    "bytea": LargeBinary(),
    "date": Date(),
    "integer": Integer(),
    "jsonb": JSONB(none_as_null=True),
    "text": Text(),
    "text[]": ARRAY(Text()),
    "timestamp with time zone": DateTime(timezone=True),
    "timestamp with time zone[]": ARRAY(DateTime(timezone=True)),
}
_METADATA: Final = MetaData(schema="calimport")

events: Final = Table(
    "events",
    _METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("calendar_id", BigInteger),
    *(Column(column.name, _TYPES[column.sql_type]) for column in frame.COLUMNS),
    Column("first_run_id", BigInteger),
    Column("last_run_id", BigInteger),
)
calendars: Final = Table(
    "calendars",
    _METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text),
    Column("kind", Text),
    Column("timezone", Text),
    Column("feed_timezone", Text),
    Column("user_id", BigInteger),
    Column("activity_type", Text),
    Column("strategy", Text),
    Column("enabled", Boolean),
    Column("configured_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True)),
)
users: Final = Table(
    "users", _METADATA, Column("id", BigInteger, primary_key=True), Column("name", Text), Column("airflow_users", Text)
)
places: Final = Table("places", _METADATA, Column("id", BigInteger, primary_key=True), Column("name", Text))

_PRIVATE: Final = ("private", "confidential")


def _shown() -> Subquery:
    """Each event with its calendar; of a private one nothing but what :data:`calimport.privacy.BUSY` leaves.

    Masked here and not where it is printed, so that no filter and no order can tell what is hidden either.
    """
    is_private = events.c.visibility.in_(_PRIVATE)

    def masked(column: Column[Any]) -> Any:
        if column.name in privacy.BUSY_KEEPS - {"content_hash"}:
            return column
        left = privacy.BUSY.get(column.name)
        hidden = null() if left is None else literal(left, column.type)
        return case((is_private, hidden), else_=column).label(column.name)

    statement: Select[Any] = select(
        events.c.id,
        events.c.calendar_id,
        *(masked(events.c[name]) for name in frame.NAMES),
        calendars.c.name.label("calendar_name"),
        calendars.c.user_id,
        (calendars.c.kind == BY_HAND).label("by_hand"),
    ).join_from(events, calendars, events.c.calendar_id == calendars.c.id)
    return statement.subquery("shown")


shown: Final = _shown()
