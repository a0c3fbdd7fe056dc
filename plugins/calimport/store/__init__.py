"""The store: activities to read, write and delete, with the words of the original Store API.

An activity is a row of ``events``. Filters are Django's: ``activity_get(user=2, start__gte=1795428000)``; times are
epoch seconds. The same over HTTP is :mod:`calimport.api`. Each function opens a transaction of its own on the database
behind ``calimport_db``, unless it is given one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, delete, func, select

from calimport.config_values import problems
from calimport.store import etags, fields, filters
from calimport.store.bodies import ActivityFields
from calimport.store.engine import begin
from calimport.store.owners import EVERYBODY, Owners, theirs
from calimport.store.refusals import (
    ActivityChanged,
    ActivityImported,
    FieldInvalid,
    FilterInvalid,
    StoreNotFound,
)
from calimport.store.tables import calendars, events, shown, users
from calimport.store.writing import insert_activity, touch, update_activity

__all__ = ["activity_delete", "activity_get", "activity_save", "last_activities", "user_get"]

_WEEK: Final = timedelta(days=7)
_NAMED: Final = 10


@dataclass(frozen=True)
class Page:
    """Some of the activities that were asked for, and how many there are in all."""

    activities: list[dict[str, Any]]
    total: int


def activity_get(*, order_by: str | Iterable[str] | None = None, **given: Any) -> list[dict[str, Any]]:
    """All activities that the filters let through, by start.

    :param order_by: a field, ``-`` before it for the other direction, or several.
    :raises FilterInvalid: a filter is unknown, or has no value or none of its kind.
    """
    with begin() as connection:
        return page(connection, given, owners=EVERYBODY, order_by=order_by, limit=None).activities


def activity_save(**given: Any) -> dict[str, Any]:
    """Write an activity by hand: with an ``id`` the given fields of that one, else a new one. Return it as it is then.

    :raises FieldInvalid: a field is unknown, not a user's to write, or makes no sense.
    :raises StoreNotFound: no activity has this id. :raises ActivityImported: it belongs to a feed.
    :raises ActivityExists: another one has this iCalUID.
    """
    activity_id = given.pop("id", None)
    try:
        body = ActivityFields.model_validate(given)
    except ValidationError as error:
        raise FieldInvalid(" ".join(f"{key}: {sentence}" for key, sentence in problems(error))) from None
    with begin() as connection:
        if activity_id is None:
            return create(connection, body, owners=EVERYBODY, now=datetime.now(UTC))
        return change(connection, activity_id, body, owners=EVERYBODY, now=datetime.now(UTC))


def activity_delete(**given: Any) -> bool:
    """Delete all activities that the filters let through; true when they are gone, also where there were none.

    :raises FilterInvalid: there is no filter, or one is unknown or has no value: nothing is deleted.
    :raises ActivityImported: one of them belongs to a feed: nothing is deleted.
    """
    with begin() as connection:
        remove(connection, given, owners=EVERYBODY, now=datetime.now(UTC))
    return True


def user_get(id: int) -> dict[str, Any]:
    """A user with their calendars.

    :raises StoreNotFound: there is no such user.
    """
    with begin() as connection:
        return user(connection, id, owners=EVERYBODY)


def last_activities(**given: Any) -> list[dict[str, Any]]:
    """Activities that start in the last seven days or later and end in the next seven, by start.

    :raises FilterInvalid: as :func:`activity_get`.
    """
    with begin() as connection:
        around_now = around(datetime.now(UTC))
        return page(connection, given, owners=EVERYBODY, also=around_now, limit=None).activities


def around(now: datetime) -> dict[str, int]:
    """The filters of :func:`last_activities`."""
    return {"start__gte": fields.epoch(now - _WEEK), "end__lte": fields.epoch(now + _WEEK)}


def page(
    connection: Connection,
    given: dict[str, Any],
    *,
    owners: Owners,
    order_by: str | Iterable[str] | None = None,
    also: dict[str, Any] | None = None,
    limit: int | None,
    offset: int = 0,
) -> Page:
    """Some of the activities, and the number of all. ``limit`` None: all of them. ``also``: filters besides."""
    where = [*filters.conditions(given), *filters.conditions(also or {}), *theirs(owners)]
    rows = select(shown).where(*where).order_by(*filters.order(order_by)).limit(limit).offset(offset)
    found = [fields.activity(row) for row in connection.execute(rows).mappings()]
    if limit is None:
        return Page(found, len(found))
    total = connection.execute(select(func.count()).select_from(shown).where(*where)).scalar_one()
    return Page(found, total)


def one(connection: Connection, activity_id: int, *, owners: Owners) -> dict[str, Any]:
    """The activity of this id.

    :raises StoreNotFound: there is none, or none of these owners'.
    """
    return fields.activity(_row(connection, activity_id, owners))


def create(connection: Connection, body: ActivityFields, *, owners: Owners, now: datetime) -> dict[str, Any]:
    """A new activity, by hand.

    :raises ActivityOfOthers: it would be none of these owners'.
    """
    return one(connection, insert_activity(connection, body, owners=owners, now=now), owners=owners)


def change(
    connection: Connection,
    activity_id: int,
    body: ActivityFields,
    *,
    owners: Owners,
    now: datetime,
    if_match: str | None = None,
) -> dict[str, Any]:
    """Write fields of one activity, if it still is what ``if_match`` says.

    :raises ActivityChanged: it is not. :raises ActivityImported: it belongs to a feed.
    :raises ActivityOfOthers: it would be none of these owners' any more.
    """
    before = _locked(connection, activity_id, owners, if_match)
    update_activity(connection, before, body, owners=owners, now=now)
    return one(connection, activity_id, owners=owners)


def drop(connection: Connection, activity_id: int, *, owners: Owners, now: datetime, if_match: str) -> None:
    """Delete one activity, if it still is what ``if_match`` says. Errors as :func:`change`."""
    before = _locked(connection, activity_id, owners, if_match)
    connection.execute(delete(events).where(events.c.id == activity_id))
    touch(connection, {before["calendar_id"]}, now)


def remove(connection: Connection, given: dict[str, Any], *, owners: Owners, now: datetime) -> int:
    """Delete what the filters let through of these owners'; how many that were. Errors as :func:`activity_delete`."""
    if not given:
        raise FilterInvalid("Deleting needs a filter: without one, everything would be deleted.")
    wanted = select(shown.c.id).where(*filters.conditions(given), *theirs(owners))
    locked = select(events.c.id).where(events.c.id.in_(wanted)).order_by(events.c.id).with_for_update()
    ids = list(connection.execute(locked).scalars())
    rows = connection.execute(select(shown).where(shown.c.id.in_(ids)).order_by(shown.c.id)).mappings().all()
    if imported := [row for row in rows if not row["by_hand"]]:
        named = ", ".join(f"{row['id']} ({row['calendar_name']})" for row in imported[:_NAMED])
        raise ActivityImported(
            f"{len(imported)} of {len(rows)} activities belong to calendars that are imported, so none was deleted: "
            f"{named}{'' if len(imported) <= _NAMED else ', …'}."
        )
    connection.execute(delete(events).where(events.c.id.in_(ids)))
    touch(connection, {row["calendar_id"] for row in rows}, now)
    return len(rows)


