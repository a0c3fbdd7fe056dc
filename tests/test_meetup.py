"""The source ``meetup``, against a server that answers as Meetup's calendar feeds do."""

from __future__ import annotations

import pytest

from calimport import errors
from tests.importing import feed as ics_feed
from tests.site_rows import NOW, asked, fetched, fixture, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

FEED = "www.meetup.com/leeds-knitters/events/ical"


class TestConformance(SourceConformance):
    kind = "meetup"
    source = "https://www.meetup.com/leeds-knitters/"
    hosts = ("www.meetup.com",)

    def answers(self, samples):
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *(line for one in samples for line in _event(one)), "END:VCALENDAR"]
        return {FEED: Reply("\r\n".join([*lines, ""]).encode(), headers={"Content-Type": "text/calendar"})}


def _event(one):
    return [
        *("BEGIN:VEVENT", f"UID:{one.uid}", f"SUMMARY:{one.title}", f"DTSTART:{one.start:%Y%m%dT%H%M%SZ}"),
        *([f"DTEND:{one.end:%Y%m%dT%H%M%SZ}"] if one.end else []),
        *([f"DESCRIPTION:{one.description}"] if one.description else []),
        *([f"LOCATION:{one.location}"] if one.location else []),
        "END:VEVENT",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "https://www.meetup.com/leeds-knitters",
        "https://www.meetup.com/leeds-knitters/",
        "https://www.meetup.com/leeds-knitters/events/?type=upcoming",
        "https://www.meetup.com/leeds-knitters/events/ical/",
        "https://www.meetup.com/en-GB/leeds-knitters/",
        "https://www.meetup.com/de-DE/leeds-knitters/events/",
        "https://meetup.com/leeds-knitters",
    ],
)
def test_the_feed_of_a_group(address):
    feed, loopback = fetched("meetup", address, {FEED: reply(fixture("meetup/events.ics"))})
    found = read("meetup", feed)

    assert asked(loopback) == [("GET", f"https://{FEED}")]
    assert rows(found, "uid", "start_at", "end_at", "timezone", "status", "summary") == [
        ("event_301@meetup.com", "07-07 18:00", "07-07 20:00", "Europe/London", "confirmed", "Knit & natter 🧶"),
        ("event_302@meetup.com", "07-14 18:00", "07-14 18:00", "UTC", "cancelled", "Called off"),
    ]
    assert rows(found, "location", "url")[0] == (
        "The Café (1 High Street, Leeds, LS1 4AA)",
        "https://www.meetup.com/leeds-knitters/events/301/",
    )
    assert (found.parsed.title, found.parsed.published_from) == ("Events - Leeds Knitters", NOW)


@pytest.mark.parametrize(("count", "until"), [(0, None), (9, None), (10, "07-10 18:00"), (11, None)])
def test_a_feed_of_a_round_number_of_events_may_not_be_all(count, until):
    events = (f"UID:{day}\nDTSTART:202607{day:02}T180000Z\nSUMMARY:Knit" for day in range(1, count + 1))
    given, _ = fetched("meetup", "https://www.meetup.com/leeds-knitters", {FEED: reply(ics_feed(*events))})
    found = read("meetup", given).parsed.published_until

    assert (found and f"{found:%m-%d %H:%M}") == until


def test_another_time_stamp_is_no_change():
    content = fixture("meetup/events.ics")
    later = content.replace(b"DTSTAMP:20260615T120000Z", b"DTSTAMP:20260616T090000Z")
    feeds = [
        fetched("meetup", "https://www.meetup.com/leeds-knitters", {FEED: reply(one)})[0] for one in (content, later)
    ]

    assert feeds[0].meaning_hash == feeds[1].meaning_hash


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (reply("", 404), errors.FeedNotFound, "Meetup has no such group any more: it was closed or renamed."),
        (reply("<!DOCTYPE html><html><body>Log in</body></html>"), errors.FeedIsWebPage, "This is a web page"),
    ],
)
def test_a_group_that_is_gone_or_shows_nothing(answer, error, sentence):
    with pytest.raises(error, match=sentence):
        fetched("meetup", "https://www.meetup.com/leeds-knitters", {FEED: answer})


@pytest.mark.parametrize("address", ["https://www.meetup.com/", "https://www.meetup.com/find/?keywords=knit", "x"])
def test_what_is_no_group(address):
    with pytest.raises(errors.SourceUnsupported):
        fetched("meetup", address, {FEED: reply("")})
