"""Erasure: all that the database holds of a calendar, or of a person and their calendars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from calimport import audit, clusters, database
from calimport import calendars as store
from calimport import config_values as values
from calimport.database import Connection
from calimport.errors import ConfigurationError

#: What is out of our reach, said to whoever erases.
BEYOND_REACH: Final = (
    "Airflow's logs and the records of its runs name calendars; its own retention removes them.",
    "Backups, write-ahead log and replicas of the database; deleted rows are overwritten after VACUUM.",
    "Configuration files: `calimport calendars apply` adds again what they still name.",
    "That calendars were added, changed and erased, by whom and when: audit_log, which has only their ids now.",
    "Contact addresses of partners and places, and what was sent by reminders or read from exports.",
)


@dataclass(frozen=True)
class Erasure:
    """What is to be erased, and how much that is."""

    calendar_ids: list[int]
    #: Names of the calendars, and the Airflow connections that they alone used to sign in: those stay.
    names: list[str]
    connections: list[str]
    #: The person, where it is about one.
    user_id: int | None
    #: Rows by what they are; ``shared_contents`` are feeds that other calendars have too, byte for byte: they stay.
    counts: dict[str, int]


def of_calendar(connection: Connection, key: str) -> Erasure:
    """All that is held of the calendar of this name or id.

    :raises ConfigurationError: there is none, or a run holds it just now.
    """
    return _found(connection, [store.get(connection, key).id], None)


def of_user(connection: Connection, key: str) -> Erasure:
    """All that is held of the person of this name or id, and of their calendars.

    :raises ConfigurationError: there is none, or a run holds one of the calendars just now.
    """
    user_id = _user(connection, key)
    rows = connection.execute("select id from calimport.calendars where user_id = %s order by id", [user_id]).fetchall()
    return _found(connection, [row["id"] for row in rows], user_id)


def erase(connection: Connection, erasure: Erasure) -> None:
    """Do it, in the connection's transaction.

    :raises ConfigurationError: a run holds one of the calendars just now.
    """
    store.lock(connection)
    _lock(connection, erasure.calendar_ids)
    for calendar_id in erasure.calendar_ids:
        store.remove(connection, calendar_id)
    if erasure.user_id is not None:
        connection.execute("delete from calimport.users where id = %s", [erasure.user_id])
    audit.forget(connection, erasure.calendar_ids)
    database.run(connection, "erase/remnants")
    clusters.refresh(connection)


def _found(connection: Connection, calendar_ids: list[int], user_id: int | None) -> Erasure:
    names, connections = _lock(connection, calendar_ids)
    counts = database.run(connection, "erase/counts", calendar_ids=calendar_ids).fetchone()
    assert counts is not None  # noqa: S101 - a query of counts gives one row
    users = {} if user_id is None else {"users": 1}
    return Erasure(calendar_ids, names, connections, user_id, {**users, **counts})


def _lock(connection: Connection, calendar_ids: Sequence[int]) -> tuple[list[str], list[str]]:
    rows = database.run(connection, "erase/lock", calendar_ids=list(calendar_ids)).fetchall()
    if held := [row["name"] for row in rows if row["is_held"]]:
        raise ConfigurationError(
            f"{', '.join(held)}: an import is running just now. Pause it with `calimport calendars pause`, and try"
            " again when it is done."
        )
    return [row["name"] for row in rows], sorted({row["connection_id"] for row in rows if row["connection_id"]})


def _user(connection: Connection, key: str) -> int:
    rows = connection.execute("select id, name from calimport.users").fetchall()
    for row in rows:
        if row["name"] == key:
            return int(row["id"])
    if re.fullmatch(r"[0-9]{1,18}", key) and any(row["id"] == int(key) for row in rows):
        return int(key)
    raise ConfigurationError(f"There is no user named {key!r}.{values.nearest(key, [row['name'] for row in rows])}")
