"""``calimport explain``: why is my event missing?"""

from __future__ import annotations

from datetime import UTC, date, datetime

import click

from calimport import calendars as store
from calimport import database, explaining
from calimport.errors import ConfigurationError
from calimport.logs import printable
from calimport.settings import Settings
from calimport.windows import parse_moment


@click.command()
@click.argument("calendar")
@click.option("--uid", help="Its UID.")
@click.option("--title", help="A part of its title.")
@click.option("--date", "day", metavar="DAY", help="A day on which it is, such as 2026-11-22.")
def explain(calendar: str, uid: str | None, title: str | None, day: str | None) -> None:
    """Say what became of an event of CALENDAR: private, out of window, held, removed, never seen, …"""
    with database.connect() as connection:
        database.check_schema(connection)
        found = explaining.explain(
            connection,
            store.get(connection, calendar).id,
            uid=uid,
            title=title,
            date=None if day is None else _day(day),
            clock=datetime.now(UTC),
            settings=Settings.from_environment(),
        )
    for one in found:
        head = one.answer.replace("_", " ")
        if one.start_at is None:
            click.echo(f"{head}: {printable(one.sentence)}")
            continue
        more = f" (and {one.occurrences - 1} more of its dates)" if one.occurrences > 1 else ""
        title_ = printable(one.summary or "untitled")
        click.echo(f"{head}: {title_}, {one.start_at:%Y-%m-%d %H:%MZ}{more}: {printable(one.sentence)}")


def _day(text: str) -> date:
    moment = parse_moment(text)
    if isinstance(moment, datetime):
        raise ConfigurationError(f"{text!r} is no date, such as 2026-11-22.")
    return moment
