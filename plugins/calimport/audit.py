"""The audit log: who did what, in the transaction that does it, so that neither is there without the other.

It is about people. What runs did by themselves stands in ``runs`` and ``changes``. Rows are only added: the database
refuses anything else, but for :func:`forget` and :func:`trim`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from calimport import database
from calimport.errors import mask


def record(
    connection: Connection[Any],
    action: str,
    *,
    actor: str,
    calendar_id: int | None = None,
    run_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add a row, in the connection's transaction.

    :param action: what is done to what: ``calendar.pause``, ``token.create``.
    :param actor: :func:`os_user` on the command line, ``airflow:NAME`` in the web server.
    :param detail: JSON. URLs in it are masked here; any other secret is for the caller to leave out.
    """
    connection.execute(
        database.sql("audit/record").encode(),
        {
            "actor": actor,
            "action": action,
            "calendar_id": calendar_id,
            "run_id": run_id,
            "detail": Jsonb(_masked(detail or {})),
        },
    )


def os_user() -> str:
    """``os:`` and the login of this process's user, as the system knows it: no environment variable is believed."""
    uid = os.geteuid()
    try:
        return f"os:{pwd.getpwuid(uid).pw_name}"
    except KeyError:  # in a container that was given any number
        return f"os:{uid}"


def forget(connection: Connection[Any], calendar_ids: Sequence[int]) -> None:
    """Erase what the log knows of these calendars. That somebody did something, and when, stays."""
    connection.execute("select calimport.forget_in_audit_log(%s)", [list(calendar_ids)])


def trim(connection: Connection[Any], *, before: datetime) -> None:
    """Remove the rows that are older than this instant."""
    connection.execute("select calimport.trim_audit_log(%s)", [before])


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {str(key): _masked(one) for key, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list | tuple) else value
