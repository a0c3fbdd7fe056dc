"""``calimport held``: deletions that looked wrong, for a person to decide."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from calimport import calendars as store
from calimport import database, holding
from calimport.audit import os_user
from calimport.cli.printing import when
from calimport.logs import printable


@click.group()
def held() -> None:
    """List deletions that are held because they look wrong; let them go, or keep the rows."""


@held.command("list")
@click.argument("calendar")
def list_(calendar: str) -> None:
    """List what is held, and why."""
    with database.connect() as connection:
        database.check_schema(connection)
        rows = holding.held(connection, store.get(connection, calendar).id)
    if not rows:
        click.echo("No deletion is held.")
        return
    first = rows[0]
    click.echo(f"{first['dag_run_id']}: {first['held_reason']}")
    if first["held_until_told"]:
        click.echo("They wait until somebody says what is to become of them.")
    else:
        click.echo(f"Fetches in a row that agree: {first['held_confirmations']}.")
    for row in rows:
        changed = "" if row["is_as_it_was"] else "  (changed since)"
        click.echo(f"  {when(row)}  {printable(row['summary'] or 'untitled')}{changed}")


@held.command()
@click.argument("calendar")
def release(calendar: str) -> None:
    """Delete the rows: the feed is right."""
    with database.connect() as connection:
        database.check_schema(connection)
        found = store.get(connection, calendar)
        counts = holding.release(connection, found.id, actor=os_user(), clock=datetime.now(UTC))
    click.echo(f"Released {found.config.name}: {counts}.")


@held.command()
@click.argument("calendar")
def discard(calendar: str) -> None:
    """Keep the rows: the feed is wrong."""
    with database.connect() as connection:
        database.check_schema(connection)
        found = store.get(connection, calendar)
        kept = holding.discard(connection, found.id, actor=os_user(), clock=datetime.now(UTC))
    click.echo(
        f"Discarded: {kept} rows of {found.config.name} stay. If another feed lacks them too, they wait for you."
    )
