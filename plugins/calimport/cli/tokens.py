"""``calimport tokens``: secret addresses of exports."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from calimport import audit, database, export_tokens, exporting
from calimport.cli.export import FORMATS, SCOPES
from calimport.export_tokens import Grant
from calimport.logs import printable
from calimport.store.engine import begin


@click.group()
def tokens() -> None:
    """Create, list and revoke tokens, each of which grants one export without signing in."""


@tokens.command()
@click.argument("scope", type=SCOPES)
@click.argument("name")
@click.option("--format", "form", type=FORMATS, default="ics", show_default=True)
def create(scope: str, name: str, form: str) -> None:
    """Create a token and print its address below Airflow's own. It cannot be shown again."""
    with begin() as opened:
        found = exporting.find(opened, scope, name)
    with database.connect() as connection:
        token = export_tokens.create(connection, Grant(scope, found, form), now=datetime.now(UTC))
        detail = {"token": int(token.partition("-")[0]), "scope": scope, "of": found, "format": form}
        audit.record(connection, "token.create", actor=audit.os_user(), detail=detail)
    click.echo(f"/api/v1/export/private.{form}?token={token}")


@tokens.command("list")
def list_() -> None:
    """List tokens, without their secrets."""
    with database.connect() as connection:
        for row in export_tokens.list_all(connection):
            ended = f", revoked {row['revoked_at']:%Y-%m-%d %H:%MZ}" if row["revoked_at"] else ""
            name = printable(row["name"])
            click.echo(
                f"{row['id']}  {row['scope']} {name}, {row['format']}, {row['created_at']:%Y-%m-%d %H:%MZ}{ended}"
            )


@tokens.command()
@click.argument("id", type=click.IntRange(min=1, max=2**63 - 1))
def revoke(id: int) -> None:
    """Let a token grant nothing from now on."""
    with database.connect() as connection:
        export_tokens.revoke(connection, id, now=datetime.now(UTC))
        audit.record(connection, "token.revoke", actor=audit.os_user(), detail={"token": id})
    click.echo(f"Revoked token {id}.")
