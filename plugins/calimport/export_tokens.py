"""Secret addresses of exports: whoever has the token may read that one export, until it is revoked.

A token is the id of its row, a hyphen and 32 random bytes. The database keeps their SHA-256, from which nobody gets
them back; they are long enough that no slower hash is needed. A token is printed once, when it is created.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from calimport import database
from calimport.database import Connection
from calimport.errors import ConfigurationError

_TOKEN: Final = re.compile(r"([1-9][0-9]{0,17})-([A-Za-z0-9_-]{43})", re.ASCII)
#: What a token that names no row is compared with, so that it takes as long as one that does.
_NOTHING: Final = bytes(32)


@dataclass(frozen=True)
class Grant:
    """What a token lets its holder read."""

    scope: str
    id: int
    format: str


def create(connection: Connection, grant: Grant, *, now: datetime) -> str:
    """A new token for this export. It cannot be had a second time."""
    secret = secrets.token_urlsafe(32)
    row = database.run(
        connection,
        "store/insert_token",
        **{f"{scope}_id": grant.id if scope == grant.scope else None for scope in ("calendar", "user", "place")},
        format=grant.format,
        secret_hash=_hash(secret),
        now=now,
    ).fetchone()
    assert row is not None  # noqa: S101 - `insert … returning` without a condition gives one row
    return f"{row['id']}-{secret}"


def granted(connection: Connection, token: str) -> Grant | None:
    """What the token grants; None: nothing, because it is unknown, wrong or revoked."""
    found = _TOKEN.fullmatch(token)
    row = None if found is None else database.run(connection, "store/find_token", id=int(found[1])).fetchone()
    is_right = hmac.compare_digest(_hash(found[2] if found else ""), row["secret_hash"] if row else _NOTHING)
    return Grant(row["scope"], row["scope_id"], row["format"]) if row and is_right else None


def list_all(connection: Connection) -> list[dict[str, Any]]:
    """Every token by id: ``id``, ``scope``, ``name``, ``format``, ``created_at``, ``revoked_at``. No secret."""
    return database.run(connection, "store/list_tokens").fetchall()


def revoke(connection: Connection, id: int, *, now: datetime) -> None:
    """Let a token grant nothing from now on.

    :raises ConfigurationError: there is no such token, or it was revoked before.
    """
    if database.run(connection, "store/revoke_token", id=id, now=now).rowcount == 0:
        raise ConfigurationError(f"There is no token {id} that is not revoked yet.")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
