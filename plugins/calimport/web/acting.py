"""What every action has: a person who may do it, and a row in each audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from calimport import audit
from calimport.database import Connection
from calimport.web.people import Journal, Writer

#: ``recorded(connection, action, calendar_id=…, detail=…)``, in the transaction of the action.
Recorded = Callable[..., None]


def _recorded(request: Request, person: Writer) -> Recorded:
    journal: Journal = request.app.state.journal

    def recorded(
        connection: Connection, action: str, *, calendar_id: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        # Free of secrets: it can be read by whoever may read an audit log.
        about = ({} if calendar_id is None else {"calendar_id": calendar_id}) | (detail or {})
        journal(person, f"calimport_{action.replace('.', '_')}", about)
        audit.record(connection, action, actor=person.actor, calendar_id=calendar_id, detail=detail)

    return recorded


Recording = Annotated[Recorded, Depends(_recorded)]
