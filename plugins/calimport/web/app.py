"""The app: pages, their data, what a person may do, and what an error becomes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import psycopg
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from calimport import logs
from calimport.errors import CalimportError, ConfigurationError, ImportImplausible, ImportInterrupted
from calimport.web import actions, deciding, details, listing, pages
from calimport.web.people import Journal

log = logs.logger(__name__)


def create_app(who: Callable[..., Any], journal: Journal) -> FastAPI:
    """The app.

    :param who: a dependency of FastAPI that remembers who asks (:func:`calimport.web.people.remember`), or raises 401
        or 403 for whoever may not even see the calendars, or whose browser is sent by another website.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.journal = journal
    for router in (pages.router, listing.router, details.router, actions.router, deciding.router):
        app.include_router(router, dependencies=[Depends(who)])
    # Nothing here is anybody's data, and the menu's icon must load before anybody has signed in.
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.middleware("http")(_add_headers)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ConfigurationError, _wrong)
    app.add_exception_handler(ImportImplausible, _conflicting)
    app.add_exception_handler(CalimportError, _unavailable)
    app.add_exception_handler(psycopg.Error, _unavailable)
    return app


def airflow_app() -> FastAPI:
    """The app for Airflow's users. Imports what only Airflow's API server has loaded anyway."""
    from calimport.web.airflow_people import journal, who

    return create_app(who, journal)


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in pages.HEADERS.items():
        response.headers[name] = value
    return response


async def _refused(request: Request, error: Exception) -> Response:
    """Who opens a page without being signed in is led to Airflow's sign-in, and from there back."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it for no other class
    root = request.scope.get("root_path", "")
    if error.status_code == 401 and request.method == "GET" and request.url.path.startswith(f"{root}/ui/"):
        airflow = root.removesuffix("/calimport")
        return RedirectResponse(f"{airflow}/api/v2/auth/login?{urlencode({'next': str(request.url)})}", 302)
    return await http_exception_handler(request, error)


def _wrong(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 400)


def _conflicting(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 409)


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    """What is not the person's: the database, its connection, its schema."""
    if isinstance(error, CalimportError) and not isinstance(error, ImportInterrupted):
        return JSONResponse({"detail": str(error)}, 409)
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return JSONResponse({"detail": "Database and calimport are of different versions: `calimport migrate`."}, 503)
    log.error("Calendars page: %s: %s %s", type(error).__name__, error, getattr(error, "detail", ""))
    return JSONResponse({"detail": "The database cannot be reached just now."}, 503)
