"""``calimport plan``: what a dry run would have done, to look at and to apply."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from calimport import calendars as store
from calimport import database, plans
from calimport.audit import os_user
from calimport.cli.printing import changes
from calimport.database import Connection
from calimport.logs import printable

_calendar = click.option(
    "--calendar", metavar="NAME", help="Only this calendar, by name or id. Default: all of the run's."
)


@click.group()
def plan() -> None:
    """Show or apply the plan that a dry run stored. RUN is Airflow's run id, or the id of a row of `runs`."""


@plan.command()
@click.argument("run")
@_calendar
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most changes a calendar.")
def show(run: str, calendar: str | None, limit: int) -> None:
    """Print what a run planned: + inserts, ~ updates, - deletes, ! deletions that are held."""
    with database.connect() as connection:
        database.check_schema(connection)
        found = plans.show(connection, run, calendar_id=_id(connection, calendar), most=limit)
    for one in found:
        row = one.run
        counts = ", ".join(f"{row[name] or 0} {name}" for name in ("inserted", "updated", "deleted", "held"))
        click.echo(f"{printable(row['calendar'])}: {row['outcome'] or 'not finished'}: {counts}")
        if row["error_message"] or row["held_reason"]:
            click.echo(f"  {printable(row['error_message'] or row['held_reason'])}")
        total = sum(row[name] or 0 for name in ("inserted", "updated", "deleted", "held"))
        changes(one.changes, total)


@plan.command()
@click.argument("run")
@_calendar
def apply(run: str, calendar: str | None) -> None:
    """Apply the plan of a dry run as it is, or say why it no longer fits."""
    with database.connect() as connection:
        database.check_schema(connection)
        applied = plans.apply(
            connection, run, calendar_id=_id(connection, calendar), actor=os_user(), clock=datetime.now(UTC)
        )
    for name, counts in applied.calendars.items():
        click.echo(f"{printable(name)}: {counts}")
    click.echo(f"Applied by the run {applied.dag_run_id}.")


def _id(connection: Connection, calendar: str | None) -> int | None:
    return None if calendar is None else store.get(connection, calendar).id
