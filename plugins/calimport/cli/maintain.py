"""``calimport maintain``: what the DAG calendar_maintenance does every day, once."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click

from calimport import audit, database, maintaining
from calimport.settings import Settings


@click.command()
def maintain() -> None:
    """Remove what is older than it is kept, and expand the stored feeds of calendars in error."""
    clock, settings = datetime.now(UTC), Settings.from_environment()
    with database.connect(autocommit=True) as connection:
        database.check_schema(connection)
        expanded = maintaining.expand_failing(connection, actor=audit.os_user(), clock=clock, settings=settings)
        trimmed = maintaining.trim(connection, clock=clock, settings=settings)
        audit.record(connection, "storage.maintain", actor=audit.os_user(), detail=asdict(trimmed))
    click.echo(f"Expanded the stored feeds of {expanded.calendars} calendars in error: {expanded.changes} changes.")
    click.echo(f"Removed {trimmed.runs} runs, {trimmed.feeds} feeds, {trimmed.contents} contents of feeds,")
    click.echo(f"and {trimmed.staged} staged rows; ended {trimmed.abandoned} runs that were abandoned.")
