"""``calimport undo``: what a run changed, set back."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from calimport import calendars as store
from calimport import database, undoing
from calimport.audit import os_user
from calimport.logs import printable


@click.command()
@click.argument("run")
@click.option("--calendar", metavar="NAME", help="Only this calendar, by name or id. Default: all of the run's.")
@click.option("--overwrite", is_flag=True, help="Set back also rows that later runs changed.")
def undo(run: str, calendar: str | None, overwrite: bool) -> None:
    """Set back what RUN changed. RUN is Airflow's run id, or that of an undo or another operation by hand."""
    with database.connect() as connection:
        database.check_schema(connection)
        calendar_id = None if calendar is None else store.get(connection, calendar).id
        undone = undoing.undo(
            connection, run, calendar_id=calendar_id, overwrite=overwrite, actor=os_user(), clock=datetime.now(UTC)
        )
    for name, counts in undone.calendars.items():
        click.echo(f"{printable(name)}: {counts}")
    click.echo(f"Undone by the run {undone.dag_run_id}.")
    click.echo("Imports of the same feed leave these rows alone. A feed that has changed is imported as ever.")
