"""Who may read and write: Airflow's users, by their permissions on the DAG ``calendar_import``.

Whoever may see the DAG may read; whoever may start it may write. Permissions of a DAG work with every auth manager and
can be given for one DAG alone, which those of a plugin's own pages cannot. Airflow leaves mounted apps unprotected, so
each route has one of these two.
"""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request

from calimport.store import owners
from calimport.store.engine import begin
from calimport.store.owners import EVERYBODY, Owners

DAG_ID: Final = "calendar_import"
_HARMLESS: Final = ("GET", "HEAD", "OPTIONS")

#: Both take a token (``Authorization: Bearer``) or the cookie of the web page: 401 without either.
may_read = requires_access_dag("GET", None, DAG_ID)
_may_run = requires_access_dag("POST", DagAccessEntity.RUN, DAG_ID)


def same_origin(request: Request) -> None:
    """Refuse what another website makes a signed-in person's browser send.

    The cookie is sent by pages of the same host on other ports too. Not skipped where there is a token: with
    ``simple_auth_manager_all_admins`` Airflow adds one to each request.

    :raises HTTPException: 403, the request comes from a page of another origin.
    """
    if request.method in _HARMLESS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif origin is not None:  # browsers send no Sec-Fetch-Site to plain http
        ours = urlsplit(origin).netloc in (request.headers.get("host"), urlsplit(conf.get("api", "base_url")).netloc)
    else:
        ours = True  # not a browser
    if not ours:
        raise HTTPException(403, "Requests from pages of other websites are refused.")


def may_write(_: Annotated[None, Depends(same_origin)], __: Annotated[None, Depends(_may_run)]) -> None:
    """May start the DAG, and is no other website."""


def their_name(user: GetUserDep) -> str:
    """The user as the audit log names them."""
    return f"airflow:{user.get_name()}"


def everybodys() -> Owners:
    """Rows have no owners: whoever may read, may read all."""
    return EVERYBODY


def their_own(user: GetUserDep) -> Owners:
    """The rows of those who name this user; everybody's for whoever may change Airflow's connections.

    They could read the database by its connection anyway.
    """
    if get_auth_manager().is_authorized_connection(method="PUT", user=user):
        return EVERYBODY
    with begin() as connection:
        return owners.of_airflow_user(connection, user.get_name())
