"""``calimport status``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from calimport import database
from calimport.logs import printable

#: Calendars in trouble that are named.
_MOST = 20


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(form: str) -> None:
    """Print how all calendars are: by state, late, held, the last run, the next due; and those in trouble."""
    with database.connect() as connection:
        database.check_schema(connection)
        counts = database.run(connection, "calendars/status").fetchone() or {}
        troubled = database.run(connection, "calendars/troubled", most=_MOST).fetchall()
    if form == "json":
        document = {**counts, "troubled": troubled}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=datetime.isoformat))
        return
    states = ("idle", "importing", "error", "bad_source", "paused")
    click.echo(f"Calendars   {', '.join(f'{counts[state]} {state}' for state in states)}")
    click.echo(f"Late        {counts['late']}")
    click.echo(f"Held        {counts['held']} with deletions that wait for confirmation")
    click.echo(f"Last run    {_time(counts['last_run_at'])}")
    due = f"{counts['due_now']} now" if counts["due_now"] else _time(counts["next_due_at"])
    click.echo(f"Next due    {due}")
    for one in troubled:
        click.echo(_line(one))


def _line(one: dict[str, Any]) -> str:
    late = f"late, last fresh {_time(one['fresh_at'])}" if one["is_late"] else ""
    error = f"{one['error_class']}: {one['error_message']}" if one["error_message"] else ""
    contact = f"contact: {one['contact_email']}" if one["contact_email"] else ""
    return printable(f"{one['calendar']}: {'; '.join(part for part in (one['state'], late, error, contact) if part)}")


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}" if moment else "–"
