"""Who asks, what they may do, and the checks that every route has one of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in and may see the calendars."""

    name: str
    #: May change and import calendars.
    may_write: bool
    #: May name Airflow connections: whoever chooses where a connection's secret is sent can learn it.
    may_connect: bool

    @property
    def actor(self) -> str:
        """As the audit log names them."""
        return f"airflow:{self.name}"


#: Writes a row of Airflow's own audit log: the person, the event, and what it was about, free of secrets.
Journal = Callable[[Person, str, dict[str, Any]], None]


def remember(request: Request, person: Person) -> None:
    """Keep who asks for the routes below."""
    request.state.person = person


def _person(request: Request) -> Person:
    person: Person = request.state.person
    return person


Reader = Annotated[Person, Depends(_person)]


def _writer(person: Reader) -> Person:
    if not person.may_write:
        raise HTTPException(403, "You may look at calendars, but not change or import them.")
    return person


Writer = Annotated[Person, Depends(_writer)]


def check_may_connect(person: Person) -> None:
    """Refuse somebody who may not see Airflow's connections.

    :raises HTTPException: 403
    """
    if not person.may_connect:
        raise HTTPException(
            403, "Only who may see Airflow's connections can choose a calendar's connection, or where it is used."
        )
