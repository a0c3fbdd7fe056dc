"""``calimport migrate``."""

from __future__ import annotations

import click

from calimport import audit, database


@click.command()
@click.option("--roles", is_flag=True, help="Make the roles of docs/security.md too; needs a superuser.")
def migrate(roles: bool) -> None:
    """Bring the database's schema up to date. Safe to repeat, and to run twice at once."""
    with database.connect() as connection:
        applied = database.migrate(connection, roles=roles)
        if applied:
            audit.record(connection, "schema.migrate", actor=audit.os_user(), detail={"applied": applied})
    click.echo(f"Applied {', '.join(applied)}." if applied else "Nothing to apply: the schema is up to date.")
