"""Which events take place online, and where one joins them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calimport import online
from calimport.normalizing import Meaning, normalize
from calimport.online_hosts import HOSTS
from calimport.placing import Placing
from calimport.sources.base import ParseContext
from calimport.text import markdown
from calimport.windows import Window
from tests.importing import feed

DIRECT, INDIRECT = "direct", "indirect"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://zoom.us/j/123?pwd=a.b", DIRECT),
        ("https://us02web.zoom.us/j/123", DIRECT),
        ("https://ZOOM.US./my/anna", DIRECT),
        ("https://us02web.zoom.us/webinar/register/WN_x", INDIRECT),
        ("https://zoom.us/meeting/register/x", INDIRECT),
        ("https://zoom.us/u/abc", None),  # telephone numbers
        ("https://zoom.us/", None),
        ("https://meet.google.com/abc-defg-hij", DIRECT),
        ("https://teams.microsoft.com/l/meetup-join/19%3ameeting/0", DIRECT),
        ("https://teams.microsoft.com/meetingOptions/?organizerId=x", None),
        ("https://teams.live.com/meet/123", DIRECT),
        ("https://example.webex.com/meet/anna", DIRECT),
        ("https://example.webex.com/example/j.php?MTID=x", DIRECT),
        ("https://help.webex.com/en-us", None),
        ("https://global.gotomeeting.com/join/123", DIRECT),
        ("https://gotomeet.me/anna", DIRECT),
        ("https://meet.jit.si/Room", DIRECT),
        ("https://discord.gg/abc", DIRECT),
        ("https://discord.com/invite/abc", DIRECT),
        ("https://www.youtube.com/watch?v=x", DIRECT),
        ("https://youtu.be/x", DIRECT),
        ("https://www.youtube.com/@club/live", DIRECT),
        ("https://www.youtube.com/@club", None),
        ("https://www.twitch.tv/club", DIRECT),
        ("https://vimeo.com/event/123", DIRECT),
        ("https://vimeo.com/about", None),
        ("https://www.facebook.com/events/123/", INDIRECT),
        ("https://www.facebook.com/club/live", DIRECT),
        ("https://www.facebook.com/club", None),
        ("https://www.instagram.com/club/live/", DIRECT),
        ("https://www.instagram.com/club", None),
        ("https://www.linkedin.com/events/123/", INDIRECT),
        ("https://www.linkedin.com/company/club", None),
        ("https://www.crowdcast.io/e/talk", DIRECT),
        ("https://streamyard.com/abc", DIRECT),
        ("https://hopin.com/events/talk", INDIRECT),
        ("https://events.ringcentral.com/events/talk", INDIRECT),
        ("https://hopin.com/", None),
        ("https://meet.google.com/landing", None),
        ("https://meet.google.com/new", None),
        ("https://stream.meet.google.com/stream/x", DIRECT),
        ("https://teams.cloud.microsoft/meet/123?p=x", DIRECT),
        ("https://teams.microsoft.com/registration/x", INDIRECT),
        ("https://teams.microsoft.com/l/channel/19", None),
        ("https://example.webex.com/weblink/register/r1", INDIRECT),
        ("https://attendee.gotowebinar.com/register/1", INDIRECT),
        ("https://global.gotowebinar.com/join/1/2", DIRECT),
        ("https://meet.goto.com/123456789", DIRECT),
        ("https://www.gotomeeting.com/features", None),
        ("https://meet.jit.si/", None),
        ("https://discord.com/events/1/2", DIRECT),
        ("https://discord.com/download", None),
        ("https://www.youtube.com/live/x", DIRECT),
        ("https://www.youtube.com/playlist?list=x", None),
        ("https://www.twitch.tv/videos/1", None),
        ("https://player.vimeo.com/video/1", DIRECT),
        ("https://fb.me/e/x", INDIRECT),
        ("https://fb.watch/x", DIRECT),
        ("https://www.linkedin.com/video/live/urn:li:1", DIRECT),
        ("https://www.crowdcast.io/", None),
        ("https://streamyard.com/pricing", None),
        ("https://example.org/meeting", None),
        # Made to look like a meeting.
        ("https://notzoom.us.evil.com/j/1", None),
        ("https://notzoom.us/j/1", None),
        ("https://evil.com/zoom.us/j/1", None),
        ("https://evil.com/?zoom.us/j/1", None),
        ("https://zoom.us@evil.com/j/1", None),
        ("https://evil.com\\@zoom.us/j/1", None),
        ("https://zoom.us.evil.com/j/1", None),
        ("https://zооm.us/j/1", None),
        ("https://zoom.us:8443/j/1", None),
        ("https://evil.meet.google.com/abc", None),
        ("https://[::1]:x/zoom.us/j/1", None),
    ],
)
def test_a_link_in_the_text_counts_where_its_host_is_known(link, expected):
    description = markdown(f"Come along!\nJoin: {link}, or stay at home.")
    found = online.find(None, None, location=None, description=description, url=None)
    assert found == (expected and (link, expected))


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Join [here](https://zoom.us/j/1).", "https://zoom.us/j/1"),
        ("<p>Join <a href='https://zoom.us/j/1?a=1&amp;pwd=2'>here</a></p>", "https://zoom.us/j/1?a=1&pwd=2"),
        ("Join <https://zoom.us/j/1>!", "https://zoom.us/j/1"),
        ("*https://zoom.us/j/1*", "https://zoom.us/j/1"),
        ("meet.google.com/abc-defg-hij", "https://meet.google.com/abc-defg-hij"),
        ("(us02web.zoom.us/j/1).", "https://us02web.zoom.us/j/1"),
        ("write to zoom.us/j@example.org or zoom.us", None),
        ("https://www.google.com/url?q=https://zoom.us/j/1%3Fpwd%3Da&sa=D", "https://zoom.us/j/1?pwd=a"),
        (
            "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fzoom.us%2Fj%2F1&data=x",
            "https://zoom.us/j/1",
        ),
        ("https://www.google.com/url?q=https://evil.com/zoom.us/j/1", None),
        ("First https://www.facebook.com/events/1 then https://zoom.us/j/1", "https://zoom.us/j/1"),
        ("Two: https://zoom.us/j/1 https://zoom.us/j/2", "https://zoom.us/j/1"),
        ("Follow us: https://www.instagram.com/club https://www.facebook.com/club", None),
        ("https://example.org", None),
    ],
)
def test_links_as_people_write_them(description, expected):
    found = online.find(None, None, location=None, description=markdown(description), url=None)
    assert (found and found.url) == expected


ZOOM, MEET, PAGE = "https://zoom.us/j/1", "https://meet.google.com/a-b-c", "https://example.org/event/1"


@pytest.mark.parametrize(
    ("given", "location", "description", "url", "expected"),
    [
        ((MEET, "direct"), ZOOM, ZOOM, ZOOM, (MEET, DIRECT)),
        ((PAGE, None), None, None, None, (PAGE, DIRECT)),
        ((None, None), ZOOM, MEET, None, (ZOOM, DIRECT)),
        ((None, None), f"Town Hall / {ZOOM}", MEET, None, (ZOOM, DIRECT)),
        ((None, None), PAGE, MEET, None, (PAGE, INDIRECT)),
        ((None, None), f"Town Hall, {PAGE}", MEET, None, (MEET, DIRECT)),
        ((None, None), "https://www.google.com/maps/place/Hall", None, None, None),
        ((None, None), "https://maps.app.goo.gl/x", MEET, None, (MEET, DIRECT)),
        ((None, None), "Town Hall", MEET, None, (MEET, DIRECT)),
        ((None, None), "Online", None, None, None),
        # An event's own URL is its page, not its meeting …
        ((None, None), PAGE, None, f"{PAGE}/", None),
        ((None, None), None, "https://www.facebook.com/events/1", "https://facebook.com/events/1", None),
        ((None, None), None, None, ZOOM, None),
        # … unless the text says that one joins there.
        ((None, None), None, f"Join {ZOOM}", ZOOM, (ZOOM, DIRECT)),
    ],
)
def test_properties_come_first_then_the_location_then_the_text(given, location, description, url, expected):
    assert online.find(*given, location=location, description=description, url=url) == expected


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (None, None),
        ("Town Hall", "Town Hall"),
        (ZOOM, None),
        (f"Zoom: {ZOOM} (passcode: 5x)", None),
        ("Online", None),
        ("Online Event", None),
        ("via Zoom", None),
        ("Microsoft Teams Meeting", None),
        ("Microsoft Teams Meeting; Room 4", "Microsoft Teams Meeting; Room 4"),
        ("Online Road 5", "Online Road 5"),
        ("Zoomtown", "Zoomtown"),
        (f"Town Hall, Duke Street, {ZOOM}", "Town Hall, Duke Street"),
        (f"Town Hall ({ZOOM})", "Town Hall"),
        ("https://www.google.com/maps/place/Hall", "https://www.google.com/maps/place/Hall"),
        ("Room 310/311", "Room 310/311"),
        (PAGE, None),
    ],
)
def test_what_of_a_location_is_an_address(location, expected):
    assert online.postal(location) == expected


NAMES = [host.name for host in HOSTS]
WORDS = st.sampled_from([" ", "\n", "(", ",", ".", "/", "@", "\\", "word", "a-b.", "İ", "\u212a", "Room 3/4", "x.org/"])
LINKS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "HTTP://", "", "", "www.google.com/url?q=https://", "x.org/?to=https%3A%2F%2F"]),
    st.sampled_from(["", "", "us02web.", "www.", "not", "a.b.c.d.e."]),
    st.sampled_from([*NAMES, *(name.upper() for name in NAMES), "example.org", "youtu\\.be", "zoom%2Eus"]),
    st.sampled_from(["/j/1", "/events/1", "/", "", "/watch?v=1", ".evil.com/j/1", "/a,zoom.us/j/1"]),
)


@given(st.lists(WORDS | LINKS, max_size=6).map("".join))
def test_looking_ahead_finds_the_same_links(text: str):
    found = list(online.mentions(text))
    bare = online._BARE.pattern.replace("(?=[a-z0-9.-]++/)", "")
    assert bare != online._BARE.pattern
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(online, "_may_hold_a_host", lambda text: any(name in text.lower() for name in NAMES))
        patch.setattr(online, "_BARE", re.compile(bare))
        assert list(online.mentions(text)) == found


def occurrence(*lines: str, strategy: str = "event_override") -> dict[str, object]:
    event = "\n".join(("UID:one", "DTSTAMP:20261101T000000Z", "DTSTART:20261119T100000Z", *lines))
    window = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    context = ParseContext(window, datetime(2026, 11, 18, tzinfo=UTC), "UTC", "default")
    frame = normalize(feed(event), kind="ics", context=context, meaning=Meaning(placing=Placing(strategy))).frame
    row: dict[str, object] = frame[["online_url", "online_type", "place_id", "address", "location"]].iloc[0].to_dict()
    return {name: value if isinstance(value, str) else None for name, value in row.items()}


def test_a_location_that_is_only_a_meeting_link_is_online_and_no_address():
    assert occurrence(f"LOCATION:{ZOOM}", strategy="event") == {
        "online_url": ZOOM,
        "online_type": "direct",
        "place_id": None,
        "address": None,
        "location": ZOOM,
    }


def test_a_link_that_a_browser_would_run_is_dropped():
    found = occurrence("URL:java\tscript:alert(1)", "CONFERENCE;VALUE=URI:data:text/html,x", "LOCATION:Hall")
    assert (found["online_url"], found["address"]) == (None, "Hall")
