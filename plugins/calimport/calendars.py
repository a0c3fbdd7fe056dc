"""Calendars: what can be configured for one, and the table ``calimport.calendars`` that is the truth about it.

:class:`CalendarConfig` is the one place for the keys of a calendar, their defaults and their checks; the command line,
the YAML file and the table all follow it. The functions below take an open connection and leave the commit to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

import psycopg
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from calimport import addresses, database, privacy, sources
from calimport import config_values as values
from calimport.database import Connection
from calimport.errors import ConfigurationError, mask_url

KINDS: Final = ("auto", *sources.MODULES)
STRATEGIES: Final = ("place", "event", "event_override", "room_number", "no_location", "online_only")
STATES: Final = ("idle", "in_queue", "in_worker", "error", "bad_source")
#: What makes a calendar another one to the importer: nothing known of the old source holds for the new.
SOURCE_KEYS: Final = frozenset({"source", "kind", "connection"})

#: Keys whose values are about a person.
_PERSONAL: Final = frozenset({"source", "user", "contact_email"})
#: Any number, as long as it is this one: whoever configures calendars waits here for whoever is doing so.
_LOCK: Final = 0x63616C_636667
#: Columns that are not named like their key.
_COLUMNS: Final = {"connection": "connection_id", "user": "user_name", "interval": "import_interval"}
_NEEDS_PLACE: Final = ("place", "room_number")
_NEEDS_CONNECTION: Final = ("google",)


class CalendarConfig(values.Config):
    """What can be configured for one calendar. A key's check may look at the keys above it."""

    name: values.Text
    """Unique name of the calendar."""
    kind: str = "auto"
    """Kind of source: `auto` (told by the address, else by its answer), or a kind of docs/sources.md."""
    connection: values.ConnectionId | None = Field(None, validate_default=True)
    """Id of the Airflow connection that holds the secret: a private address, a password, a key."""
    source: values.Address | None = Field(None, validate_default=True)
    """Public address, or the provider's id of the calendar. Not needed where the connection holds the address."""
    timezone: values.Zone | None = None
    """IANA zone in which dates and times without a zone lie. Without it: what the feed says, else UTC."""
    user: values.Text | None = None
    """Whose calendar it is. A user of a new name is added."""
    organiser: values.Text | None = None
    """The partner whose events these are. A partner of a new name is added."""
    place: values.Text | None = None
    """Where events take place, as the strategy says. The place must exist, or be declared under `places:`."""
    contact_email: values.Email | None = None
    """Who is told about problems. Without it: the organiser, else the place."""
    activity_type: values.Slug = "personal"
    """What the events are to the user: `personal`, `exercise`, `medication`, `health-measurement`, or your own."""
    strategy: str = "event_override"
    """How a place is found: `place`, `event`, `event_override`, `room_number`, `no_location`, `online_only`."""
    days_back: values.Days = 7
    """Window: whole days before today."""
    days_ahead: values.Days = 7
    """Window: whole days after today."""
    interval: values.Interval = timedelta(minutes=5)
    """How long after one import the next is due: `5m`, `1h30m`, `1d`, or a number of minutes."""
    freshness_target: values.Interval | None = None
    """How old its events may be before it counts as late: `2h`. Without it: three intervals, two hours at least."""
    enabled: bool = True
    """`false` while paused."""
    private_events: str = "skip"
    """Private, confidential and marked events: `skip`, or `busy`: kept with nothing but their time."""
    attendees_policy: str = "keep"
    """What is kept of attendees: `keep`, `mask`, `hash`, `drop`."""
    organizer_policy: str = "keep"
    """What is kept of organizer and creator: `keep`, `mask`, `hash`, `drop`."""
    description_policy: str = "keep"
    """What is kept of descriptions: `keep`, `mask`, `hash`, `drop`."""
    default_reminders: values.Reminders | None = None
    """Reminders of events that say nothing of any: `10m popup, 1d email`. Methods: `popup`, `email`, `audio`."""
    hold_deletes_over: int | None = Field(None, ge=0, le=1_000_000)
    """Up to so many deletions of one import are never held. Without it: the setting, as with the next two."""
    hold_deletes_ratio: float | None = Field(None, ge=0, le=1)
    """Beyond that, deletions are held that are more than this share of the window's rows …"""
    hold_deletes_most: int | None = Field(None, ge=0, le=1_000_000)
    """… or more than this many, whatever their share."""

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, kind: str) -> str:
        return values.one_of(kind, KINDS)

    @field_validator("connection")
    @classmethod
    def _check_connection(cls, connection: str | None, info: ValidationInfo) -> str | None:
        if connection is None and info.data.get("kind") in _NEEDS_CONNECTION:
            raise ValueError(
                f"is required for kind {info.data['kind']}: the id of the Airflow connection with its key."
            )
        return connection

    @field_validator("source")
    @classmethod
    def _check_source(cls, source: str | None, info: ValidationInfo) -> str | None:
        if not info.data.keys() >= {"kind", "connection"}:
            return source  # one of them is wrong, which is said already
        kind, connection = info.data["kind"], info.data["connection"]
        if source is None:
            if connection is None:
                raise ValueError("is required, unless `connection` names an Airflow connection that holds the address.")
            if kind == "google":
                raise ValueError("is required for kind google: the calendar's id, such as primary.")
            return None
        addresses.check(source, kind=kind, connection=connection)
        return source

    @field_validator("strategy")
    @classmethod
    def _check_strategy(cls, strategy: str, info: ValidationInfo) -> str:
        values.one_of(strategy, STRATEGIES)
        if strategy in _NEEDS_PLACE and "place" in info.data and info.data["place"] is None:
            raise ValueError(f"{strategy!r} needs a `place`.")
        return strategy

    @field_validator("private_events")
    @classmethod
    def _check_private_events(cls, treatment: str) -> str:
        return values.one_of(treatment, privacy.TREATMENTS)

    @field_validator("attendees_policy", "organizer_policy", "description_policy")
    @classmethod
    def _check_policy(cls, policy: str) -> str:
        return values.one_of(policy, privacy.POLICIES)


