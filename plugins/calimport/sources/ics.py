"""``ics``: an iCalendar feed (RFC 5545) at an http, https or webcal address, read with one GET."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from calimport.authorization import Auth
from calimport.connections import read_connection
from calimport.errors import CredentialsMissing
from calimport.freshness import fresh_for
from calimport.icalendar_text import clean, clean_lines, meaning_hash, received
from calimport.sources.base import Feed, FetchRequest, Notice, ParseContext, Parsed
from calimport.zones import Zone, feed_zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calimport.fetching import Http
    from calimport.rfc5545.content_lines import Component
    from calimport.sources.ics_reading import Groups

#: The calendar's own address alone, and where it leads.
HOSTS: Final[tuple[str, ...]] = ()
RETAINS_PAST: Final = None
_COLORS: Final = ("COLOR", "X-APPLE-CALENDAR-COLOR")


async def fetch(request: FetchRequest, http: Http) -> Feed:
    """GET the feed, conditionally where validators are known.

    :raises CalimportError: it cannot be fetched, is no calendar, or is not whole.
    """
    # A task that only parses needs no HTTP client.
    from calimport.fetching import raise_for_status

    url, auth = address(request)
    headers = {"Accept": "text/calendar, text/plain;q=0.8, */*;q=0.5"}
    if etag := request.validators.get("etag"):
        headers["If-None-Match"] = etag
    if last_modified := request.validators.get("last_modified"):
        headers["If-Modified-Since"] = last_modified
    response = await http.get(http.own(url), headers=headers, auth=auth)
    raise_for_status(response)
    if response.status == 304:
        return Feed(None, None, validators=dict(request.validators), fresh_for=fresh_for(response.headers))
    content = received(
        response.content,
        content_type=response.headers.get("content-type", ""),
        max_bytes=http.settings.max_decompressed_bytes,
    )
    given = {"etag": response.headers.get("etag"), "last_modified": response.headers.get("last-modified")}
    return Feed(
        content=content,
        # Where stamps stay, what differs is more than they, and to look for them would take longest of all.
        meaning_hash=None if request.stamps_stay else meaning_hash(content),
        timezone=feed_timezone(content),
        validators={name: value for name, value in given.items() if value},
        fresh_for=fresh_for(response.headers),
    )


def parse(feed: bytes, context: ParseContext) -> Parsed:
    """The occurrences in the window. An event that cannot be understood becomes a notice; the others stand.

    :param feed: as it came, or as :func:`calimport.icalendar_text.clean` leaves it.
    :raises CalimportError: as that, where control characters hid what is wrong with it.
    :raises FeedUnparsable: not even the calendar around the events can be read.
    """
    # A task that only fetches needs none of these.
    from calimport.rfc5545.blocks import layout
    from calimport.rfc5545.content_lines import read
    from calimport.rfc5545.cuts import Cuts
    from calimport.sources.ics_columns import first
    from calimport.sources.ics_reading import blocks_by_uid, cancels, damage

    notices = []
    came, feed = feed, clean(feed)
    own = _own_zone(feed)
    if own and own.notice and own.name == context.timezone:
        notices.append(Notice("timezone_guessed", own.notice))
    found = layout(feed) if context.blocks else None
    if found is not None and not cancels(found.calendar):
        color = first([found.calendar], *_COLORS)
        if (groups := blocks_by_uid(found, context, color)) is not None:
            parsed = _parsed([found.calendar], groups, context, notices, color)
            return replace(parsed, events_apart=Cuts.of(came).finds(came, len(found.events)))
    calendars = read(feed.decode())
    parsed = parse_calendars(calendars, context, [*damage(calendars), *notices])
    return replace(parsed, events_apart=False if context.blocks else None)


def parse_calendars(
    calendars: Sequence[Component], context: ParseContext, notices: Sequence[Notice], *, color: str | None = None
) -> Parsed:
    """As :func:`parse`, of VCALENDARs that were read already.

    :param notices: what was found in reading them.
    :param color: of events that have none, where it is not the feed that says it.
    """
    from calimport.sources.ics_columns import first
    from calimport.sources.ics_reading import components_by_uid

    return _parsed(
        calendars, components_by_uid(calendars, context), context, notices, color or first(calendars, *_COLORS)
    )


def _parsed(
    calendars: Sequence[Component],
    groups: Groups,
    context: ParseContext,
    notices: Sequence[Notice],
    color: str | None,
) -> Parsed:
    from calimport.rfc5545.series import expand, single_span
    from calimport.sources.ics_columns import first
    from calimport.sources.ics_reading import Patience, guesses, single_ends, too_often, typed, unreadable
    from calimport.sources.ics_rows import rows
    from calimport.sources.ics_singles import Single

    zone = ZoneInfo(context.timezone)
    made: list[dict[str, Any]] = []
    notices = list(notices)
    published_from = context.as_of
    ahead = set[str]()
    patience = Patience(context.window)
    for uid, components in groups.near:
        if isinstance(components, Single):
            if components.row is not None:
                if len(made) == context.max_occurrences:
                    notices.append(_too_many(context))
                    break
                made.append(components.row)
            if components.start >= context.as_of:
                ahead.add(uid)
            published_from = min(published_from, components.end)
            continue
        try:
            events = typed(components, uid)
            room = context.max_occurrences - len(made)
            most = min(room, max(1, context.max_occurrences // 10))
            found = expand(events, window=context.window, zone=zone, limit=most + 1, steps=patience.steps())
            if len(found) > room:
                notices.append(_too_many(context))
                break
            if len(found) > most:
                notices.append(too_often(uid, components[0][0], most))
                del found[most:]
            made += rows(found, uid, zone, color, since=context.window.start)
            notices += guesses(events, uid)
            spans = [single_span(one, zone) for one in events]
            # A series that begins ahead says nothing of what was before it was changed.
            if uid not in groups.begun and min(spans)[0] >= context.as_of:
                ahead.add(uid)
            published_from = min([published_from, *single_ends(events, spans)])
        except Exception as error:  # noqa: BLE001 - whatever one event does to our code, the others must import
            notices.append(unreadable(uid, components[0][0], error))
    for components in groups.oldest_outside():
        oldest = typed(components, "")
        published_from = min([published_from, *single_ends(oldest, [single_span(one, zone) for one in oldest])])
    return Parsed(
        occurrences=made,
        notices=notices,
        title=first(calendars, "X-WR-CALNAME", "NAME"),
        color=color,
        published_from=published_from,
        uids=groups.uids - groups.ahead - ahead,
        components=groups.components,
        read_by_reference=groups.read_by_reference,
    )


def feed_timezone(content: bytes) -> str | None:
    """The IANA zone that a feed gives for itself (X-WR-TIMEZONE), if it is one."""
    found = _own_zone(content)
    return found.name if found else None


def _own_zone(feed: bytes) -> Zone | None:
    """As :func:`calimport.zones.feed_zone`; the events are looked at only where the lines before them say nothing."""
    events = feed.find(b"BEGIN:VEVENT")
    found = _zone_in(feed[:events] if events >= 0 else feed)
    return _zone_in(feed) if found is None and feed.find(b"\nX-WR-TIMEZONE", max(events, 0)) >= 0 else found


def _zone_in(lines: bytes) -> Zone | None:
    return feed_zone(clean_lines(lines).decode())


def address(request: FetchRequest) -> tuple[str, Auth | None]:
    """URL and sign-in; a private URL is the ``url`` of its connection's extra, its login goes as Basic auth."""
    if request.connection_id is None:
        return request.source or "", None
    connection = read_connection(request.connection_id)
    url = request.source or connection.extra.get("url")
    if not url:
        raise CredentialsMissing(
            f"The connection {request.connection_id} holds no address: put it into its extra, as "
            '{"url": "https://…"}.'
        )
    return url, Auth.basic(connection.login, connection.password) if connection.login else None


def _too_many(context: ParseContext) -> Notice:
    message = f"The calendar has more than {context.max_occurrences} dates in the window; the rest were left out."
    return Notice("too_many_occurrences", message, keeps_uid=True)
