"""``/activity/`` and ``/user/``: thin routes over :mod:`calimport.store`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import psycopg
import sqlalchemy
from fastapi import APIRouter, Header, Path, Query, Request, Response

from calimport import audit, store
from calimport.api.access import WhoseRows, WhoWrites
from calimport.api.documents import NOT_MODIFIED, Activity, ActivityList, User, answers, filter_parameters
from calimport.store import etags, fields
from calimport.store.bodies import ActivityFields
from calimport.store.engine import begin
from calimport.store.refusals import PreconditionMissing

#: Default and most of a page, so that a client that reads the first page alone misses as little as possible.
MOST: Final = 1000
_PAGING: Final = frozenset({"limit", "offset", "order_by"})

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=0, le=MOST, description="Activities a page; 0: as many as there may be.")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="Activities before this page.")]
OrderBy = Annotated[
    str | None, Query(description="A field, `-` before it for the other direction; several with commas.")
]
IfMatch = Annotated[str | None, Header(description="ETag of the state that was read, or `*`.")]
IfNoneMatch = Annotated[str | None, Header(description="ETags of states that are known.")]

reading = APIRouter(tags=["activities"])
writing = APIRouter(tags=["activities"])
_FILTERS: Final = {"parameters": filter_parameters()}


@reading.get("/activity/", response_model=ActivityList, responses=answers(400), openapi_extra=_FILTERS)
def list_activities(
    request: Request, owners: WhoseRows, limit: Limit = MOST, offset: Offset = 0, order_by: OrderBy = None
) -> Any:
    """Activities that all filters let through, by start. `field` is short for `field__exact`."""
    with begin() as connection:
        found = store.page(
            connection, _filters(request), owners=owners, order_by=order_by, limit=limit or MOST, offset=offset
        )
    return _envelope(request, "activity", found, limit or MOST, offset)


@reading.get("/activity/last_activities/", response_model=ActivityList, responses=answers(400), openapi_extra=_FILTERS)
def last_activities(
    request: Request, owners: WhoseRows, limit: Limit = MOST, offset: Offset = 0, order_by: OrderBy = None
) -> Any:
    """Activities from seven days ago to seven days ahead, of those that the filters let through."""
    around = store.around(datetime.now(UTC))
    with begin() as connection:
        found = store.page(
            connection,
            _filters(request),
            owners=owners,
            also=around,
            order_by=order_by,
            limit=limit or MOST,
            offset=offset,
        )
    return _envelope(request, "activity/last_activities", found, limit or MOST, offset)


@reading.get("/activity/{id}/", response_model=Activity, responses=answers(404) | NOT_MODIFIED)
def get_activity(id: Id, owners: WhoseRows, response: Response, if_none_match: IfNoneMatch = None) -> Any:
    """One activity. Its ETag is what a change needs."""
    with begin() as connection:
        found = store.one(connection, id, owners=owners)
    tag = etags.of(found)
    if if_none_match is not None and not etags.is_none_match(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return _tagged(response, found)


@reading.get("/user/{id}/", response_model=User, responses=answers(404), tags=["users"])
def get_user(id: Id, owners: WhoseRows) -> Any:
    """One user, with their calendars."""
    with begin() as connection:
        return store.user(connection, id, owners=owners)


@writing.post("/activity/", response_model=Activity, status_code=201, responses=answers(400, 409))
def create_activity(body: ActivityFields, owners: WhoseRows, who: WhoWrites, response: Response) -> Any:
    """Write a new activity by hand. No import changes or removes it."""
    with begin() as connection:
        found = store.create(connection, body, owners=owners, now=datetime.now(UTC))
        _record(connection, "activity.add", who, activity=found["id"])
    response.headers["Location"] = found[fields.RESOURCE_URI]
    return _tagged(response, found)


@writing.put("/activity/{id}/", response_model=Activity, responses=answers(400, 404, 409, 412))
def put_activity(
    id: Id, body: ActivityFields, owners: WhoseRows, who: WhoWrites, response: Response, if_match: IfMatch = None
) -> Any:
    """Write fields of an activity; those that are not sent stay. Without If-Match the last writer wins."""
    with begin() as connection:
        found = store.change(connection, id, body, owners=owners, now=datetime.now(UTC), if_match=if_match)
        _record(connection, "activity.change", who, activity=id)
    return _tagged(response, found)


@writing.patch("/activity/{id}/", response_model=Activity, responses=answers(400, 404, 409, 412, 428))
def patch_activity(
    id: Id, body: ActivityFields, owners: WhoseRows, who: WhoWrites, response: Response, if_match: IfMatch = None
) -> Any:
    """As PUT, for clients that do not want to lose what somebody else writes: If-Match is required."""
    with begin() as connection:
        found = store.change(connection, id, body, owners=owners, now=datetime.now(UTC), if_match=_required(if_match))
        _record(connection, "activity.change", who, activity=id)
    return _tagged(response, found)


@writing.delete("/activity/{id}/", status_code=204, responses=answers(404, 409, 412, 428))
def delete_activity(id: Id, owners: WhoseRows, who: WhoWrites, if_match: IfMatch = None) -> None:
    """Delete one activity. If-Match is required."""
    with begin() as connection:
        store.drop(connection, id, owners=owners, now=datetime.now(UTC), if_match=_required(if_match))
        _record(connection, "activity.remove", who, activity=id)


@writing.delete("/activity/", status_code=204, responses=answers(400, 409), openapi_extra=_FILTERS)
def delete_activities(request: Request, owners: WhoseRows, who: WhoWrites) -> None:
    """Delete what the filters let through: all of it, or nothing. A filter is required."""
    with begin() as connection:
        given = _filters(request, paging=frozenset())
        removed = store.remove(connection, given, owners=owners, now=datetime.now(UTC))
        # Values may be what is private in a row.
        _record(connection, "activity.remove", who, activities=removed, filters=sorted(given))


def _filters(request: Request, paging: frozenset[str] = _PAGING) -> dict[str, Any]:
    """The query's filters. One that is given several times is a list: some clients write lists so."""
    return {name: request.query_params.getlist(name) for name in request.query_params if name not in paging}


def _record(connection: sqlalchemy.Connection, action: str, who: str, **detail: Any) -> None:
    """A row of the audit log, in the transaction of what it tells."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine makes no other
    audit.record(driver, action, actor=who, detail=detail)


def _required(if_match: str | None) -> str:
    if if_match is None:
        raise PreconditionMissing
    return if_match


def _tagged(response: Response, found: dict[str, Any]) -> dict[str, Any]:
    response.headers["ETag"] = etags.of(found)
    return found


def _envelope(request: Request, path: str, found: store.Page, limit: int, offset: int) -> dict[str, Any]:
    """A page with its ``meta``, whose addresses are paths below Airflow's own, as ``resource_uri`` is."""

    def at(start: int) -> str:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("limit", "offset")]
        return f"{fields.ROOT}/{path}/?{urlencode([*kept, ('limit', limit), ('offset', start)])}"

    meta = {
        "limit": limit,
        "offset": offset,
        "total_count": found.total,
        "next": at(offset + limit) if offset + limit < found.total else None,
        "previous": at(max(offset - limit, 0)) if offset else None,
    }
    return {"meta": meta, "activities": found.activities}
