"""``/api/calendars/ID``: one calendar, its runs, changes, notices and occurrences, and the feed as it came."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Path, Query, Response

from calimport import addresses, calendars, database, privacy
from calimport.calendars import Calendar, CalendarConfig
from calimport.config_values import format_interval
from calimport.settings import Settings
from calimport.steps import mirrors
from calimport.steps.runs import RunKey, Step
from calimport.web.acting import Recording
from calimport.web.people import Reader, Writer
from calimport.web.reading import Row, reading, rows

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Size = Annotated[int, Query(ge=1, le=200)]
RunId = Annotated[str | None, Query(max_length=250)]
#: More occurrences than a person can look at, and as many as a browser can draw.
MOST_EVENTS: Final = 5000
_PRIVATE: Final = ("private", "confidential")

router = APIRouter()


@router.get("/api/calendars/{id}")
def get_calendar(id: Id, person: Reader) -> Any:
    """The configuration, the state, the notices, and the last run."""
    with reading() as connection:
        person.check_sees(connection, id)
        calendar = calendars.get(connection, id)
        notices = database.run(connection, "calendars/notices", id=id).fetchall()
        last = database.run(connection, "calendars/last_run", id=id).fetchone()
        (standing,) = rows(connection, "standing", id=id)
    return {
        "may_write": person.may_write,
        "may_connect": person.may_connect,
        **document(calendar),
        "notices": notices,
        "last_run": last,
        **standing,
    }


@router.get("/api/calendars/{id}/runs")
def list_runs(id: Id, person: Reader, before: datetime | None = None, unchanged: bool = False, size: Size = 25) -> Any:
    """Runs before this instant, the latest first; without those that found nothing new, unless they are asked for."""
    with reading() as connection:
        person.check_sees(connection, id)
        found = rows(connection, "list_runs", id=id, before=before, unchanged=unchanged, most=size + 1)
    return {"runs": found[:size], "more": len(found) > size}


@router.get("/api/calendars/{id}/changes")
def list_changes(id: Id, person: Reader, run: RunId = None, before: int | None = None, size: Size = 50) -> Any:
    """Changes that were applied, the latest first; of one run also those that are only planned, or held."""
    with reading() as connection:
        person.check_sees(connection, id)
        found = rows(connection, "list_changes", id=id, dag_run_id=run, before=before, most=size + 1)
    return {"changes": [_shown_change(one) for one in found[:size]], "more": len(found) > size}


@router.get("/api/calendars/{id}/events")
def list_events(
    id: Id,
    person: Reader,
    start: datetime | date,
    end: datetime | date,
    zone: Annotated[str, Query(max_length=100)] = "UTC",
) -> Any:
    """Occurrences between two moments, as FullCalendar takes them: clock times in ``zone``."""
    try:
        clock = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # not known, no name at all, and a folder
        raise HTTPException(400, f"{zone!r} is no time zone.") from None
    bounds = [_instant(bound, clock) for bound in (start, end)]
    with reading() as connection:
        person.check_sees(connection, id)
        found = rows(
            connection, "list_events", id=id, zone=zone, since=bounds[0], until=bounds[1], most=MOST_EVENTS + 1
        )
    return {"events": [_event(one) for one in found[:MOST_EVENTS]], "more": len(found) > MOST_EVENTS}


@router.get("/api/calendars/{id}/feed")
def download_feed(id: Id, person: Writer, recorded: Recording) -> Response:
    """The feed that the last import used, as it came: for those alone who may import, since it hides nothing."""
    with database.connect() as connection:
        person.check_sees(connection, id)
        recorded(connection, "feed.download", calendar_id=id)
        step = Step(connection, RunKey("", ""), datetime.now(UTC), Settings.from_environment())
        feed_id = connection.execute("select feed_id from calimport.calendars where id = %s", [id]).fetchone()
        found = mirrors.load(step, feed_id["feed_id"]) if feed_id and feed_id["feed_id"] else None
        if found is None:
            raise HTTPException(404, "No feed of this calendar is stored.")
    headers = {"Content-Disposition": f'attachment; filename="calendar-{id}-{found.kind}.txt"'}
    return Response(found.content, media_type="text/plain; charset=utf-8", headers=headers)


def document(calendar: Calendar) -> Row:
    """A calendar as JSON. An address that looks private is not in it; ``has_private_source`` says so."""
    config = calendar.config.model_dump()
    known = {field.name: getattr(calendar, field.name) for field in fields(Calendar) if field.name != "config"}
    source = calendar.config.source
    return {
        "config": {
            **{key: format_interval(one) if isinstance(one, timedelta) else one for key, one in config.items()},
            "source": calendars.shown("source", source) if source else None,
        },
        "has_private_source": bool(source and addresses.is_private(source)),
        **known,
        "state": calendar.state if calendar.config.enabled else "paused",
    }


def keys() -> list[Row]:
    """What can be configured, for a form: the one declaration of it, in words."""
    choices = {
        "kind": calendars.KINDS,
        "strategy": calendars.STRATEGIES,
        "private_events": privacy.TREATMENTS,
        **dict.fromkeys(("attendees_policy", "organizer_policy", "description_policy"), privacy.POLICIES),
    }
    return [
        {
            "name": name,
            "about": (field.description or "").replace("`", ""),
            "default": None if field.is_required() or field.default is None else calendars.shown(name, field.default),
            "required": field.is_required(),
            "choices": choices.get(name),
        }
        for name, field in CalendarConfig.model_fields.items()
    ]


def _shown_change(change: Row) -> Row:
    """A change with what differs alone: of an update the columns that changed, of a private row what is no secret."""
    hidden = any((change[side] or {}).get("visibility") in _PRIVATE for side in ("before", "after"))
    sides = {side: _masked(change[side]) if hidden else change[side] for side in ("before", "after")}
    title = next((side["summary"] for side in (sides["after"], sides["before"]) if side), None)
    start = next((side["start_at"] for side in (sides["after"], sides["before"]) if side), None)
    names = change["changed_columns"] or sorted({name for side in sides.values() if side for name in side})
    differing = [
        {"column": name, "before": (sides["before"] or {}).get(name), "after": (sides["after"] or {}).get(name)}
        for name in names
        if name != "content_hash"
    ]
    rest = {name: value for name, value in change.items() if name not in ("before", "after", "changed_columns")}
    return {**rest, "title": title, "start_at": start, "columns": differing}


def _masked(row: Row | None) -> Row | None:
    if row is None:
        return None
    return {**{name: value for name, value in row.items() if name in privacy.BUSY_KEEPS}, **privacy.BUSY}


def _event(row: Row) -> Row:
    if row["visibility"] in _PRIVATE:
        row = row | {name: value for name, value in privacy.BUSY.items() if name in row} | {"place": None}
    start, end = ("start_date", "end_date") if row["all_day"] else ("start_clock", "end_clock")
    return {**row, "start": row[start], "end": row[end]}


def _instant(bound: datetime | date, clock: ZoneInfo) -> datetime:
    if not isinstance(bound, datetime):
        bound = datetime(bound.year, bound.month, bound.day, tzinfo=clock)
    return bound if bound.tzinfo else bound.replace(tzinfo=clock)