@dataclass(frozen=True)
class Calendar:
    """A row of the table. Its ``config`` is what is stored, valid or not: one bad row must not hide the others."""

    id: int
    config: CalendarConfig
    state: str
    error_class: str | None
    error_message: str | None
    consecutive_failures: int
    next_import_at: datetime | None
    kind_used: str | None
    feed_title: str | None
    feed_timezone: str | None
    configured_at: datetime
    fetched_at: datetime | None
    imported_at: datetime | None
    changed_at: datetime | None
    events: int


def configure(given: Mapping[str, object]) -> CalendarConfig:
    """A checked configuration.

    :raises ConfigurationError: all that is wrong with it, in one message.
    """
    try:
        return CalendarConfig.model_validate(dict(given))
    except ValidationError as error:
        raise ConfigurationError(" ".join(f"{key}: {sentence}" for key, sentence in values.problems(error))) from None


def list_all(connection: Connection) -> list[Calendar]:
    """Every calendar, by name."""
    return _select(connection)


def get(connection: Connection, key: str | int) -> Calendar:
    """The calendar of this name or, where no calendar has the name, of this id.

    :raises ConfigurationError: there is none.
    """
    found = _select(connection, name=key) if isinstance(key, str) else []
    if not found and re.fullmatch(r"[0-9]{1,18}", str(key)):
        found = _select(connection, id=int(key))
    if found:
        return found[0]
    names = [row["name"] for row in connection.execute("select name from calimport.calendars").fetchall()]
    raise ConfigurationError(f"There is no calendar named {str(key)!r}.{values.nearest(str(key), names)}")


def add(connection: Connection, config: CalendarConfig) -> int:
    """Add a calendar, due at the next run; return its id. Its user and organiser are added where they are new.

    :raises ConfigurationError: the name or the source is taken, or there is no such place.
    """
    with _writing(connection, config):
        row = database.run(connection, "calendars/insert", **config.model_dump()).fetchone()
    assert row is not None  # noqa: S101 - `insert … returning` without a condition gives one row
    return int(row["id"])


def change(connection: Connection, key: str | int, given: Mapping[str, object]) -> tuple[Calendar, CalendarConfig]:
    """Set some keys of a calendar and make it due; return it as it was, and its configuration now.

    A key given as None gets its default. Where nothing differs, nothing is done.

    :raises ConfigurationError: the result is not valid, the name or the source is taken, or there is no such place.
    """
    lock(connection)
    calendar = get(connection, key)
    wanted = calendar.config.model_dump() | dict(given)
    config = configure({key: value for key, value in wanted.items() if value is not None})
    if differences(calendar.config, config):
        replace(connection, calendar, config)
    return calendar, config


def replace(connection: Connection, calendar: Calendar, config: CalendarConfig) -> None:
    """Give a calendar this whole configuration and make it due. With another source, the old one is forgotten.

    :raises ConfigurationError: the name or the source is taken, there is no such place, or it is written by hand.
    """
    if calendar.config.kind == "manual":
        raise ConfigurationError(
            f"{calendar.config.name!r} is written by hand through the Store API; there is nothing to set."
        )
    resumed = config.enabled and not calendar.config.enabled
    with _writing(connection, config):
        database.run(connection, "calendars/update", id=calendar.id, resumed=resumed, **config.model_dump())
        if SOURCE_KEYS.intersection(differences(calendar.config, config)):
            database.run(connection, "calendars/forget_source", id=calendar.id)


def pause(connection: Connection, key: str | int) -> bool:
    """Stop importing a calendar; its events stay. False: it was paused already."""
    return _switch(connection, key, enabled=False)


def resume(connection: Connection, key: str | int) -> bool:
    """Import a calendar again, at the next run, whatever it was waiting for. False: it was not paused."""
    return _switch(connection, key, enabled=True)


