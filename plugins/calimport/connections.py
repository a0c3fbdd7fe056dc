"""Airflow connections: where every secret lives."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from calimport.errors import CredentialsMissing


@dataclass(frozen=True, repr=False)
class AirflowConnection:
    """The parts of an Airflow connection that we use. Has no ``repr``: it would show secrets."""

    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = ""
    schema: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def read_connection(connection_id: str) -> AirflowConnection:
    """The connection of this id.

    One given by its environment variable is read directly, because importing Airflow takes seconds and the command
    line should not; any other comes from Airflow's secrets backends and its metadata database.

    :raises CredentialsMissing: there is no such connection, or it is malformed; the message says how to add it.
    """
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    raw = os.environ.get(variable)
    if raw is None:
        return _from_airflow(connection_id)
    try:
        return _from_json(raw) if raw.lstrip().startswith("{") else _from_uri(raw)
    except ValueError:
        # No cause: its text would quote the secret.
        raise CredentialsMissing(f"{variable} is neither the JSON nor the URI of an Airflow connection.") from None


def _from_json(raw: str) -> AirflowConnection:
    given = json.loads(raw)
    extra = given.get("extra") or {}
    return AirflowConnection(
        conn_type=given.get("conn_type") or "",
        host=given.get("host") or "",
        port=int(given["port"]) if given.get("port") else None,
        login=given.get("login") or "",
        password=given.get("password") or "",
        schema=given.get("schema") or "",
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _from_uri(raw: str) -> AirflowConnection:
    parts = urlsplit(raw)
    extra: dict[str, Any] = dict(parse_qsl(parts.query))
    if "__extra__" in extra:
        extra = json.loads(extra["__extra__"])
    return AirflowConnection(
        conn_type=parts.scheme,
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path.lstrip("/")),
        extra=extra,
    )


def _from_airflow(connection_id: str) -> AirflowConnection:
    from airflow.sdk import BaseHook

    try:
        given = BaseHook.get_connection(connection_id)
    except Exception as error:  # each place a connection may come from has its own class for "not found"
        raise CredentialsMissing(
            f"There is no Airflow connection {connection_id}. Add it with `airflow connections add`, "
            f"or set AIRFLOW_CONN_{connection_id.upper()}.",
            detail=type(error).__name__,
        ) from error
    return AirflowConnection(
        conn_type=given.conn_type or "",
        host=given.host or "",
        port=given.port,
        login=given.login or "",
        password=given.password or "",
        schema=given.schema or "",
        extra=given.extra_dejson,
    )
