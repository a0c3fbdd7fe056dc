"""``calimport calendars``: what is imported, and how."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from calimport import audit, config_values, database
from calimport import calendars as store
from calimport.calendars import Calendar, CalendarConfig
from calimport.cli.check import check
from calimport.cli.printing import display_width
from calimport.database import Connection
from calimport.errors import ConfigurationError
from calimport.logs import printable

if TYPE_CHECKING:
    from calimport.calendars_apply import Plan

#: What `add` takes as arguments, or as a flag.
_NOT_OPTIONS: Final = frozenset({"name", "source", "enabled"})
_LIST_COLUMNS: Final = ("id", "name", "kind", "state", "next import", "last import", "events", "error")


@click.group()
def calendars() -> None:
    """Add, list, change, pause, check and remove calendars."""


calendars.add_command(check)


def _config_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each key of a calendar, from the one place that knows them."""
    for key, field in reversed(CalendarConfig.model_fields.items()):
        if key not in _NOT_OPTIONS:
            default = "" if field.default is None else f" Default: {store.shown(key, field.default)}."
            text = f"{field.description}{default}".replace("`", "")
            command = click.option(f"--{key.replace('_', '-')}", key, metavar="VALUE", help=text)(command)
    return command


@calendars.command()
@click.argument("name")
@click.argument("source", required=False)
@_config_options
@click.option("--paused", is_flag=True, help="Add it without importing it yet.")
def add(name: str, source: str | None, paused: bool, **options: str | None) -> None:
    """Add a calendar. SOURCE is its address or id; leave it out where the connection holds a private address."""
    given = {"name": name, "source": source, "enabled": not paused, **options}
    config = store.configure({key: value for key, value in given.items() if value is not None})
    with _database() as connection:
        calendar_id = store.add(connection, config)
        _record(connection, "add", calendar_id, {"name": config.name})
    click.echo(f"Added {config.name} (id {calendar_id}){', paused' if paused else ': due at the next run'}.")
    _warn_of_private_addresses([config])


@calendars.command("list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--state", type=click.Choice(["paused", *store.STATES]), help="Only calendars in this state.")
def list_(form: str, state: str | None) -> None:
    """List calendars: what each does, and what it waits for."""
    with _database() as connection:
        found = [one for one in store.list_all(connection) if state in (None, _state(one))]
    if form == "json":
        click.echo(json.dumps([_document(one) for one in found], indent=2, ensure_ascii=False))
    else:
        _echo_table([_LIST_COLUMNS, *map(_row, found)])


