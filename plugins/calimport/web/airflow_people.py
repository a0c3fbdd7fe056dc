"""Airflow's users as people of the pages, and Airflow's audit log as their journal."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models import Log
from airflow.utils.session import create_session
from fastapi import Depends, Request

from calimport.api.auth import DAG_ID, may_read, same_origin, their_own
from calimport.settings import Settings
from calimport.store import owners
from calimport.web.people import Person, remember


def who(
    request: Request,
    user: GetUserDep,
    _: Annotated[None, Depends(may_read)],
    __: Annotated[None, Depends(same_origin)],
) -> None:
    """Whoever may see the DAG; what else they may do is remembered with them."""
    manager = get_auth_manager()
    remember(
        request,
        Person(
            name=user.get_name(),
            may_write=manager.is_authorized_dag(
                method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=DAG_ID), user=user
            ),
            may_connect=manager.is_authorized_connection(method="GET", user=user),
            owners=their_own(user) if _rows_have_owners() else None,
        ),
    )


def journal(person: Person, event: str, about: dict[str, Any]) -> None:
    """A row in *Browse → Audit Log*. Airflow's own ``action_logging`` would write down whole bodies, and addresses."""
    row = Log(event=event, owner=person.name, owner_display_name=person.name, dag_id=DAG_ID, extra=json.dumps(about))
    with create_session() as session:
        session.add(row)


@cache
def _rows_have_owners() -> bool:
    return owners.are_limited(Settings.from_environment())
