"""``calimport duplicates``: the same event in several calendars, and what a person says of it."""

from __future__ import annotations

import click

from calimport import audit, clusters, database
from calimport.logs import printable


@click.group()
def duplicates() -> None:
    """List the same event in several calendars; say what is the same and what is not."""


@duplicates.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most clusters printed.")
def list_(limit: int) -> None:
    """List clusters, the next to come first. A star marks the row that stands for its cluster."""
    with database.connect() as connection:
        database.check_schema(connection)
        rows = database.run(connection, "clusters/list", most=limit).fetchall()
    previous = None
    for row in rows:
        if row["cluster_id"] != previous:
            previous = row["cluster_id"]
            click.echo(f"{row['start_at']:%Y-%m-%d %H:%MZ}  {printable(row['summary'] or 'untitled')}")
        star = "*" if row["is_canonical"] else " "
        why = ", ".join(row["reasons"])
        click.echo(f"  {star} {row['event_id']}  {printable(row['calendar'])}  {row['score']:.2f}: {why}")
    if not rows:
        click.echo("No duplicates.")


@duplicates.command()
@click.argument("event", type=int)
@click.argument("other", type=int)
def join(event: int, other: int) -> None:
    """Say that two events are the same, on all their dates."""
    with database.connect() as connection:
        database.check_schema(connection)
        clusters.join(connection, event, other)
        audit.record(connection, "event.join", actor=audit.os_user(), detail={"events": [event, other]})
    click.echo(f"Joined {event} and {other}.")


@duplicates.command()
@click.argument("event", type=int)
def split(event: int) -> None:
    """Say that an event is like no other, on all its dates."""
    with database.connect() as connection:
        database.check_schema(connection)
        clusters.split(connection, event)
        audit.record(connection, "event.split", actor=audit.os_user(), detail={"events": [event]})
    click.echo(f"Split {event} off.")


@duplicates.command()
@click.argument("event", type=int)
def undo(event: int) -> None:
    """Forget what was said of an event by hand."""
    with database.connect() as connection:
        database.check_schema(connection)
        forgotten = clusters.undo(connection, event)
        audit.record(connection, "event.undo", actor=audit.os_user(), detail={"events": [event]})
    click.echo(f"Forgot {forgotten} of {event}.")