def remove(connection: Connection, key: str | int) -> Calendar:
    """Delete a calendar with its events, history, runs, notices and feeds; return what it was."""
    lock(connection)
    calendar = get(connection, key)
    hashes = "select distinct content_hash from calimport.feeds where calendar_id = %s"
    contents = [row["content_hash"] for row in connection.execute(hashes, [calendar.id]).fetchall()]
    database.run(connection, "calendars/remove", id=calendar.id)
    try:
        with connection.transaction():
            database.run(connection, "calendars/remove_contents", contents=contents)
    except psycopg.errors.ForeignKeyViolation:
        pass  # a run has just stored the same bytes for another calendar: they are that calendar's now
    return calendar


def differences(before: values.Config, after: values.Config) -> list[str]:
    """The keys that differ, in the model's order."""
    return [key for key in type(after).model_fields if getattr(before, key) != getattr(after, key)]


def shown(key: str, value: object) -> str:
    """A value as people read it, and write it: no secret of an address is in it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return values.format_interval(value)
    return mask_url(str(value)) if key == "source" and addresses.is_private(str(value)) else str(value)


def shown_differences(before: values.Config, after: values.Config) -> str:
    """``days_back: 7 → 14, place: – → Hall``."""
    changed = differences(before, after)
    return ", ".join(
        f"{key}: {shown(key, getattr(before, key))} → {shown(key, getattr(after, key))}" for key in changed
    )


def audited_differences(before: values.Config, after: values.Config) -> dict[str, list[str] | None]:
    """What changed, for the audit log: ``{"days_back": ["7", "14"]}``.

    None, where the values are about a person: the log is not to keep what an erasure of that person would not find.
    """
    return {
        key: None if key in _PERSONAL else [shown(key, getattr(before, key)), shown(key, getattr(after, key))]
        for key in differences(before, after)
    }


def private_names(configs: Iterable[CalendarConfig]) -> list[str]:
    """Names of the calendars whose address looks private."""
    return [config.name for config in configs if config.source is not None and addresses.is_private(config.source)]


def check_place(connection: Connection, name: str) -> None:
    """Make sure that there is a place of this name.

    :raises ConfigurationError: there is none.
    """
    if connection.execute("select 1 from calimport.places where name = %s", [name]).fetchone():
        return
    names = [row["name"] for row in connection.execute("select name from calimport.places").fetchall()]
    raise ConfigurationError(
        f"There is no place named {name!r}.{values.nearest(name, names)} "
        "Declare it under `places:` in a file for `calimport calendars apply`."
    )


def identity(config: CalendarConfig) -> tuple[str | None, ...]:
    """What no two calendars may have in common."""
    return (config.source, config.connection, config.user, config.activity_type)


def same_source(name: str) -> str:
    """The sentence for a calendar that would import what the calendar ``name`` imports."""
    return f"{name!r} has the same source, connection, user and activity type already."


def lock(connection: Connection) -> None:
    """Wait for whoever else configures calendars, until the end of the transaction: what we read then stays true."""
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])


def _select(connection: Connection, *, id: int | None = None, name: str | None = None) -> list[Calendar]:
    rows = database.run(connection, "calendars/list", id=id, name=name).fetchall()
    keys = [(key, _COLUMNS.get(key, key)) for key in CalendarConfig.model_fields]
    states = [column.name for column in fields(Calendar) if column.name != "config"]
    return [
        Calendar(
            config=CalendarConfig.model_construct(**{key: row[column] for key, column in keys}),
            **{name: row[name] for name in states},
        )
        for row in rows
    ]


def _switch(connection: Connection, key: str | int, *, enabled: bool) -> bool:
    lock(connection)
    calendar = get(connection, key)
    if not enabled and not calendar.config.enabled:
        return False
    # Not through `configure`: a calendar whose stored configuration is not valid must be possible to pause.
    database.run(connection, "calendars/switch", id=calendar.id, enabled=enabled)
    return calendar.config.enabled != enabled


@contextmanager
def _writing(connection: Connection, config: CalendarConfig) -> Iterator[None]:
    """Around a write of ``config``: what it refers to exists, and a clash is said in our words."""
    lock(connection)
    if config.place is not None:
        check_place(connection, config.place)
    _add_missing(connection, "insert into calimport.users (name) values (%s) on conflict do nothing", config.user)
    _add_missing(
        connection, "insert into calimport.partners (name) values (%s) on conflict do nothing", config.organiser
    )
    try:
        with connection.transaction():
            yield
    except psycopg.errors.UniqueViolation as violation:
        raise _taken(connection, config, violation) from None


def _add_missing(connection: Connection, statement: str, name: str | None) -> None:
    if name is not None:
        connection.execute(statement.encode(), [name])


def _taken(connection: Connection, config: CalendarConfig, violation: psycopg.errors.UniqueViolation) -> Exception:
    if violation.diag.constraint_name != "calendars_source":
        return ConfigurationError(f"There is a calendar named {config.name!r} already.")
    other = next((one for one in list_all(connection) if identity(one.config) == identity(config)), None)
    return ConfigurationError(same_source(other.config.name if other else "Another calendar"))
