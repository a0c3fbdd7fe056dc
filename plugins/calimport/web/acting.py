"""What every action has: a person who may do it, and a row in each audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

from fastapi import Depends, Request

from calimport.database import Connection
from calimport.web.people import Journal, Person, Writer

Recorder = Callable[..., AbstractContextManager[Person]]


def _acting(request: Request, person: Writer) -> Recorder:
    journal: Journal = request.app.state.journal

    @contextmanager
    def acting(connection: Connection, action: str, **about: Any) -> Iterator[Person]:
        """Around an action: Airflow's audit log says what was asked for, also where it then fails.

        :param about: free of secrets: it can be read by whoever may read the audit log.
        """
        journal(person, f"calimport_{action.replace('.', '_')}", about)
        yield person

    return acting


Acting = Annotated[Recorder, Depends(_acting)]
