"""Bringing the database to what a configuration file says: first the whole plan, then exactly that.

A calendar is known by its name. One that the file does not name is left alone, or paused where the caller asks to
prune; nothing is ever deleted. Applying a file twice finds nothing to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from calimport import calendars, config_values, database
from calimport.calendars import Calendar, CalendarConfig
from calimport.configuration import Configuration, Entry, PartnerConfig, PlaceConfig, Problem, UserConfig, refuse
from calimport.database import Connection
from calimport.errors import ConfigurationError

Related = TypeVar("Related", UserConfig, PartnerConfig, PlaceConfig)


@dataclass(frozen=True)
class Change:
    """A user, partner, place or calendar that becomes another."""

    #: ``user``, ``partner``, ``place`` or ``calendar``.
    what: str
    #: None: it is added.
    before: config_values.Config | None
    after: config_values.Config
    #: The row, of a calendar that is changed.
    calendar: Calendar | None = None

    @property
    def name(self) -> str:
        return str(getattr(self.after, "name", ""))

    def __str__(self) -> str:
        label = self.name if self.what == "calendar" else f"{self.what} {self.name}"
        if self.before is None:
            return f"+ add {label}"
        return f"~ change {label}  {calendars.shown_differences(self.before, self.after)}"


@dataclass(frozen=True)
class Plan:
    """All that :func:`perform` will do. Users and partners come first, since places and calendars refer to them."""

    changes: list[Change] = field(default_factory=list)
    pauses: list[Calendar] = field(default_factory=list)
    unchanged: int = 0
    #: Calendars that run although the file does not name them.
    unnamed: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.changes and not self.pauses

    def lines(self) -> Iterator[str]:
        """The plan as it is printed."""
        yield from map(str, self.changes)
        for calendar in self.pauses:
            yield f"|| pause {calendar.config.name}"
        yield f"= {self.unchanged} unchanged"
        if self.unnamed:
            yield f"? {self.unnamed} not in the file, left alone (--prune would pause them)"


def make_plan(connection: Connection, configuration: Configuration, *, prune: bool = False) -> Plan:
    """What has to be done, on a database that nobody else configures until the end of the transaction.

    :raises ConfigurationError: the file asks for what cannot be: a place that is not there, a source twice.
    """
    calendars.lock(connection)
    stored = {calendar.config.name: calendar for calendar in calendars.list_all(connection)}
    declared = {entry.config.name for entry in configuration.calendars}
    if prune and not declared:
        raise ConfigurationError("The file names no calendar, so --prune would pause every one. Pause them by name.")
    others = [calendar for name, calendar in stored.items() if name not in declared]
    problems = [*_unknown_places(connection, configuration), *_clashes(configuration, others)]
    refuse(configuration.file, problems)

    changes = [*_users(connection, configuration), *_partners(connection, configuration)]
    changes += _changes("place", _stored_places(connection), configuration.places)
    unchanged = 0
    for entry in configuration.calendars:
        calendar = stored.get(entry.config.name)
        if calendar is None:
            changes.append(Change("calendar", None, entry.config))
        elif calendars.differences(calendar.config, entry.config):
            changes.append(Change("calendar", calendar.config, entry.config, calendar))
        else:
            unchanged += 1
    running = [calendar for calendar in others if calendar.config.enabled]
    return Plan(changes, running if prune else [], unchanged, 0 if prune else len(running))


def perform(connection: Connection, plan: Plan) -> None:
    """Do what the plan says. The caller commits."""
    for change in plan.changes:
        if change.what != "calendar":
            database.run(connection, f"calendars/upsert_{change.what}", **change.after.model_dump())
    if places := [change.name for change in plan.changes if change.what == "place"]:
        database.run(connection, "calendars/places_changed", names=places)
    # Two calendars may exchange their sources: none keeps its old one while the others are written.
    moving = [
        change.calendar.id
        for change in plan.changes
        if change.calendar and calendars.identity(change.calendar.config) != _identity(change.after)
    ]
    connection.execute(
        "update calimport.calendars set source = 'moving ' || id::text where id = any(%(moving)s)", {"moving": moving}
    )
    for change in plan.changes:
        if not isinstance(change.after, CalendarConfig):
            continue
        if change.calendar is None:
            calendars.add(connection, change.after)
        else:
            calendars.replace(connection, change.calendar, change.after)
    for calendar in plan.pauses:
        calendars.pause(connection, calendar.id)


def _identity(config: config_values.Config) -> tuple[str | None, ...] | None:
    return calendars.identity(config) if isinstance(config, CalendarConfig) else None


def _unknown_places(connection: Connection, configuration: Configuration) -> Iterator[Problem]:
    rows = connection.execute("select name from calimport.places").fetchall()
    known = {row["name"] for row in rows} | {entry.config.name for entry in configuration.places}
    for entry in configuration.calendars:
        if (place := entry.config.place) is not None and place not in known:
            hint = config_values.nearest(place, known)
            yield entry.problem("place", f"there is no place named {place!r}.{hint} Declare it under `places:`.")


def _clashes(configuration: Configuration, others: list[Calendar]) -> Iterator[Problem]:
    """Calendars of the file that would import what another imports: another of the file, or one that is only stored."""
    lines: dict[tuple[str | None, ...], int] = {}
    stored = {calendars.identity(calendar.config): calendar.config.name for calendar in others}
    for entry in configuration.calendars:
        identity = calendars.identity(entry.config)
        if first := lines.get(identity):
            sentence = f"the calendar on line {first} has the same source, connection, user and activity type."
            yield entry.problem("source", sentence)
        elif name := stored.get(identity):
            command = shlex.join(["calimport", "calendars", "set", name, f"name={entry.config.name}"])
            yield entry.problem("source", f"{calendars.same_source(name)} To rename it: {command}")
        lines.setdefault(identity, entry.line)


def _users(connection: Connection, configuration: Configuration) -> list[Change]:
    rows = connection.execute("select name, email, airflow_users from calimport.users order by name").fetchall()
    stored = {row["name"]: UserConfig.model_construct(**row) for row in rows}
    used = [entry.config.user for entry in configuration.calendars]
    return _changes("user", stored, configuration.users) + [
        Change("user", None, UserConfig(name=name)) for name in _missing(used, stored, configuration.users)
    ]


def _partners(connection: Connection, configuration: Configuration) -> list[Change]:
    rows = connection.execute("select name, contact_name, contact_email from calimport.partners").fetchall()
    stored = {row["name"]: PartnerConfig.model_construct(**row) for row in rows}
    used = [entry.config.organiser for entry in configuration.calendars]
    used += [entry.config.partner for entry in configuration.places]
    return _changes("partner", stored, configuration.partners) + [
        Change("partner", None, PartnerConfig(name=name)) for name in _missing(used, stored, configuration.partners)
    ]


def _stored_places(connection: Connection) -> dict[str, PlaceConfig]:
    rows = connection.execute(
        "select places.name, places.address, places.postcode, places.country, partners.name as partner,"
        " places.contact_email, places.match_venues"
        " from calimport.places left join calimport.partners on places.partner_id = partners.id"
    ).fetchall()
    return {row["name"]: PlaceConfig.model_construct(**row) for row in rows}


def _changes(what: str, stored: Mapping[str, Related], entries: Iterable[Entry[Related]]) -> list[Change]:
    return [
        Change(what, before, entry.config)
        for entry in entries
        if (before := stored.get(entry.config.name)) is None or calendars.differences(before, entry.config)
    ]


def _missing(used: Iterable[str | None], stored: Mapping[str, Related], entries: Iterable[Entry[Related]]) -> list[str]:
    """Names that are used, and neither stored nor declared, once each."""
    known = stored.keys() | {entry.config.name for entry in entries}
    return sorted({name for name in used if name is not None} - known)
