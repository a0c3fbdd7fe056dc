"""``calimport erase``: all that the database holds of a calendar or a person."""

from __future__ import annotations

import click

from calimport import audit, database, erasing
from calimport.logs import printable


@click.command()
@click.option("--calendar", metavar="NAME", help="The calendar, by name or id.")
@click.option("--user", metavar="ID", help="The person, by name or id, with all their calendars.")
@click.option("--dry-run", is_flag=True, help="Print what would be erased and stop.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(calendar: str | None, user: str | None, dry_run: bool, yes: bool) -> None:
    """Erase a calendar or a person: events, feeds, history, runs, notices, reminders, configuration."""
    if (calendar is None) == (user is None):
        raise click.UsageError("Give either --calendar NAME or --user ID.")
    with database.connect() as connection:
        database.check_schema(connection)
        found = erasing.of_user(connection, user) if user else erasing.of_calendar(connection, calendar or "")
        connection.commit()  # nobody waits for us while we wait for an answer
        _echo(found)
        if dry_run:
            click.echo("Nothing was erased: --dry-run.")
            return
        if not yes:
            click.confirm("Erase all of this? It cannot be undone.", abort=True)
        erasing.erase(connection, found)
        for calendar_id in found.calendar_ids:
            audit.record(connection, "calendar.erase", actor=audit.os_user(), calendar_id=calendar_id)
        if found.user_id is not None:
            audit.record(connection, "user.erase", actor=audit.os_user(), detail={"user_id": found.user_id})
    click.echo("Erased. What calimport cannot erase:")
    for sentence in erasing.BEYOND_REACH:
        click.echo(f"- {sentence}")
    if found.connections:
        click.echo(f"- The Airflow connections {', '.join(found.connections)}: `airflow connections delete`.")


def _echo(found: erasing.Erasure) -> None:
    click.echo(f"Calendars: {', '.join(map(printable, found.names)) or 'none'}")
    for name, count in found.counts.items():
        if name != "shared_contents":
            click.echo(f"  {name.replace('_', ' ')}: {count}")
    if shared := found.counts["shared_contents"]:
        click.echo(f"  {shared} contents of feeds stay: other calendars have the same, byte for byte.")
