"""How what a user writes becomes a row of ``events``.

Rows written by hand lie in calendars of kind ``manual``, one a user and activity type. No import begins for such a
calendar, and an import touches rows of its own calendar alone, so it can neither remove nor change them. The rows of
all other calendars are their feeds': they are refused here, because the next import would undo what was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import psycopg
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.exc import IntegrityError

from calimport import database, frame, reminders
from calimport.normalizing import content_hash
from calimport.store import fields
from calimport.store import owners as ownership
from calimport.store.bodies import ActivityFields
from calimport.store.fields import FIELDS
from calimport.store.owners import Owners
from calimport.store.refusals import ActivityExists, FieldInvalid
from calimport.store.tables import BY_HAND, calendars, events, users
from calimport.text import link, markdown, plain, storable

#: What a row that says nothing has in the columns that may not be null.
_EMPTY: Final[Mapping[str, Any]] = {"boolean": False, "text[]": [], "jsonb": [], "timestamp with time zone[]": []}
_NO_RUN: Final = 0
_MOST_NAMES: Final = 100


def insert_activity(connection: Connection, body: ActivityFields, *, owners: Owners, now: datetime) -> int:
    """A new row; its id.

    :raises FieldInvalid: a field is not a user's to write, or makes no sense with the others.
    :raises ActivityExists: the user's calendar by hand has this iCalUID already.
    :raises ActivityOfOthers: it would be none of these owners'.
    """
    given = _given(body, {})
    row = _blank(now) | _columns(given, start_default=now)
    user_id = ownership.of_new_row(owners, given.get("user"))
    calendar_id = _calendar(connection, user_id, row["activity_type"], now)
    values = {**_checked(row), "calendar_id": calendar_id, "first_run_id": _NO_RUN, "last_run_id": _NO_RUN}
    return _written(connection, insert(events).values(values).returning(events.c.id), calendar_id, row, now)


def update_activity(
    connection: Connection, before: Mapping[str, Any], body: ActivityFields, *, owners: Owners, now: datetime
) -> None:
    """Write the fields that are given and differ over the row ``before`` (of ``shown``, locked by the caller).

    Errors as :func:`insert_activity`.
    """
    given = _given(body, fields.activity(before))
    if not given:
        return
    row = {name: before[name] for name in frame.NAMES} | _columns(given) | {"updated_at": now}
    user_id = given.get("user", before["user_id"])
    ownership.check(owners, user_id)
    calendar_id = _calendar(connection, user_id, row["activity_type"], now)
    statement = update(events).where(events.c.id == before["id"]).returning(events.c.id)
    _written(connection, statement.values({**_checked(row), "calendar_id": calendar_id}), calendar_id, row, now)
    touch(connection, {before["calendar_id"]}, now)


def touch(connection: Connection, calendar_ids: set[int], now: datetime) -> None:
    """Note that rows of these calendars have changed."""
    connection.execute(update(calendars).where(calendars.c.id.in_(calendar_ids)).values(changed_at=now))


def _written(connection: Connection, statement: Any, calendar_id: int, row: Mapping[str, Any], now: datetime) -> int:
    try:
        event_id: int = connection.execute(statement).scalar_one()
    except IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.UniqueViolation):
            raise ActivityExists from None
        raise
    touch(connection, {calendar_id}, now)
    wanted = [] if row["status"] == "cancelled" else row["reminders"]
    connection.exec_driver_sql(database.sql("store/sync_reminders"), {"event_id": event_id, "instants": wanted})
    return event_id


def _given(body: ActivityFields, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were sent and say something new.

    What is sent back as it was read stays as it is stored: text is not cleaned, and so not escaped, a second time.
    """
    sent = body.model_dump(exclude_unset=True)
    changed = {name: value for name, value in sent.items() if name not in stored or value != stored[name]}
    fixed = [name for name in changed if name not in FIELDS or not FIELDS[name].writable]
    if fixed:
        raise FieldInvalid(f"Not a user's to write: {', '.join(fixed)}.")
    if isinstance(uri := changed.get("user"), str):
        changed["user"] = int(uri.rstrip("/").rpartition("/")[2])
    return changed


def _blank(now: datetime) -> dict[str, Any]:
    empty = {column.name: None if column.nullable else _EMPTY.get(column.sql_type) for column in frame.COLUMNS}
    return {
        **empty,
        "uid": f"{uuid4()}@calimport",
        "status": "confirmed",
        "visibility": "default",
        "transparency": "opaque",
        "timezone": "UTC",
        "timezone_source": "default",
        "activity_type": "personal",
        "created_at": now,
        "updated_at": now,
    }


def _columns(given: Mapping[str, Any], *, start_default: datetime | None = None) -> dict[str, Any]:
    """The columns of these fields, cleaned as an import cleans them."""
    found = {FIELDS[name].column: _column(name, value) for name, value in given.items() if name != "user"}
    if start_default is not None:
        found.setdefault("start_at", start_default.replace(microsecond=0))
        found.setdefault("end_at", found["start_at"])
    if "reminders" in found:
        found |= reminders.columns((one, reminders.METHODS[0]) for one in found["reminders"])
    return found


def _column(name: str, value: Any) -> Any:
    if value is None:
        return None
    kind = FIELDS[name].kind
    if kind == "instant":
        return fields.instant(value)
    if kind == "instants":
        return [fields.instant(one) for one in value]
    if name in ("title", "location"):
        return plain(value)
    if name == "description":
        return markdown(value)
    if name == "color":
        return value["background"]
    cleaned = link(value) if name == "html_link" else storable(value)
    if not cleaned:
        raise FieldInvalid(f"{name} is nothing that can be kept.")
    return cleaned


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    if row["end_at"] < row["start_at"]:
        raise FieldInvalid("end must not be before start.")
    return {**row, "content_hash": content_hash(row)}


def _calendar(connection: Connection, user_id: int | None, activity_type: str, now: datetime) -> int:
    """The calendar of what this user writes of this type, made where there is none."""
    wanted = select(calendars.c.id).where(
        calendars.c.kind == BY_HAND,
        calendars.c.user_id.is_not_distinct_from(user_id),
        calendars.c.activity_type == activity_type,
    )
    found = connection.execute(wanted).scalar()
    if found is not None:
        return int(found)
    owner = None
    if user_id is not None:
        owner = connection.execute(select(users.c.name).where(users.c.id == user_id)).scalar()
        if owner is None:
            raise FieldInvalid(f"user: there is no user {user_id}.")
    name = f"By hand: {activity_type}" + (f" of {plain(owner) or user_id}" if user_id is not None else "")
    for number in range(1, _MOST_NAMES):
        values = {
            "name": name if number == 1 else f"{name} ({number})",
            "kind": BY_HAND,
            "user_id": user_id,
            "activity_type": activity_type,
            "strategy": "no_location",
            "enabled": False,
            "configured_at": now,
        }
        # Somebody may make the same one just now, or have another calendar of this name.
        made = postgresql_insert(calendars).values(values).on_conflict_do_nothing().returning(calendars.c.id)
        found = connection.execute(made).scalar() or connection.execute(wanted).scalar()
        if found is not None:
            return int(found)
    raise FieldInvalid(f"{_MOST_NAMES} calendars are named like {name!r}. Rename one of them.")
