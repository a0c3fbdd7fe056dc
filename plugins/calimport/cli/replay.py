"""``calimport replay`` and ``calimport renormalize``: stored feeds, read again."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from calimport import calendars as store
from calimport import database, plans, replaying
from calimport.audit import os_user
from calimport.cli.printing import changes
from calimport.errors import CalimportError
from calimport.logs import printable
from calimport.replaying import Replayed
from calimport.settings import Settings
from calimport.windows import instant, parse_moment


@click.command()
@click.argument("calendar")
@click.option("--at", "at", required=True, metavar="TIME", help="An instant (2026-11-22T10:00:00Z), or a date.")
@click.option("--apply", "apply", is_flag=True, help="Do what is printed, too.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most changes printed.")
def replay(calendar: str, at: str, apply: bool, limit: int) -> None:
    """Print, or apply, what CALENDAR would hold from the feed that it was in step with at a time."""
    with database.connect() as connection:
        database.check_schema(connection)
        found = store.get(connection, calendar)
        zone = ZoneInfo(found.config.timezone or found.feed_timezone or "UTC")
        replayed = replaying.replay(
            connection,
            found.id,
            at=instant(parse_moment(at), zone),
            apply=apply,
            actor=os_user(),
            clock=datetime.now(UTC),
            settings=Settings.from_environment(),
        )
        (plan,) = plans.show(connection, replayed.run_id, most=limit)
    click.echo(
        f"{printable(found.config.name)}: the feed of {replayed.fetched_at:%Y-%m-%d %H:%MZ},"
        f" from {replayed.window.start:%Y-%m-%d %H:%MZ} to {replayed.window.end:%Y-%m-%d %H:%MZ}: {replayed.counts}"
    )
    changes(plan.changes, replayed.counts.total)
    if apply:
        click.echo(f"Applied by the run {replayed.dag_run_id}. It stays so until the feed changes.")
    else:
        click.echo("Not applied: that takes --apply.")


@click.command()
@click.argument("calendars", nargs=-1)
@click.option("--apply", "apply", is_flag=True, help="Do what is printed, too.")
def renormalize(calendars: tuple[str, ...], apply: bool) -> None:
    """Print, or apply, what this version makes of the stored feeds of CALENDARS (names or ids; none: all)."""
    clock, settings = datetime.now(UTC), Settings.from_environment()
    failed, differing = [], 0
    with database.connect(autocommit=True) as connection:
        database.check_schema(connection)
        chosen = [store.get(connection, one) for one in calendars] if calendars else store.list_all(connection)
        chosen = [one for one in chosen if one.config.kind != "manual"]
        for one in chosen:
            name = printable(one.config.name)
            try:
                replayed = replaying.renormalize(
                    connection, one.id, apply=apply, actor=os_user(), clock=clock, settings=settings
                )
            except CalimportError as error:
                failed.append(name)
                click.echo(f"{name}: {error.error_class}: {error}", err=True)
                continue
            if replayed is None:
                click.echo(f"{name}: no feed is stored")
            elif replayed.counts.total or replayed.held:
                differing += 1
                click.echo(_line(name, replayed))
    click.echo(f"{differing} of {len(chosen)} calendars differ.{'' if apply else ' Not applied: that takes --apply.'}")
    if differing and not apply:
        click.echo(f"Each change: calimport plan show renormalize__{clock.isoformat()}")
    if failed:
        raise CalimportError(f"{len(failed)} calendars could not be read: {', '.join(failed)}")


def _line(name: str, replayed: Replayed) -> str:
    held = f", {replayed.held} held" if replayed.held else ""
    return f"{name}: {replayed.counts}{held}"
