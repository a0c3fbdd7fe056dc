"""``/api/calendars``: the list, filtered, sorted and cut into pages by the database."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query

from calimport.calendars import STATES
from calimport.web.people import Reader
from calimport.web.reading import reading, rows

Sort = Literal["name", "state", "kind", "next", "fresh", "fetched", "imported", "changed", "notices"]
State = Literal["paused", "idle", "in_queue", "in_worker", "error", "bad_source"]
_PAGE: Final = 50
assert set(STATES) | {"paused"} == set(State.__args__)  # type: ignore[attr-defined]  # noqa: S101 - one list of states

router = APIRouter()


@router.get("/api/calendars")
def list_calendars(
    person: Reader,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[list[State] | None, Query()] = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    only: Literal["notices", "held", "late"] | None = None,
    run: Annotated[str | None, Query(max_length=250)] = None,
    dag: Annotated[str, Query(max_length=250)] = "calendar_import",
    sort: Sort = "name",
    descending: bool = False,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    size: Annotated[int, Query(ge=1, le=200)] = _PAGE,
) -> Any:
    """A page of calendars, how many there are in all, and of each state and kind.

    :param q: is searched in names, titles of feeds, users, organisers, places, and hosts of addresses.
    :param run: only the calendars of this DAG run, with what it did to each as ``run``; ``dag`` is its DAG.
    """
    with reading() as connection:
        (found,) = rows(
            connection,
            "list_calendars",
            user_ids=person.user_ids,
            pattern=_pattern(q),
            states=state,
            kind=kind or None,
            shown_only=only or "",
            dag_id=dag,
            dag_run_id=run or None,
            sort=sort,
            descending=descending,
            most=size,
            skipped=(page - 1) * size,
        )
    return {"may_write": person.may_write, **found}


def _pattern(text: str) -> str | None:
    """A pattern of LIKE that finds ``text`` as it is, anywhere."""
    # PostgreSQL's text cannot hold it, so nothing does.
    text = text.strip().replace("\x00", "")
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%" if text else None
