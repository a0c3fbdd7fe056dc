"""A recording holds no secret, wherever it was in what was said, and still answers."""

from __future__ import annotations

import json

import pytest

from calimport.previewing import look
from tests.importing import feed
from tests.web import Reply

SECRET = "s3cr3t-0123456789abcdef"
FEED = feed("UID:one\nDTSTART:20261119T100000Z\nSUMMARY:Choir")
WINDOW = {"start": "2026-11-18", "end": "2026-11-20", "now": "2026-11-18T12:00:00Z"}


@pytest.mark.parametrize(
    "path",
    [f"/{SECRET}/a.ics", f"/a.ics?u={SECRET}", f"/a.ics?token={SECRET}", f"/ical/x/private-{SECRET}/basic.ics"],
)
def test_of_a_connections_private_address_nothing_is_recorded(web, tmp_path, monkeypatch, path):
    """Neither of where it leads; nor its login, password and cookies."""
    cookie = {"Set-Cookie": f"session={SECRET}"}
    web.feed(Reply(status=302, headers={"Location": f"/{SECRET}/b.ics?x={SECRET}", **cookie}), path.partition("?")[0])
    web.feed(Reply(FEED, headers=cookie), f"/{SECRET}/b.ics")
    extra = {"url": web.url(path)}
    connection = {"conn_type": "http", "login": f"{SECRET}-login", "password": SECRET, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_PRIVATE", json.dumps(connection))
    archive = tmp_path / "exchange.har"

    found = look(None, connection_id="private", kind="ics", record=archive, **WINDOW)

    assert len(found.frame) == 1
    recorded = archive.read_text(encoding="utf-8")
    assert SECRET not in recorded
    assert [entry["response"]["status"] for entry in json.loads(recorded)["log"]["entries"]] == [302, 200]
    web.asked.clear()
    again = look(None, connection_id="private", kind="ics", replay=archive, **WINDOW)
    assert (len(again.frame), web.asked) == (1, [])


@pytest.mark.parametrize("query", [f"token={SECRET}", f"a=b&key={SECRET}", f"sig={SECRET}&x=y", f"password={SECRET}"])
def test_of_an_address_that_was_typed_what_names_itself_a_secret_is_not_recorded(web, tmp_path, query):
    web.feed(Reply(FEED, headers={"Set-Cookie": f"a={SECRET}"}), "/a.ics")
    archive = tmp_path / "exchange.har"
    look(web.url(f"/a.ics?{query}"), record=archive, **WINDOW)
    assert SECRET not in archive.read_text(encoding="utf-8")
    assert len(look(web.url(f"/a.ics?{query}"), replay=archive, **WINDOW).frame) == 1
