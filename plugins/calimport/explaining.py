"""Why is my event missing? What is known of one event of a calendar, from its rows, its history and its stored feeds.

What was left out of a feed is recorded nowhere: the feed is stored, so it is read again, without the window and without
what privacy hides. So the answer is always about what the feed really says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from calimport import calendars as store
from calimport import sources
from calimport.calendars import Calendar
from calimport.database import Connection
from calimport.errors import CalimportError, ConfigurationError
from calimport.operations import DAG_ID
from calimport.settings import Settings
from calimport.sources.base import Notice, ParseContext, Parsed
from calimport.steps import mirrors
from calimport.steps.runs import RunKey, Step
from calimport.text import markdown, plain, storable
from calimport.windows import Window, WindowRequest, instant

#: How far ahead and back a feed is searched where no day was given.
_REACH: Final = timedelta(days=400)
_REMOVED_BY: Final = {
    "import": "because a complete feed no longer had it",
    "release": "when {actor} released held deletions",
    "undo": "when {actor} undid a run",
    "plan": "when {actor} applied a plan",
    "replay": "when {actor} went back to an older feed",
    "renormalize": "when {actor} had stored feeds read again",
}
#: Older feeds that are searched for an event that is in neither the rows nor the present feed.
_OLDER_FEEDS: Final = 10


@dataclass(frozen=True)
class Explanation:
    """One answer about one event (all its dates that were asked about and that have the same answer)."""

    #: ``present``, ``cancelled``, ``duplicate``, ``held``, ``private``, ``marked``, ``out_of_window``, ``kept_away``,
    #: ``waiting``, ``quarantined``, ``removed``, ``left_feed``, ``unreadable``, ``never_seen``.
    answer: str
    #: What that means here, for people, with dates.
    sentence: str
    uid: str | None = None
    summary: str | None = None
    #: Of the first of its dates.
    start_at: datetime | None = None
    #: How many of its dates.
    occurrences: int = 0


@dataclass(frozen=True)
class _Asked:
    """What somebody asks about."""

    calendar: Calendar
    zone: ZoneInfo
    window: Window
    clock: datetime
    uid: str | None
    title: str | None
    day: Window | None
    #: Whether the feed's UIDs change at every fetch.
    uids_change: bool

    @property
    def parameters(self) -> dict[str, Any]:
        day_start, day_end = self.day or (None, None)
        return {
            "calendar_id": self.calendar.id,
            "uid": self.uid,
            "title": self.title,
            "day_start": day_start,
            "day_end": day_end,
        }

    def is_about(self, occurrence: Mapping[str, Any]) -> bool:
        return (
            (self.uid is None or occurrence["uid"] == self.uid)
            and (self.title is None or self.title.casefold() in (occurrence["summary"] or "").casefold())
            and (self.day is None or self.day.holds(occurrence["start_at"], occurrence["end_at"]))
        )


def explain(
    connection: Connection,
    calendar_id: int,
    *,
    uid: str | None = None,
    title: str | None = None,
    date: Date | None = None,
    clock: datetime,
    settings: Settings,
) -> list[Explanation]:
    """What became of the events with this UID, of this title (a part will do), on this day (in the calendar's zone).

    :raises ConfigurationError: nothing was asked, or there is no such calendar.
    """
    if uid is None and title is None and date is None:
        raise ConfigurationError("Say which event: its UID, a part of its title, or its date.")
    churn = connection.execute(
        "select uid_sample is not null as yes from calimport.calendars where id = %s", [calendar_id]
    ).fetchone()
    calendar = store.get(connection, calendar_id)
    asked = _asked(calendar, uid, title, date, clock, uids_change=bool(churn and churn["yes"]))
    step = Step(connection, RunKey(DAG_ID, "explain"), clock, settings)
    feeds = step.run("explaining/feeds", calendar_id=calendar_id, most=1 + _OLDER_FEEDS).fetchall()
    present = step.run("explaining/present", **asked.parameters).fetchall()
    removed = step.run("explaining/removed", **asked.parameters).fetchall()
    found = [
        *_together(present, _of_row),
        *_of_present_feed(step, asked, feeds, present),
        *_together(removed, _of_removed),
    ]
    return found or _of_older_feeds(step, asked, feeds) or [_never_seen(step, asked)]


def _asked(
    calendar: Calendar, uid: str | None, title: str | None, date: Date | None, clock: datetime, *, uids_change: bool
) -> _Asked:
    zone = ZoneInfo(calendar.config.timezone or calendar.feed_timezone or "UTC")
    config = calendar.config
    return _Asked(
        calendar=calendar,
        zone=zone,
        window=WindowRequest(clock, days_back=config.days_back, days_ahead=config.days_ahead).resolve(zone.key),
        clock=clock,
        uid=uid,
        title=title,
        uids_change=uids_change,
        day=None if date is None else Window(instant(date, zone), instant(date + timedelta(days=1), zone)),
    )


def _together(
    rows: Iterable[Mapping[str, Any]], answer: Callable[[Mapping[str, Any]], tuple[str, str]]
) -> list[Explanation]:
    """One explanation for all dates of an event that have the same answer; the sentence is that of the first."""
    grouped: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    sentences: dict[tuple[str, str], str] = {}
    for row in rows:
        code, sentence = answer(row)
        key = (row["uid"], code)
        grouped.setdefault(key, []).append(row)
        sentences.setdefault(key, sentence)
    return [
        Explanation(
            answer=code,
            sentence=sentences[uid, code],
            uid=uid,
            summary=dates[0]["summary"],
            start_at=min(one["start_at"] for one in dates),
            occurrences=len(dates),
        )
        for (uid, code), dates in grouped.items()
    ]


def _of_row(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["held_at"] is not None:
        return "held", (
            f"It is no longer in the feed; its deletion is held since {_shown(row['held_at'])}. {row['held_reason']}"
        )
    if row["canonical_id"] is not None:
        return "duplicate", (
            f"It is here, as row {row['event_id']}; canonical_events leaves it out, because row {row['canonical_id']}"
            f" of {row['canonical_calendar']} is the same event."
        )
    brought = f"since {_shown(row['finished_at'])} ({row['dag_run_id']})" if row["finished_at"] else "already"
    if row["status"] == "cancelled":
        return "cancelled", f"It is here, as row {row['event_id']}, and cancelled: its organiser says so in the feed."
    return "present", f"It is here, as row {row['event_id']}, {brought}."


def _of_removed(row: Mapping[str, Any]) -> tuple[str, str]:
    what = _REMOVED_BY[row["operation"]].format(actor=row["actor"])
    return "removed", f"It was removed on {_shown(row['changed_at'])}, {what} ({row['dag_run_id']})."


def _of_present_feed(
    step: Step, asked: _Asked, feeds: list[dict[str, Any]], present: list[dict[str, Any]]
) -> list[Explanation]:
    """What the feed has of it that is no row, and why."""
    if not feeds or not feeds[0]["is_current"]:
        return []
    try:
        rows, notices = _read(step, asked, feeds[0])
    except CalimportError as error:
        return [Explanation("unreadable", f"The feed of {_shown(feeds[0]['fetched_at'])} cannot be read. {error}")]
    identities = {(row["uid"], row["recurrence_id"]) for row in present}
    absent = [one for one in rows if (one["uid"], one["recurrence_id"]) not in identities]
    if asked.uids_change:  # a row is known by what it says
        said = {(row["start_at"], row["end_at"], row["summary"]) for row in present}
        absent = [one for one in absent if (one["start_at"], one["end_at"], one["summary"]) not in said]
    kept = _kept_away(step, asked)
    found = _together(absent, lambda row: _of_occurrence(row, asked, kept, step.settings))
    return found + _quarantined(notices, asked, is_found=bool(rows or present))


def _of_older_feeds(step: Step, asked: _Asked, feeds: list[dict[str, Any]]) -> list[Explanation]:
    """The last of the older feeds that had it."""
    for feed in feeds:
        if feed["is_current"]:
            continue
        try:
            rows, _ = _read(step, asked, feed)
        except CalimportError:
            continue  # one that cannot be read has nothing to say; those before it may
        if rows:
            sentence = f"It was last in the feed of {_shown(feed['fetched_at'])}, and in none that is kept after that."
            return _together(rows, partial(_left, sentence))
    return []


def _left(sentence: str, _: Mapping[str, Any]) -> tuple[str, str]:
    return "left_feed", sentence


def _read(step: Step, asked: _Asked, feed: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Notice]]:
    """What a stored feed has of it, and its notices."""
    parsed = _parse(step, asked, feed)
    rows = (_readable(one) for one in parsed.occurrences)
    return [one for one in rows if asked.is_about(one)], parsed.notices


def _parse(step: Step, asked: _Asked, feed: Mapping[str, Any]) -> Parsed:
    stored = mirrors.load(step, feed["id"])
    if stored is None:
        return Parsed([])
    context = ParseContext(
        window=asked.day or Window(asked.clock - _REACH, asked.clock + _REACH),
        as_of=asked.clock,
        timezone=asked.zone.key,
        timezone_source="calendar",
        max_occurrences=step.settings.max_occurrences,
    )
    return sources.load(stored.kind).parse(stored.content, context)


def _readable(occurrence: dict[str, Any]) -> dict[str, Any]:
    return {**occurrence, "uid": storable(occurrence["uid"]), "summary": plain(occurrence["summary"])}


def _of_occurrence(
    row: Mapping[str, Any], asked: _Asked, kept: set[tuple[str, str | None]], settings: Settings
) -> tuple[str, str]:
    """Why an occurrence of the feed is no row."""
    calendar = asked.calendar
    if calendar.config.private_events == "skip":
        if row["visibility"] in ("private", "confidential"):
            return "private", f"The feed calls it {row['visibility']}, and such events are left out of this calendar."
        if settings.ignore_marker and settings.ignore_marker in (markdown(row["description"]) or ""):
            return "marked", f"Its description says {settings.ignore_marker}: its owner wants it left out."
    if (row["uid"], row["recurrence_id"]) in kept:
        return "kept_away", "It is in the feed, and a person undid its import; that holds until the feed changes."
    if not asked.window.holds(row["start_at"], row["end_at"]):
        return "out_of_window", _out_of_window(row, asked)
    return "waiting", f"It is in the feed of {_shown(calendar.fetched_at)}, and not imported: {_waits_for(calendar)}"


def _out_of_window(row: Mapping[str, Any], asked: _Asked) -> str:
    first, last = (moment.astimezone(asked.zone).date() for moment in asked.window)
    window = f"outside of the window from {first} to {last - timedelta(days=1)}"
    day = row["start_at"].astimezone(asked.zone).date()
    if row["start_at"] >= asked.window.end:
        return f"It is on {day}, {window}; it comes in on {day - timedelta(days=asked.calendar.config.days_ahead)}."
    return f"It is on {day}, {window}, which has moved past it."


def _waits_for(calendar: Calendar) -> str:
    if not calendar.config.enabled:
        return "the calendar is paused."
    if calendar.error_message:
        return f"the last import failed. {calendar.error_message}"
    return "the next import brings it, if the feed still has it."


def _kept_away(step: Step, asked: _Asked) -> set[tuple[str, str | None]]:
    rows = step.connection.execute(
        "select uid, recurrence_id from calimport.kept_rows where calendar_id = %s", [asked.calendar.id]
    ).fetchall()
    return {(row["uid"], row["recurrence_id"]) for row in rows}


def _quarantined(notices: Iterable[Notice], asked: _Asked, *, is_found: bool) -> list[Explanation]:
    """Events that could not be read. Titles and dates are not known of them, so any may be what is not found else."""
    found = []
    for notice in notices:
        if not notice.keeps_uid:
            continue
        if asked.uid is not None and notice.subject == asked.uid:
            found.append(Explanation("quarantined", f"It could not be read. {notice.message}", uid=notice.subject))
        elif asked.uid is None and not is_found:
            sentence = f"An event could not be read, and may be it. {notice.message}"
            found.append(Explanation("quarantined", sentence, uid=notice.subject or None))
    return found


def _never_seen(step: Step, asked: _Asked) -> Explanation:
    row = step.run("replaying/kept_feeds", calendar_id=asked.calendar.id).fetchone()
    if row is None or not row["feeds"]:
        return Explanation(
            "never_seen", f"Nothing of this calendar was ever fetched. {asked.calendar.error_message or ''}"
        )
    return Explanation(
        "never_seen",
        f"Neither the feed, nor the history, nor the feeds that are kept (since {_shown(row['first_at'])}) have such an"
        " event.",
    )


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}" if moment else "no known time"
