"""The app: routes, who may use them, and what an error becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

import calimport
from calimport import logs
from calimport.api import activities, exports
from calimport.api.access import who_writes, whose_rows
from calimport.errors import CalimportError
from calimport.settings import Settings
from calimport.store import owners
from calimport.store.owners import Owners
from calimport.store.refusals import StoreError

log = logs.logger(__name__)

_ABOUT: Final = """
Activities that were imported from calendars or written by hand, in the manner of the original Store API.

Times are epoch seconds. Filters are Django's: `start__gte=1795428000&user=2&title__icontains=coffee`; an unknown one
is an error. Sign in with `POST /auth/token` of Airflow and send `Authorization: Bearer …`. Reading needs the permission
to see the DAG `calendar_import`, writing the permission to start it.
"""


def create_app(
    may_read: Callable[..., Any],
    may_write: Callable[..., Any],
    whose: Callable[..., Owners],
    who: Callable[..., str],
) -> FastAPI:
    """The app.

    :param may_read: a dependency of FastAPI that raises 401 or 403 for whoever may not read; ``may_write``: so too.
    :param whose: a dependency that gives whose rows the one who asks may see and write.
    :param who: a dependency that names the one who asks, for the audit log.
    """
    app = FastAPI(title="calimport Store API", version=calimport.__version__, description=_ABOUT)
    for router, allowed in (
        (activities.reading, may_read),
        (activities.writing, may_write),
        (exports.reading, may_read),
    ):
        app.include_router(router, dependencies=[Depends(allowed)])
    app.include_router(exports.public)
    app.dependency_overrides |= {whose_rows: whose, who_writes: who}
    app.add_exception_handler(StoreError, _refused)
    app.add_exception_handler(CalimportError, _unavailable)
    return app


def airflow_app() -> FastAPI:
    """The app for Airflow's users. Imports what only Airflow's API server has loaded anyway."""
    from calimport.api.auth import everybodys, may_read, may_write, their_name, their_own

    limited = owners.are_limited(Settings.from_environment())
    return create_app(may_read, may_write, their_own if limited else everybodys, their_name)


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StoreError)  # noqa: S101 - Starlette calls it for no other class
    return JSONResponse({"detail": str(error)}, error.status)


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    """What is not the caller's: the database, its connection, its schema."""
    detail = error.detail if isinstance(error, CalimportError) else ""
    log.error("Store API: %s: %s %s", type(error).__name__, error, detail)
    return JSONResponse({"detail": "The database cannot be reached just now."}, 503)