@calendars.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one calendar: configuration, state, last run, notices, counts."""
    with _database() as connection:
        calendar = store.get(connection, name)
        run = database.run(connection, "calendars/last_run", id=calendar.id).fetchone()
        notices = database.run(connection, "calendars/notices", id=calendar.id).fetchall()
    document = _document(calendar)
    for key in CalendarConfig.model_fields:
        click.echo(f"{key}: {store.shown(key, getattr(calendar.config, key))}")
    click.echo()
    for key in document:
        if key not in CalendarConfig.model_fields:
            click.echo(f"{key}: {_plain(getattr(calendar, key))}")
    click.echo()
    click.echo("last run: none yet" if run is None else "last run:")
    for key, value in (run or {}).items():
        click.echo(f"  {key}: {_plain(value)}")
    click.echo(f"notices: {len(notices)}")
    for notice in notices:
        click.echo(f"  since {_time(notice['first_seen_at'])}: {_plain(notice['message'])}")


@calendars.command()
@click.argument("name")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def notices(name: str, form: str) -> None:
    """Print what the owner of a calendar can mend in it, and since when."""
    with _database() as connection:
        calendar = store.get(connection, name)
        found = database.run(connection, "calendars/notices", id=calendar.id).fetchall()
    if form == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False, default=datetime.isoformat))
        return
    rows = [
        (_time(one["first_seen_at"]), _time(one["last_seen_at"]), str(one["occurrences"]), _plain(one["message"]))
        for one in found
    ]
    _echo_table([("first seen", "last seen", "times", "notice"), *rows] if rows else [("No notices.",)])


@calendars.command("set")
@click.argument("name")
@click.argument("changes", metavar="KEY=VALUE...", nargs=-1, required=True)
def set_(name: str, changes: tuple[str, ...]) -> None:
    """Change keys of a calendar. KEY= alone gives the key its default."""
    given = dict(_assignment(change) for change in changes)
    with _database() as connection:
        before, after = store.change(connection, name, given)
        difference = store.shown_differences(before.config, after)
        if difference:
            _record_change(connection, before.id, before.config, after)
    click.echo(f"Changed {after.name}: {difference}." if difference else f"Nothing to change: {after.name} is so.")
    _warn_of_private_addresses([after] if "source" in given else [])


@calendars.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def pause(names: tuple[str, ...]) -> None:
    """Stop importing calendars. Their events stay."""
    with _database() as connection:
        done = [(name, _switched(connection, name, store.pause)) for name in names]
    for name, changed in done:
        click.echo(f"Paused {name}." if changed else f"{name} was paused already.")


@calendars.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def resume(names: tuple[str, ...]) -> None:
    """Import calendars again, at the next run, even where one was waiting after failures."""
    with _database() as connection:
        done = [(name, _switched(connection, name, store.resume)) for name in names]
    for name, changed in done:
        click.echo(
            f"Resumed {name}: due at the next run." if changed else f"{name} was not paused: due at the next run."
        )


@calendars.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(names: tuple[str, ...], yes: bool) -> None:
    """Delete calendars with their events, history, runs and notices."""
    with _database() as connection:
        found = [store.get(connection, name) for name in dict.fromkeys(names)]
        connection.commit()  # nobody waits for us while we wait for an answer
        if not yes:
            for calendar in found:
                click.echo(f"{calendar.config.name} has {calendar.events} events.")
            click.confirm("Delete all of this?", abort=True)
        removed = [store.remove(connection, calendar.id) for calendar in found]
        for calendar in removed:
            _record(connection, "remove", calendar.id, {"name": calendar.config.name, "events": calendar.events})
    for calendar in removed:
        click.echo(f"Removed {calendar.config.name} and its {calendar.events} events.")


@calendars.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prune", is_flag=True, help="Pause calendars that the file does not name.")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
def apply(file: Path, prune: bool, dry_run: bool) -> None:
    """Bring the calendars to what a YAML file says: all of it, or nothing."""
    from calimport import calendars_apply, configuration

    wanted = configuration.read(file)
    with _database() as connection:
        plan = calendars_apply.make_plan(connection, wanted, prune=prune)
        for line in plan.lines():
            click.echo(line)
        if not dry_run:
            calendars_apply.perform(connection, plan)
            _record_plan(connection, plan)
    if plan.is_empty:
        click.echo("Nothing to do.")
    else:
        click.echo("Not applied: --dry-run." if dry_run else "Applied.")
    _warn_of_private_addresses(entry.config for entry in wanted.calendars)


@contextmanager
def _database() -> Iterator[Connection]:
    """The database, if its schema is the one of this code."""
    with database.connect() as connection:
        database.check_schema(connection)
        yield connection


def _record(connection: Connection, what: str, calendar_id: int | None, detail: dict[str, Any]) -> None:
    audit.record(connection, f"calendar.{what}", actor=audit.os_user(), calendar_id=calendar_id, detail=detail)


def _record_change(
    connection: Connection, calendar_id: int, before: config_values.Config, after: config_values.Config
) -> None:
    changes = store.audited_differences(before, after)
    _record(connection, "change", calendar_id, {"name": getattr(after, "name", None), "changes": changes})


def _record_plan(connection: Connection, plan: Plan) -> None:
    for change in plan.changes:
        if change.what != "calendar":
            what = "add" if change.before is None else "change"
            audit.record(connection, f"{change.what}.{what}", actor=audit.os_user())
        elif change.calendar is None:
            _record(connection, "add", store.get(connection, change.name).id, {"name": change.name})
        else:
            _record_change(connection, change.calendar.id, change.calendar.config, change.after)
    for calendar in plan.pauses:
        _record(connection, "pause", calendar.id, {"name": calendar.config.name})


def _switched(connection: Connection, name: str, switch: Callable[[Connection, int], bool]) -> bool:
    calendar = store.get(connection, name)
    changed = switch(connection, calendar.id)
    _record(connection, switch.__name__, calendar.id, {"name": calendar.config.name})
    return changed


def _assignment(change: str) -> tuple[str, str | None]:
    key, equals, value = change.partition("=")
    if not equals:
        raise ConfigurationError(f"{change!r} is not KEY=VALUE.")
    if key not in CalendarConfig.model_fields:
        raise ConfigurationError(f"{key!r} is not a key.{config_values.nearest(key, CalendarConfig.model_fields)}")
    return key, value or None


def _warn_of_private_addresses(configs: Iterable[CalendarConfig]) -> None:
    """Accepted, but said: whoever reads the table or a backup of it can read these calendars."""
    names = store.private_names(configs)
    if not names:
        return
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    click.echo(
        f"Warning: the address of {shown} looks private: whoever has it can read the calendar. "
        "It belongs in an Airflow connection:\n"
        """  airflow connections add my_calendar --conn-type generic --conn-extra '{"url": "https://…"}'\n"""
        f"  calimport calendars set {shlex.quote(names[0])} connection=my_calendar source=",
        err=True,
    )


def _state(calendar: Calendar) -> str:
    return calendar.state if calendar.config.enabled else "paused"


def _row(calendar: Calendar) -> tuple[str, ...]:
    due = "next run" if calendar.next_import_at is None else _time(calendar.next_import_at)
    return (
        str(calendar.id),
        calendar.config.name,
        calendar.kind_used or calendar.config.kind,
        _state(calendar),
        due if calendar.config.enabled else "–",
        _time(calendar.imported_at),
        str(calendar.events),
        _plain(calendar.error_message or ""),
    )


def _document(calendar: Calendar) -> dict[str, Any]:
    """The calendar as JSON: keys as in the YAML file, then what the importer knows."""
    config = {
        key: value if value is None or isinstance(value, (bool, int)) else store.shown(key, value)
        for key, value in calendar.config.model_dump().items()
    }
    known = {name: getattr(calendar, name) for name in Calendar.__dataclass_fields__ if name != "config"}
    times = {name: value.isoformat() for name, value in known.items() if isinstance(value, datetime)}
    return {"id": known.pop("id"), **config, **known, **times}


def _plain(value: object) -> str:
    if value is None or isinstance(value, datetime):
        return _time(value)
    return printable(str(value))


def _time(value: datetime | None) -> str:
    return "–" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def _echo_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - display_width(cell)) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
