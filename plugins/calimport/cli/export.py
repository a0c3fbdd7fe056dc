"""``calimport export``: what is stored of a calendar, a user or a place, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from calimport import exporting
from calimport.store.engine import begin
from calimport.store.owners import EVERYBODY

SCOPES = click.Choice(tuple(exporting.SCOPES))
FORMATS = click.Choice(tuple(exporting.FORMATS))


@click.command()
@click.argument("scope", type=SCOPES)
@click.argument("name")
@click.option("--format", "form", type=FORMATS, default="ics", show_default=True)
@click.option("--from", "start", metavar="D", help="Only what ends after this date or instant.")
@click.option("--to", "end", metavar="D", help="Only what starts before this date or instant.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; default: standard output.")
def export(scope: str, name: str, form: str, start: str | None, end: str | None, output: Path | None) -> None:
    """Write all occurrences of a calendar, of a user's calendars, or at a place."""
    with begin() as connection:
        id = exporting.find(connection, scope, name)
        found = exporting.load(connection, scope, id, owners=EVERYBODY, start=start, end=end)
    content = exporting.render(found, form)
    if output is None:
        click.echo(content, nl=False)
    else:
        output.write_bytes(content)
        click.echo(f"Wrote {len(found.rows)} occurrences to {output}.")
