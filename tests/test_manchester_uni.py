"""The source ``manchester-uni``, against a server that answers as the university's does."""

from __future__ import annotations

from xml.sax.saxutils import escape

from tests.site_rows import asked, fetched, fixture, notices, read, reply, rows
from tests.source_conformance import SourceConformance
from tests.web import Reply

PATH = "events.manchester.ac.uk/f3vf/calendar/tag:old_library/view:list/p:q_details/calml.xml"
SOURCE = f"http://{PATH}"


class TestConformance(SourceConformance):
    kind = "manchester-uni"
    source = f"https://{PATH}"
    hosts = ("events.manchester.ac.uk",)

    def answers(self, samples):
        events = "\n".join(
            f"<ns:event><ns:id>{one.uid}</ns:id><ns:title>{escape(one.title)}</ns:title>"
            + (f"<ns:description>{escape(one.description)}</ns:description>" if one.description else "")
            + "<ns:times type='local'>"
            + f"<ns:start><ns:date>{one.start:%Y-%m-%d}</ns:date><ns:time>{one.start:%H:%M:%S}</ns:time></ns:start>"
            + (
                f"<ns:end><ns:date>{one.end:%Y-%m-%d}</ns:date><ns:time>{one.end:%H:%M:%S}</ns:time></ns:end>"
                if one.end
                else ""
            )
            + "</ns:times></ns:event>"
            for one in samples
        )
        document = f"<ns:calendar xmlns:ns='urn:example'>{events}</ns:calendar>"
        return {PATH: Reply(document.encode())}


def test_the_events_of_a_calendar():
    feed, loopback = fetched("manchester-uni", SOURCE, {PATH: reply(fixture("manchester-uni/calml.xml"))})
    found = read("manchester-uni", feed)

    assert asked(loopback) == [("GET", SOURCE)]
    assert rows(found, "uid", "recurrence_id", "start_at", "end_at", "summary", "location", "url") == [
        (
            *("event:a1b-c2d3", None, "06-10 17:00", "06-10 18:30", "Maps of the moon", "Old Library, Reading room"),
            "https://events.manchester.ac.uk/event/event:a1b-c2d3",
        ),
        ("17", None, "07-02 23:00", "07-04 23:00", "Open days – ½ price café ☕", None, None),
        ("18", "2026-11-02T19:00:00Z", "11-02 19:00", "11-02 19:00", "Choir", None, None),
        ("18", "2026-11-09T19:00:00Z", "11-09 19:00", "11-09 19:00", "Choir", None, None),
        (
            *("even:z9-y8", None, "12-01 18:00", "12-01 18:00", "Lamp making"),
            *("Old Library, Manchester, United Kingdom", "https://events.manchester.ac.uk/event/event:z9-y8"),
        ),
    ]
    assert [
        (all_day, str(start), str(end)) for all_day, start, end in rows(found, "all_day", "start_date", "end_date")
    ] == [
        (False, "None", "None"),
        (True, "2026-07-03", "2026-07-05"),
        (False, "None", "None"),
        (False, "None", "None"),
        (False, "None", "None"),
    ]
    assert rows(found, "status") == [*[("confirmed",)] * 4, ("cancelled",)]
    assert rows(found, "description")[0] == ("A talk, and **tea**.",)
    assert notices(found) == [
        (
            "event_unreadable",
            "19",
            "The event 'To be announced' could not be understood and was left as it was: it has no start",
        )
    ]
    assert (found.parsed.title, feed.timezone) == ("Events at the Old Library", "Europe/London")
