"""``/export/``: calendars, users and places as iCalendar, JSON or CSV, for those signed in and by secret address."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Response
from sqlalchemy import Connection

from calimport import database, export_tokens, exporting
from calimport.api.access import WhoseRows
from calimport.api.documents import NOT_MODIFIED, Problem, Responses, answers
from calimport.store import etags
from calimport.store.engine import begin
from calimport.store.owners import EVERYBODY, Owners
from calimport.store.refusals import StoreNotFound

Scope = Literal["calendar", "user", "place"]
Form = Literal["ics", "json", "csv"]
Bound = Annotated[str | None, Query(max_length=40, description="A date, or an instant such as 2026-11-22T10:00:00Z.")]
IfNoneMatch = Annotated[str | None, Header(description="ETags of states that are known.")]
IfModifiedSince = Annotated[str | None, Header(description="The Last-Modified of the state that is known.")]

reading = APIRouter(tags=["exports"])
#: Without a sign-in: the token is the permission.
public = APIRouter(tags=["exports"])

_FILES: Responses = {
    200: {
        "description": "The export.",
        "content": {media.partition(";")[0]: {"schema": {"type": "string"}} for media in exporting.FORMATS.values()},
    }
}
_PRIVATE: Responses = {
    404: {"model": Problem, "description": "No token grants this."},
    503: {"model": Problem, "description": "The database cannot be reached just now."},
}


@reading.get(
    "/export/{scope}/{id}.{form}", response_class=Response, responses=_FILES | NOT_MODIFIED | answers(400, 404)
)
def export(
    scope: Scope,
    id: Annotated[int, Path(ge=1, le=2**63 - 1)],
    form: Form,
    owners: WhoseRows,
    start: Annotated[Bound, Query(alias="from")] = None,
    end: Annotated[Bound, Query(alias="to")] = None,
    if_none_match: IfNoneMatch = None,
    if_modified_since: IfModifiedSince = None,
) -> Any:
    """All occurrences of a calendar, of a user's calendars or at a place, or those between two moments."""
    with begin() as connection:
        return _answer(connection, scope, id, form, owners, (start, end), if_none_match, if_modified_since)


@public.get("/export/private.{form}", response_class=Response, responses=_FILES | NOT_MODIFIED | _PRIVATE)
def private_export(
    form: Form,
    token: Annotated[str, Query(max_length=100, description="As `calimport tokens create` printed it.")] = "",
    if_none_match: IfNoneMatch = None,
    if_modified_since: IfModifiedSince = None,
) -> Any:
    """The one export that a token grants, without signing in.

    The token is in the query, whose `token` Airflow's access log masks.
    """
    with database.connect() as opened:
        grant = export_tokens.granted(opened, token)
    if grant is None or grant.format != form:
        raise StoreNotFound("No token grants this.")
    with begin() as connection:
        return _answer(
            connection, grant.scope, grant.id, form, EVERYBODY, (None, None), if_none_match, if_modified_since
        )


def _answer(
    connection: Connection,
    scope: str,
    id: int,
    form: str,
    owners: Owners,
    bounds: tuple[str | None, str | None],
    if_none_match: str | None,
    if_modified_since: str | None,
) -> Response:
    found = exporting.load(connection, scope, id, owners=owners, start=bounds[0], end=bounds[1])
    # A date has no fractions: the next whole second is when it surely was so.
    modified = None if found.changed_at is None else format_datetime(_whole(found.changed_at), usegmt=True)
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    headers |= {"Last-Modified": modified} if modified else {}
    if if_none_match is None and modified is not None and if_modified_since == modified:
        return Response(status_code=304, headers=headers)
    content = exporting.render(found, form)
    headers["ETag"] = etags.of(content)
    if if_none_match is not None and not etags.is_none_match(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'inline; filename="{scope}-{id}.{form}"'
    return Response(content, media_type=exporting.FORMATS[form], headers=headers)


def _whole(moment: datetime) -> datetime:
    return datetime.fromtimestamp(-(-moment.timestamp() // 1), UTC)
