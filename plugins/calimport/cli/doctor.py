"""``calimport doctor``."""

from __future__ import annotations

import sys

import click

from calimport.logs import printable


@click.command()
def doctor() -> None:
    """Check the installation: database, schema, permissions, clock, zones, leases, secrets, disk, Airflow.

    Exit 0 where all is well, 1 where something is wrong.
    """
    from calimport.doctor import examine

    wrong = 0
    for check in examine():
        click.echo(f"{'ok' if check.is_good else 'WRONG':<6}{check.name:<13}{printable(check.sentence)}")
        if check.advice:
            click.echo(f"{'':<19}{printable(check.advice)}")
        wrong += not check.is_good
    click.echo(f"{wrong} checks failed." if wrong else "All is well.")
    sys.exit(1 if wrong else 0)
