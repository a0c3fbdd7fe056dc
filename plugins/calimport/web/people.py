"""Who asks, what they may do, and the checks that every route has one of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Request

from calimport.database import Connection
from calimport.store.owners import Owners

_NO_CALENDAR: Final = "There is no such calendar."


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in and may see the calendars."""

    name: str
    #: May change and import calendars.
    may_write: bool
    #: May name Airflow connections: whoever chooses where a connection's secret is sent can learn it.
    may_connect: bool
    #: Whose calendars there are for them; None: everybody's.
    owners: Owners = None

    @property
    def actor(self) -> str:
        """As the audit log names them."""
        return f"airflow:{self.name}"

    @property
    def user_ids(self) -> list[int] | None:
        """``owners`` as SQL takes them."""
        return None if self.owners is None else sorted(self.owners)

    def check_sees(self, connection: Connection, calendar_id: int) -> None:
        """Make sure that there is such a calendar for this person.

        :raises HTTPException: 404; one that is not theirs is as if it were not there.
        """
        query = "select user_id from calimport.calendars where id = %s"
        found = connection.execute(query, [calendar_id]).fetchone()
        if found is None or (self.owners is not None and found["user_id"] not in self.owners):
            raise HTTPException(404, _NO_CALENDAR)

    def check_may_connect(self) -> None:
        """Refuse somebody who may not see Airflow's connections.

        :raises HTTPException: 403
        """
        if not self.may_connect:
            raise HTTPException(
                403, "Only who may see Airflow's connections can choose a calendar's connection, or where it is used."
            )

    def check_sees_all(self) -> None:
        """Refuse somebody to whom only some persons' calendars are shown.

        :raises HTTPException: 403
        """
        if self.owners is not None:
            raise HTTPException(403, "Only who sees everybody's calendars can say whose a calendar is.")


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
