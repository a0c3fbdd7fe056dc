"""What a person does to calendars here. Imports are not among it: the browser asks Airflow's own API for those."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from calimport import calendars, config_values, database
from calimport.calendars import SOURCE_KEYS, CalendarConfig
from calimport.errors import CalimportError
from calimport.settings import Settings
from calimport.sources.detecting import AUTO
from calimport.web.acting import Recording
from calimport.web.details import Id, keys
from calimport.web.people import Writer
from calimport.web.reading import reading, rows

#: A check holds one of the API server's threads for as long as the calendar's website takes.
_CHECKS: Final = threading.BoundedSemaphore(4)
_CHECK_SECONDS: Final = 25.0

router = APIRouter()
Given = dict[str, str | int | bool | None]


class Check(BaseModel):
    """A source to look at."""

    source: str | None = Field(None, max_length=4000)
    kind: str = AUTO
    connection: str | None = None
    timezone: str | None = None
    #: The calendar that is being changed: what was not typed anew is taken from it.
    calendar_id: int | None = None


@router.get("/api/form")
def form(person: Writer) -> Any:
    """The keys of a calendar, and names that exist already."""
    with reading() as connection:
        names = rows(connection, "suggestions")[0]
    if person.owners is not None:
        names["user"] = []
    return {"keys": keys(), "suggestions": names, "may_connect": person.may_connect}


@router.post("/api/check")
def check(body: Check, person: Writer) -> Any:
    """Fetch a source and say what it holds. What is wrong with it is an answer, not an error: ``problem``."""
    from calimport.checking import check_source  # pandas

    given = body
    if body.calendar_id is not None and body.source is None:
        with reading() as connection:
            person.check_sees(connection, body.calendar_id)
            stored = calendars.get(connection, body.calendar_id).config
        given = body.model_copy(update={"source": stored.source})
    if given.connection is not None:
        person.check_may_connect()
    if not _CHECKS.acquire(blocking=False):
        raise HTTPException(429, "Other addresses are being checked just now. Please try again in a moment.")
    settings = Settings.from_environment()
    try:
        # As it would be configured, so that the form of an address is judged by one rule.
        config = calendars.configure(
            {
                key: value
                for key, value in {"name": "check", **given.model_dump(exclude={"calendar_id"})}.items()
                if value is not None
            }
        )
        found = check_source(
            config.source,
            kind=config.kind,
            connection_id=config.connection,
            timezone=config.timezone,
            now=datetime.now(UTC),
            settings=replace(settings, fetch_timeout=min(settings.fetch_timeout, _CHECK_SECONDS), fetch_attempts=1),
        )
    except CalimportError as error:
        return {"problem": str(error), "class": error.error_class}
    finally:
        _CHECKS.release()
    return {
        "problem": None,
        "kind": found.kind,
        "title": found.title,
        "timezone": found.timezone,
        "timezone_source": found.timezone_source,
        "events": found.events,
        "occurrences": found.occurrences,
        "sample": [{name: one[name] for name in ("start", "end", "summary", "location")} for one in found.sample],
        "notices": [notice.message for notice in found.notices],
    }


@router.post("/api/calendars", status_code=201)
def add_calendar(given: Given, person: Writer, recorded: Recording) -> Any:
    """Add a calendar; it is due at the next run."""
    person.check_sees_all()
    if given.get("connection") is not None:
        person.check_may_connect()
    config = _valid(given)
    if isinstance(config, Response):
        return config
    with database.connect() as connection:
        database.check_schema(connection)
        id = calendars.add(connection, config)
        recorded(connection, "calendar.add", calendar_id=id, detail={"name": config.name})
    return {"id": id}


@router.patch("/api/calendars/{id}")
def change_calendar(id: Id, given: Given, person: Writer, recorded: Recording) -> Any:
    """Set the keys that are given; null gives a key its default. It is due at the next run if anything differs."""
    with database.connect() as connection:
        database.check_schema(connection)
        person.check_sees(connection, id)
        stored = calendars.get(connection, id).config
        if "user" in given and given["user"] != stored.user:
            person.check_sees_all()
        if SOURCE_KEYS & given.keys() and (stored.connection is not None or given.get("connection") is not None):
            person.check_may_connect()
        config = _valid(stored.model_dump() | given)
        if isinstance(config, Response):
            return config
        before, after = calendars.change(connection, id, given)
        changed = calendars.audited_differences(before.config, after)
        if changed:
            detail = {"name": after.name, "changes": changed}
            recorded(connection, "calendar.change", calendar_id=id, detail=detail)
    return {"id": id, "changed": list(changed)}


@router.post("/api/calendars/{id}/pause", status_code=204)
def pause(id: Id, person: Writer, recorded: Recording) -> None:
    """Stop importing it; its events stay."""
    with database.connect() as connection:
        person.check_sees(connection, id)
        recorded(connection, "calendar.pause", calendar_id=id)
        calendars.pause(connection, id)


@router.post("/api/calendars/{id}/resume", status_code=204)
def resume(id: Id, person: Writer, recorded: Recording) -> None:
    """Import it again, at the next run."""
    with database.connect() as connection:
        person.check_sees(connection, id)
        recorded(connection, "calendar.resume", calendar_id=id)
        calendars.resume(connection, id)


def _valid(given: Mapping[str, object]) -> CalendarConfig | Response:
    """The configuration, or an answer with a sentence for each key that is wrong."""
    try:
        return CalendarConfig.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        problems = dict(config_values.problems(error))
        return JSONResponse({"detail": "The calendar was not saved.", "problems": problems}, 422)
