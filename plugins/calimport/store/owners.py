"""Whose activities somebody may read and write.

``CALIMPORT_STORE_ROWS=own`` limits an Airflow user to the rows of the persons who name them in ``airflow_users``:
themselves, or those whom they care for. Whom nobody names has no rows. Rows of nobody are nobody's then.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from calimport.errors import ConfigurationError
from calimport.settings import Settings
from calimport.store.refusals import ActivityOfOthers
from calimport.store.tables import shown, users

#: The ids of persons; None: everybody's, and nobody's too.
Owners = frozenset[int] | None

EVERYBODY: Final[Owners] = None


def are_limited(settings: Settings) -> bool:
    """Whether rows have owners.

    :raises ConfigurationError: the setting is neither ``all`` nor ``own``.
    """
    if settings.store_rows not in ("all", "own"):
        raise ConfigurationError(f"CALIMPORT_STORE_ROWS must be all or own, not {settings.store_rows!r}.")
    return settings.store_rows == "own"


def of_airflow_user(connection: Connection, name: str) -> Owners:
    """The persons who name this Airflow user."""
    named = func.string_to_array(users.c.airflow_users, ", ")
    return frozenset(connection.execute(select(users.c.id).where(func.array_position(named, name) > 0)).scalars())


def theirs(owners: Owners) -> list[ColumnElement[bool]]:
    """The condition on :data:`calimport.store.tables.shown` that a row is one of these persons'."""
    return [] if owners is None else [shown.c.user_id.in_(owners)]


def of_new_row(owners: Owners, user_id: int | None) -> int | None:
    """Whose a new row is: where there is one person alone it needs not be said.

    :raises ActivityOfOthers: it would be none of these persons'.
    """
    if owners is not None and len(owners) == 1 and user_id is None:
        return next(iter(owners))
    check(owners, user_id)
    return user_id


def check(owners: Owners, user_id: int | None) -> None:
    """Let a row be one of these persons'.

    :raises ActivityOfOthers: it would be none of theirs.
    """
    if owners is None or user_id in owners:
        return
    if not owners:
        raise ActivityOfOthers("No user names you in airflow_users, so you may write nobody's activities.")
    raise ActivityOfOthers(f"user: must be one of yours: {', '.join(map(str, sorted(owners)))}.")
