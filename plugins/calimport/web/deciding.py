"""What a person decides about what imports did, or did not dare to do: held deletions, plans, undo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as PathPart
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from calimport import database, holding, plans, undoing
from calimport.database import Connection
from calimport.errors import PlanOutdated
from calimport.web.acting import Journaling
from calimport.web.details import Id
from calimport.web.people import Person, Reader, Writer
from calimport.web.reading import reading

router = APIRouter()
RunId = Annotated[str, PathPart(min_length=1, max_length=250)]


class Undo(BaseModel):
    """How to undo."""

    #: Also rows that later runs changed.
    overwrite: bool = False


@router.get("/api/calendars/{id}/held")
def list_held(id: Id, person: Reader) -> Any:
    """The deletions that are held now."""
    with reading() as connection:
        person.check_sees(connection, id)
        return {"held": holding.held(connection, id)}


@router.post("/api/calendars/{id}/held/release")
def release_held(id: Id, person: Writer, journaled: Journaling) -> Any:
    """Delete the rows whose deletion is held."""
    with _deciding(id, person) as connection:
        journaled("held.release", {"calendar_id": id})
        return asdict(holding.release(connection, id, actor=person.actor, clock=datetime.now(UTC)))


@router.post("/api/calendars/{id}/held/discard")
def discard_held(id: Id, person: Writer, journaled: Journaling) -> Any:
    """Keep the rows whose deletion is held."""
    with _deciding(id, person) as connection:
        journaled("held.discard", {"calendar_id": id})
        return {"kept": holding.discard(connection, id, actor=person.actor, clock=datetime.now(UTC))}


@router.post("/api/calendars/{id}/runs/{dag_run_id}/undo")
def undo_run(id: Id, dag_run_id: RunId, body: Undo, person: Writer, journaled: Journaling) -> Any:
    """Set back what a run changed in this calendar."""
    with _deciding(id, person) as connection:
        journaled("run.undo", {"calendar_id": id, "run": dag_run_id, "overwrite": body.overwrite})
        try:
            undone = undoing.undo(
                connection,
                dag_run_id,
                calendar_id=id,
                overwrite=body.overwrite,
                actor=person.actor,
                clock=datetime.now(UTC),
            )
        except PlanOutdated as error:
            # Its last sentence names an option of the command line; the page asks instead.
            sentence, option, _ = str(error).partition(" With --overwrite")
            return JSONResponse({"detail": sentence, "overwritable": bool(option)}, 409)
    return {"dag_run_id": undone.dag_run_id, **asdict(undone.counts)}


@router.post("/api/calendars/{id}/runs/{dag_run_id}/apply")
def apply_plan(id: Id, dag_run_id: RunId, person: Writer, journaled: Journaling) -> Any:
    """Do what a dry run planned for this calendar, unless the world has moved on."""
    with _deciding(id, person) as connection:
        journaled("plan.apply", {"calendar_id": id, "run": dag_run_id})
        applied = plans.apply(connection, dag_run_id, calendar_id=id, actor=person.actor, clock=datetime.now(UTC))
    (counts,) = applied.calendars.values()
    return {"dag_run_id": applied.dag_run_id, **asdict(counts)}


@contextmanager
def _deciding(id: int, person: Person) -> Iterator[Connection]:
    """A connection in which such a function commits by itself, and writes calimport's audit log itself."""
    with database.connect(autocommit=True) as connection:
        database.check_schema(connection)
        person.check_sees(connection, id)
        yield connection
