"""What every action has: a person who may do it, and a row in each audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request

from calimport import audit
from calimport.database import Connection
from calimport.web.people import Journal, Writer

# What is written is free of secrets: it can be read by whoever may read an audit log.


def _journaled(request: Request, person: Writer) -> Callable[[str, Mapping[str, Any]], None]:
    journal: Journal = request.app.state.journal
    return lambda action, about: journal(person, f"calimport_{action.replace('.', '_')}", dict(about))


#: ``journaled(action, about)``: in Airflow's audit log, for actions that write ours themselves.
Journaling = Annotated[Callable[[str, Mapping[str, Any]], None], Depends(_journaled)]


def _recorded(person: Writer, journaled: Journaling) -> Callable[..., None]:
    def recorded(
        connection: Connection, action: str, *, calendar_id: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        journaled(action, ({} if calendar_id is None else {"calendar_id": calendar_id}) | (detail or {}))
        audit.record(connection, action, actor=person.actor, calendar_id=calendar_id, detail=detail)

    return recorded


#: ``recorded(connection, action, calendar_id=…, detail=…)``: in Airflow's log, and in ours with the transaction.
Recording = Annotated[Callable[..., None], Depends(_recorded)]
