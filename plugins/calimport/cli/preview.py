"""``calimport preview``: the occurrences that an import of a window would hold, of one source or of many."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import click

from calimport.cli.printing import csv_text, json_line, json_lines, notice_line, table
from calimport.errors import CalimportError, ConfigurationError, mask
from calimport.logs import printable
from calimport.sources.base import Notice

#: Keys of a case in a manifest → arguments of :func:`calimport.previewing.look`.
_KEYS: Final = {
    "source": "source",
    "from": "start",
    "to": "end",
    "kind": "kind",
    "timezone": "timezone",
    "now": "now",
    "replay": "replay",
    "record": "record",
    "connection": "connection_id",
}
#: What someone who knows the Python function may write.
_OTHER_NAMES: Final = {"start": "from", "end": "to", "connection_id": "connection", "tz": "timezone"}
#: A manifest's cases are always JSON, whatever format they name.
_IGNORED: Final = frozenset({"id", "format"})


class OneLineErrors(click.Command):
    """Says of a wrong option what it says of any other mistake: one line with the class of problem."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise ConfigurationError(" ".join(error.format_message().split())) from None


@click.command(cls=OneLineErrors)
@click.argument("source", required=False)
@click.option("--from", "start", metavar="D", help="Start of the window: a date or an instant. Default: 7 days ago.")
@click.option(
    "--to", "end", metavar="D", help="End of the window, exclusive. Default: 7 days ahead, the last one whole."
)
@click.option("--kind", metavar="auto|KEY", help="Kind of source. Default: auto, told by the address or its answer.")
@click.option(
    "--timezone", metavar="ZONE", help="The calendar's zone. Default: what the feed says of itself, else UTC."
)
@click.option("--now", metavar="INSTANT", help="What counts as the present. Default: the clock's time.")
@click.option(
    "--connection", "connection_id", metavar="ID", help="Airflow connection with the secret, if one is needed."
)
@click.option("--replay", metavar="FILE.har", help="Answer requests from this HTTP Archive instead of the network.")
@click.option("--record", metavar="FILE.har", help="Write the exchanges to this HTTP Archive, secrets masked.")
@click.option("--format", "form", type=click.Choice(["table", "jsonl", "csv"]), default="table", show_default=True)
@click.option("--manifest", metavar="CASES.jsonl", help="Many cases, one JSON object a line; `-` is standard input.")
def preview(source: str | None, manifest: str | None, form: str, **options: str | None) -> None:
    """Print the occurrences that an import of SOURCE would hold. Needs no database and no Airflow.

    SOURCE is a local iCalendar file, an http, https or webcal address, or a provider's id of a calendar. In the table
    an all-day event shows its last day; ? marks what is tentative, x what is cancelled.

    Each line of a manifest is {"id", "source", "from", "to"} and any of the options above; one line per case comes
    back, {"id", "occurrences", "notices", "error"}. Options given here hold for all its cases.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if manifest is None:
        if source is None:
            raise ConfigurationError("Give a SOURCE, or a --manifest of them.")
        _print_one(source, form, given)
        return
    if source is not None or "record" in given:
        raise ConfigurationError("With --manifest, sources and recordings are named by its cases.")
    _print_cases(manifest, given)


def _print_one(source: str, form: str, options: dict[str, Any]) -> None:
    from calimport.previewing import look, occurrences

    try:
        found = look(source, **options)
    except CalimportError:
        raise
    except Exception as error:  # noqa: BLE001 - whoever runs this in a script needs one line here too
        click.echo(f"calimport: InternalError: {printable(_problem(error)['message'])}", err=True)
        sys.exit(1)
    for notice in found.notices:
        click.echo(f"calimport: notice: {notice_line(notice)}", err=True)
    rows = occurrences(found.frame)
    if form == "table":
        click.echo(table(rows))
        bounds = " to ".join(bound.strftime("%Y-%m-%d %H:%M") for bound in found.window)
        title = f"{found.title}: " if found.title else ""
        click.echo(printable(f"{title}{len(rows)} occurrences, {bounds} UTC; {found.kind}, {found.timezone}"))
        return
    text = json_lines(rows) if form == "jsonl" else csv_text(rows)
    click.echo(text.encode(), nl=False)  # UTF-8 in every locale: programs read this


def _print_cases(manifest: str, options: dict[str, Any]) -> None:
    with _opened(manifest) as file:
        folder = Path() if manifest == "-" else Path(manifest).parent
        for answer in answers(file, folder, options):
            click.echo(json_line(answer).encode())  # flushes, so that whoever reads on need not wait


def answers(lines: IO[bytes], folder: Path, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One answer per case, in order, whatever a case holds. Blank lines are none."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        answer: dict[str, Any] = {"id": None, "occurrences": [], "notices": [], "error": None}
        try:
            case = _case(line, number)
            answer["id"] = case.get("id")
            answer |= _answer(case, folder, options)
        except Exception as error:  # noqa: BLE001 - one bad case never ends the batch
            answer["error"] = _problem(error)
        yield answer


def _answer(case: dict[str, Any], folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    from calimport.previewing import look, occurrences

    arguments = options | _arguments(case, folder)
    found = look(arguments.pop("source", None), **arguments)
    return {"occurrences": occurrences(found.frame), "notices": [_notice(notice) for notice in found.notices]}


def _case(line: bytes, number: int) -> dict[str, Any]:
    try:
        case = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ConfigurationError(f"Line {number} of the manifest is not JSON.") from None
    if not isinstance(case, dict):
        raise ConfigurationError(f"Line {number} of the manifest is not a JSON object.")
    return case


def _arguments(case: dict[str, Any], folder: Path) -> dict[str, str]:
    """A case's keys as arguments; a null is as good as a missing key. Keys that resemble none of ours are ignored.

    :raises ConfigurationError: a value is no text, a key looks like a mistake, or there is no source.
    """
    for key in case.keys() - _KEYS.keys() - _IGNORED:
        if meant := _OTHER_NAMES.get(key) or next(iter(difflib.get_close_matches(key, _KEYS, cutoff=0.8)), None):
            raise ConfigurationError(f"The case has a key {key!r}. Did you mean {meant!r}?")
    given = {key: case[key] for key in _KEYS if case.get(key) is not None}
    for key, value in given.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"The case's {key!r} must be text, not {type(value).__name__}.")
    if "source" not in given and "connection" not in given:
        raise ConfigurationError("The case has no source.")
    for key in given.keys() & {"source", "replay"}:
        given[key] = _located(given[key], folder)
    if "record" in given:
        parent, name = os.path.split(given["record"])
        given["record"] = os.path.join(_located(parent, folder) if parent else parent, name)
    return {_KEYS[key]: value for key, value in given.items()}


def _located(name: str, folder: Path) -> str:
    """``name`` where it exists: from the current folder, else from the manifest's; as it is if it is no file."""
    if "://" in name or os.path.exists(name):
        return name
    beside = os.path.join(folder, name)
    return beside if os.path.exists(beside) else name


def _notice(notice: Notice) -> dict[str, str]:
    return {"code": notice.code, "message": notice.message, "subject": notice.subject}


def _problem(error: Exception) -> dict[str, str]:
    if isinstance(error, CalimportError):
        return {"class": error.error_class, "message": str(error)}
    return {"class": "InternalError", "message": f"{type(error).__name__}: {mask(str(error))}"}


def _opened(manifest: str) -> IO[bytes]:
    try:
        return click.open_file(manifest, "rb")
    except OSError as error:
        raise ConfigurationError(f"The manifest {manifest!r} cannot be read: {error.strerror}.") from None
