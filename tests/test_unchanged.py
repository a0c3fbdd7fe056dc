"""What did not change costs a conditional request or none, and touches nothing."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from psycopg import sql

from calimport.freshness import fresh_for
from calimport.settings import Settings
from tests.importing import Importer, feed
from tests.loopback import LOOPBACK
from tests.web import Asked, Reply

FEED = feed("UID:one\nDTSTART:20261119T100000Z\nDTEND:20261119T110000Z\nSUMMARY:One")


@pytest.fixture
def importer(connection):
    connection.commit()
    connection.autocommit = True
    settings = Settings(allowed_networks=LOOPBACK, host_requests_per_second=1e6, host_request_burst=10_000)
    return Importer(connection, settings)


def versions(importer: Importer) -> list[tuple]:
    """Every row of events, feeds and their contents, as PostgreSQL knows it."""
    return [
        (table, *row.values())
        for table in ("events", "feeds", "feed_contents", "notices", "changes")
        for row in importer.connection.execute(
            sql.SQL("select xmin::text, ctid::text from calimport.{} order by ctid").format(sql.Identifier(table))
        )
    ]


def test_a_thousand_unchanged_feeds_are_a_thousand_conditional_requests_and_nothing_else(importer, web):
    for number in range(1000):
        importer.add(f"club {number}", web.feed(Reply(FEED, etag=f'"{number}"'), f"/{number}.ics"))
    first = importer.run()
    before = versions(importer)
    web.asked.clear()
    last = importer.last_run()

    second = importer.run()

    assert (first.inserted, second.unchanged, second.calendars) == (1000, 1000, 1000)
    assert sorted((asked.path, asked.headers["if-none-match"]) for asked in web.asked) == sorted(
        (f"/{number}.ics", f'"{number}"') for number in range(1000)
    )
    assert versions(importer) == before
    cost = importer.connection.execute(
        "select count(*) as runs, sum(requests) as requests, sum(bytes_received) as bytes,"
        " array_agg(distinct seconds ? 'normalize') as was_parsed from calimport.runs where id > %s",
        [last],
    ).fetchone()
    assert cost == {"runs": 1000, "requests": 1000, "bytes": 0, "was_parsed": [False]}


# Fresh by its own word


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "max-age=600"}, 600),
        ({"Cache-Control": 'public, Max-Age="600" , must-revalidate'}, 600),
        ({"Cache-Control": "max-age=600, max-age=300"}, 300),
        ({"Cache-Control": "max-age=600", "Age": "200"}, 400),
        ({"Cache-Control": "max-age=600", "Age": "700"}, None),
        ({"Cache-Control": "max-age=600", "Age": "old"}, 600),
        ({"Cache-Control": "max-age=600, no-cache"}, None),
        ({"Cache-Control": "no-store, max-age=600"}, None),
        ({"Cache-Control": "s-maxage=600"}, None),
        ({"Cache-Control": "max-age=0"}, None),
        ({"Cache-Control": "max-age=-5"}, None),
        ({"Cache-Control": "max-age=soon"}, None),
        ({"Cache-Control": "max-age=99999999999999999999"}, None),
    ],
)
def test_how_long_an_answer_is_fresh(headers, seconds):
    assert fresh_for(httpx.Headers(headers)) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("cache_control", "minutes"),
    [
        (None, 5),
        ("max-age=60", 5),  # the calendar's own interval is longer
        ("max-age=1800", 30),
        ("max-age=604800", 60),  # no longer than an hour
        ("no-cache, max-age=1800", 5),
    ],
)
def test_a_feed_is_asked_for_again_when_it_is_no_longer_fresh(importer, web, cache_control, minutes):
    reply = Reply(FEED, etag='"1"', headers={"Cache-Control": cache_control} if cache_control else {})
    importer.add("club", web.feed(reply))

    importer.run()

    assert importer.state("club")["next_import_at"] - importer.now == timedelta(minutes=minutes)


def test_that_it_is_still_fresh_may_be_said_without_a_body(importer, web):
    def reply(asked: Asked) -> Reply:
        status, body = (304, b"") if "if-none-match" in asked.headers else (200, FEED)
        return Reply(body, status=status, headers={"ETag": '"1"', "Cache-Control": "max-age=1200"})

    importer.add("club", web.feed(reply))
    importer.run()

    assert importer.run().calendars == 0
    assert importer.run(later=timedelta(minutes=15)).unchanged == 1
    assert importer.state("club")["next_import_at"] - importer.now == timedelta(minutes=20)


def test_who_asks_for_a_fresh_feed_gets_it(importer, web):
    importer.add("club", web.feed(Reply(FEED, headers={"Cache-Control": "max-age=1800"})))
    importer.run()
    web.asked.clear()

    assert importer.run(calendars=["club"]).unchanged == 1
    assert importer.run(force=True).imported == 1

    assert len(web.asked) == 2


def test_an_interval_longer_than_an_hour_stands(importer, web):
    reply = Reply(FEED, headers={"Cache-Control": "max-age=604800"})
    importer.add("club", web.feed(reply), import_interval=timedelta(hours=6))

    importer.run()

    assert importer.state("club")["next_import_at"] - importer.now == timedelta(hours=6)
