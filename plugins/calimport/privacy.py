"""What is kept of private events, and of the people and the text of all others.

Two tables decide: :data:`BUSY` says what each column of a private event becomes where a calendar keeps such events,
and :data:`RULES` what each policy makes of a field. A test compares the first with the frame, so that no column that
is added later can be forgotten.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from calimport.connections import read_connection
from calimport.errors import ConfigurationError
from calimport.frame import Columns

#: Of private, confidential and marked events.
TREATMENTS: Final = ("skip", "busy")
POLICIES: Final = ("keep", "mask", "hash", "drop")
#: The columns that a policy governs.
FIELDS: Final = {
    "attendees": ("attendees",),
    "organizer": ("organizer", "creator"),
    "description": ("description",),
}
#: The Airflow connection whose password is the key of hashes.
HASH_CONNECTION_ID: Final = "calimport_hash"
_SHORTEST_KEY: Final = 16

#: What is left of a private event that is kept as busy: each column that says more than when.
BUSY: Final[Mapping[str, Any]] = {
    "summary": "Busy",
    "description": None,
    "location": None,
    "url": None,
    "online_url": None,
    "online_type": None,
    "categories": [],
    "organizer": None,
    "creator": None,
    "attendees": [],
    "color": None,
    "reminders": [],
    "reminder_methods": [],
    "sequence": None,
    "created_at": None,
    "updated_at": None,
    "source_event_id": None,
    "source_series_id": None,
    "place_id": None,
    "address": None,
}
#: … and what is kept: identity, time, whether it takes time, that it is private, and the calendar's own activity type.
BUSY_KEEPS: Final = frozenset(
    {"uid", "recurrence_id", "start_at", "end_at", "all_day", "start_date", "end_date", "timezone", "timezone_source"}
    | {"status", "visibility", "transparency", "is_recurring", "activity_type", "content_hash"}
)


@dataclass(frozen=True)
class Privacy:
    """A calendar's choice. ``key`` is needed where a policy is ``hash``."""

    private_events: str = "skip"
    attendees: str = "keep"
    organizer: str = "keep"
    description: str = "keep"
    key: bytes = field(default=b"", repr=False)

    def fingerprint(self) -> tuple[str, ...]:
        """What rows follow from, without the key: a digest that differs for another key."""
        key = hmac.digest(self.key, b"calimport fingerprint", "sha256").hex() if self.key else ""
        return (self.private_events, self.attendees, self.organizer, self.description, key)

    def applied(self, columns: Columns) -> Columns:
        """The columns as the policies leave them."""
        found = dict(columns)
        for field_name, names in FIELDS.items():
            policy = getattr(self, field_name)
            if policy != "keep":
                rule = RULES[field_name][policy]
                found |= {name: [rule(value, self.key) for value in columns[name]] for name in names}
        return found


class Chosen(Protocol):
    """A calendar's columns."""

    @property
    def private_events(self) -> str: ...
    @property
    def attendees_policy(self) -> str: ...
    @property
    def organizer_policy(self) -> str: ...
    @property
    def description_policy(self) -> str: ...


def of_calendar(chosen: Chosen) -> Privacy:
    """A calendar's choice, with the key where it is needed.

    :raises CredentialsMissing: a policy is ``hash``, and there is no connection ``calimport_hash``.
    :raises ConfigurationError: its password is too short to be a key.
    """
    policies = (chosen.attendees_policy, chosen.organizer_policy, chosen.description_policy)
    return Privacy(chosen.private_events, *policies, key=_key() if "hash" in policies else b"")


def busy(columns: Columns, numbers: Sequence[int]) -> Columns:
    """The columns, in which the rows of these numbers have nothing but their time."""
    found = dict(columns)
    for name, value in BUSY.items() if numbers else ():
        found[name] = list(columns[name])
        for number in numbers:
            found[name][number] = value
    return found


def digest(value: str, key: bytes) -> str:
    """``hash:`` and 32 hexadecimal digits: HMAC-SHA-256, cut to 128 bits.

    A plain hash of an address is found again by hashing all addresses that somebody knows; this one only with the key.
    """
    return f"hash:{hmac.digest(key, value.encode(), 'sha256')[:16].hex()}"


Rule = Callable[[Any, bytes], Any]
Person = dict[str, Any]


def _keep(value: Any, key: bytes) -> Any:
    return value


def _none(value: Any, key: bytes) -> None:
    return None


def _nobody(value: list[Person | None], key: bytes) -> list[Person]:
    return []


def _masked_person(person: Person | None, key: bytes) -> Person | None:
    """That there is somebody, and their answer."""
    return None if person is None else {**person, "name": None, "email": None}


def _hashed_person(person: Person | None, key: bytes) -> Person | None:
    """The same person is the same hash, however they write their address; of one without address, their name's."""
    if person is None:
        return None
    known = person.get("email") or person.get("name")
    return {**person, "name": None, "email": digest(known.strip().lower(), key) if known else None}


def _each(rule: Rule) -> Rule:
    return lambda people, key: [rule(person, key) for person in people]


def _masked_text(text: str | None, key: bytes) -> str | None:
    return None if text is None else "(hidden)"


def _hashed_text(text: str | None, key: bytes) -> str | None:
    return None if text is None else digest(text, key)


#: Field × policy.
RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "attendees": {"keep": _keep, "mask": _each(_masked_person), "hash": _each(_hashed_person), "drop": _nobody},
    "organizer": {"keep": _keep, "mask": _masked_person, "hash": _hashed_person, "drop": _none},
    "description": {"keep": _keep, "mask": _masked_text, "hash": _hashed_text, "drop": _none},
}


def _key() -> bytes:
    key = read_connection(HASH_CONNECTION_ID).password.encode()
    if len(key) < _SHORTEST_KEY:
        raise ConfigurationError(
            f"The password of the Airflow connection {HASH_CONNECTION_ID} is the key of hashes:"
            f" it must have {_SHORTEST_KEY} characters at least."
        )
    return key
