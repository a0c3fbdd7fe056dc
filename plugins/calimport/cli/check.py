"""``calimport calendars check``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from calimport.checking import DAYS_AHEAD, Check, check_source
from calimport.cli.printing import notice_line, table
from calimport.logs import printable
from calimport.settings import Settings
from calimport.sources.detecting import AUTO


@click.command()
@click.argument("source", metavar="URL|NAME")
@click.option(
    "--kind", default=AUTO, metavar="auto|KEY", help="Kind of source. Default: told by the address or its answer."
)
@click.option("--connection", metavar="ID", help="Airflow connection with the secret, if one is needed.")
@click.option(
    "--timezone", metavar="ZONE", help="The calendar's zone. Default: what the feed says of itself, else UTC."
)
def check(source: str, kind: str, connection: str | None, timezone: str | None) -> None:
    """Fetch a calendar now and say what it holds, without importing it.

    Give an address (or, with --connection, a provider's id) that is not configured yet, or the NAME of a calendar,
    which is then checked as it is configured.
    """
    now, settings = datetime.now(UTC), Settings.from_environment()
    if "://" in source or connection or kind != AUTO:
        found = check_source(source, kind=kind, connection_id=connection, timezone=timezone, now=now, settings=settings)
    else:
        found = _check_configured(source, timezone, now, settings)
    click.echo(_report(found), nl=False)
    for notice in found.notices:
        click.echo(f"notice: {notice_line(notice)}")


def _check_configured(name: str, timezone: str | None, now: datetime, settings: Settings) -> Check:
    # Imported here: an address can be checked without a database.
    from calimport import calendars, database

    with database.connect() as connection:
        database.check_schema(connection)
        config = calendars.get(connection, name).config
    return check_source(
        config.source,
        kind=config.kind,
        connection_id=config.connection,
        timezone=timezone or config.timezone,
        now=now,
        settings=settings,
    )


def _report(found: Check) -> str:
    guessed = "" if found.timezone_source == "calendar" else " (the calendar names none)"
    lines = [
        f"kind: {found.kind}",
        f"title: {printable(found.title or 'none')}",
        f"timezone: {found.timezone}{guessed}",
        f"next {DAYS_AHEAD} days: {found.events} events on {found.occurrences} dates",
    ]
    return "\n".join(lines) + "\n" + (table([dict(one) for one in found.sample]) if found.sample else "")