def user(connection: Connection, user_id: int, *, owners: Owners) -> dict[str, Any]:
    """A user as JSON: ``id``, ``username``, ``resource_uri``, ``calendars`` (id, name, activity_type).

    :raises StoreNotFound: there is no such user among the owners.
    """
    name = connection.execute(select(users.c.name).where(users.c.id == user_id)).scalar()
    if name is None or (owners is not None and user_id not in owners):
        raise StoreNotFound(f"There is no user {user_id}.")
    theirs = select(calendars.c.id, calendars.c.name, calendars.c.activity_type)
    theirs = theirs.where(calendars.c.user_id == user_id).order_by(calendars.c.name)
    return {
        "id": user_id,
        "username": name,
        "resource_uri": fields.user_uri(user_id),
        "calendars": [dict(row) for row in connection.execute(theirs).mappings()],
    }


def _row(connection: Connection, activity_id: int, owners: Owners) -> Any:
    if isinstance(activity_id, bool) or not isinstance(activity_id, int) or not 0 < activity_id < 2**63:
        raise FieldInvalid("id: must be a whole number over zero.")
    found = connection.execute(select(shown).where(shown.c.id == activity_id, *theirs(owners))).mappings().first()
    if found is None:
        raise StoreNotFound(f"There is no activity {activity_id}.")
    return found


def _locked(connection: Connection, activity_id: int, owners: Owners, if_match: str | None) -> Any:
    """The row, which nobody else changes before the end of the transaction."""
    _row(connection, activity_id, owners)
    connection.execute(select(events.c.id).where(events.c.id == activity_id).with_for_update())
    row = _row(connection, activity_id, owners)
    if if_match is not None and not etags.is_match(if_match, etags.of(fields.activity(row))):
        raise ActivityChanged
    if not row["by_hand"]:
        raise ActivityImported(
            f"Activity {activity_id} belongs to the calendar {row['calendar_name']!r}, which is imported. "
            "Change it there."
        )
    return row
