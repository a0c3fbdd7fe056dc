"""The console command ``calimport``. Each command's module is imported when the command is used."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

import calimport
from calimport.errors import CalimportError

_CONTEXT: Final = "_AIRFLOW_PROCESS_CONTEXT"
#: Command → (module, attribute, what `calimport --help` says of it).
COMMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "calendars": ("calimport.cli.calendars", "calendars", "Add, list, change, pause and check calendars."),
    "connect": ("calimport.cli.connect", "connect", "Try a sign-in or a key, and store it as an Airflow connection."),
    "doctor": ("calimport.cli.doctor", "doctor", "Check the installation, and say what to do."),
    "duplicates": (
        "calimport.cli.duplicates",
        "duplicates",
        "List the same event in several calendars.",
    ),
    "erase": ("calimport.cli.erase", "erase", "Erase all that is held of a calendar or a person."),
    "explain": ("calimport.cli.explain", "explain", "Say why an event is missing, or since when it is there."),
    "export": ("calimport.cli.export", "export", "Write what is stored as iCalendar, JSON or CSV."),
    "held": ("calimport.cli.held", "held", "List deletions that are held, let them go, or keep the rows."),
    "maintain": ("calimport.cli.maintain", "maintain", "Do once what calendar_maintenance does every day."),
    "migrate": ("calimport.cli.migrate", "migrate", "Bring the database's schema up to date."),
    "plan": ("calimport.cli.plan", "plan", "Show or apply the plan that a dry run stored."),
    "preview": ("calimport.cli.preview", "preview", "Print the occurrences an import would hold; needs no database."),
    "renormalize": (
        "calimport.cli.replay",
        "renormalize",
        "Print or apply what this version makes of stored feeds.",
    ),
    "replay": ("calimport.cli.replay", "replay", "Print or apply what the feed of another time gives."),
    "status": ("calimport.cli.status", "status", "Print how all calendars are, and those in trouble."),
    "tokens": ("calimport.cli.tokens", "tokens", "Create, list and revoke secret addresses of exports."),
    "undo": ("calimport.cli.undo", "undo", "Set back what a run changed."),
}


class Commands(click.Group):
    """Loads a command when it is used, and prints each error of ours as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in sorted(COMMANDS.items())])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _connections_of_airflow():
                return super().invoke(ctx)
        except CalimportError as error:
            click.echo(f"calimport: {error.error_class}: {error}", err=True)
            sys.exit(1)


@contextmanager
def _connections_of_airflow() -> Iterator[None]:
    """Let Airflow look for connections in its metadata database too.

    It does so in processes that call themselves its servers, as `airflow connections get` does; a task asks its
    supervisor, which goes before this.
    """
    before = os.environ.get(_CONTEXT)
    os.environ.setdefault(_CONTEXT, "server")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_CONTEXT, None)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(calimport.__version__, prog_name="calimport")
def main() -> None:
    """Keeps a PostgreSQL database in step with many external calendars."""
