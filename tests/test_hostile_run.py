"""One real run of the DAG over hostile calendars with secret addresses: what it left behind, wherever one could look.

The feeds try to be templates, terminals' commands, log lines, SQL and HTML. Each address and each key holds a secret
that may be where it was configured, and nowhere else.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from calimport.steps.mirrors import decompressed
from tests.airflow_home import DAG, NOON, Home, new_calimport, new_metadata, run_airflow
from tests.importing import feed
from tests.web import Reply, serve

pytestmark = pytest.mark.airflow

SECRET = "s3cr3t-0123456789abcdef"
#: As a template it would be 123543221, which stands nowhere else.
TEMPLATE = "{{ 11113 * 11117 }}"
NAMES = (
    f"{TEMPLATE} one",
    "{% raw %}<b>bold</b>",
    "'; drop table calimport.events; --",
    "$(touch owned) `touch owned`",
)
#: A title that would begin a log line of its own, and turn a terminal red.
RED = "\x1b[31m"
TITLE = f"{TEMPLATE}\\n2026-11-27 12:00:00 FORGED all is well\\r\\n{RED} <script>alert(1)</script> $(touch owned)"
GOOD = f"""
UID:one\x1b[31m
DTSTART:20260303T180000Z
DTEND:20260303T193000Z
SUMMARY:{TITLE}
DESCRIPTION:{TITLE}
LOCATION:'; drop table calimport.events; --
CATEGORIES:{TEMPLATE}
URL:javascript:alert(1)
"""
#: Not understood, so that notices and logs speak of it.
BAD = f"UID:{TEMPLATE} \x1b[31m FORGED\nDTSTART:{TEMPLATE}\x1b[31m\nSUMMARY:x"


@dataclass(frozen=True)
class Left:
    """What the run left: the databases' rows as text, by table; log files and what was printed."""

    home: Home
    printed: str
    metadata: dict[str, str]
    calimport: dict[str, str]
    logs: dict[str, str]
    labels: set[str]


def tables(host: str, name: str) -> dict[str, str]:
    """Every table of a database, all its rows as one text; those of feeds are read."""
    found = {}
    with psycopg.connect(host=host, user="postgres", dbname=name) as connection:
        listed = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in listed:
            rows = connection.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table))).fetchall()
            found[f"{schema}.{table}"] = "\n".join(_text(row) for row in rows)
    return found


def _text(row: Any) -> str:
    return " ".join(_inflated(value) if isinstance(value, bytes) else str(value) for value in row)


def _is_text(path: Path) -> bool:
    """Whatever Airflow wrote into its home, logs among it."""
    return path.is_file() and path.suffix not in (".db", ".pyc")


def _inflated(value: bytes) -> str:
    try:
        return decompressed(value).decode("utf-8", "replace")
    except zlib.error:
        return value.decode("latin-1")


@pytest.fixture(scope="module")
def left(postgres_host, template, tmp_path_factory) -> Left:
    folder = tmp_path_factory.mktemp("hostile")
    home = Home(folder, postgres_host, new_metadata(postgres_host, folder), new_calimport(postgres_host, template))
    connections: dict[str, Any] = {}
    with serve() as web:
        web.feed(Reply(feed(GOOD, BAD)), f"/ical/private-{SECRET}/basic.ics")
        web.feed(Reply(feed(GOOD)), "/query.ics")
        web.feed(Reply(feed(GOOD)), "/basic.ics")
        web.feed(Reply(status=302, headers={"Location": f"/{SECRET}/away.ics?token={SECRET}"}), "/leads.ics")
        web.feed(Reply(status=500, headers={"Set-Cookie": f"a={SECRET}"}), f"/{SECRET}/broken.ics")
        web.feed(Reply(b"<html><p>Sign in"), f"/{SECRET}/page.ics")
        web.feed(Reply(feed(GOOD), cut_after=40), f"/{SECRET}/cut.ics")
        private = {
            "path": web.url(f"/ical/private-{SECRET}/basic.ics"),
            "query": web.url(f"/query.ics?token={SECRET}"),
            "leads": web.url(f"/leads.ics?key={SECRET}"),
            "gone": web.url(f"/{SECRET}/gone.ics"),
            "broken": web.url(f"/{SECRET}/broken.ics"),
            "page": web.url(f"/{SECRET}/page.ics"),
            "cut": web.url(f"/{SECRET}/cut.ics"),
            "refused": f"http://127.0.0.1:1/{SECRET}/a.ics",
            "inside": f"http://10.255.255.1/{SECRET}/a.ics",
            "unknown": f"https://nowhere.invalid/{SECRET}.ics",
            "no_url": f"ht tp://{SECRET}",
        }
        for number, (name, url) in enumerate(private.items()):
            connections[name] = {"conn_type": "generic", "extra": {"url": url}}
            home.add(NAMES[number] if number < len(NAMES) else name, None, kind="ics", connection_id=name)  # type: ignore[arg-type]
        connections["basic"] = {"conn_type": "http", "login": f"{SECRET}-login", "password": SECRET}
        home.add("basic", web.url("/basic.ics"), kind="ics", connection_id="basic")
        connections["google"] = {
            "conn_type": "google_cloud_platform",
            "extra": {"keyfile_dict": {"type": "service_account", "private_key": SECRET, "client_email": "a@b"}},
        }
        home.add("google", "primary", kind="google", connection_id="google")
        connections["dav"] = {"conn_type": "http", "login": "anna", "password": SECRET}
        home.add("dav", web.url(f"/dav/{SECRET}/"), kind="caldav", connection_id="dav")
        # Accepted with a warning: a secret in the calendars' own column.
        home.add("typed", web.url(f"/query.ics?token={SECRET}"), kind="ics")
        printed = run_airflow(
            home,
            *("dags", "test", DAG, NOON),
            CALIMPORT_FAILURE_THRESHOLD="1",
            CALIMPORT_MAX_BATCHES="5",
            CALIMPORT_FETCH_ATTEMPTS="2",
            CALIMPORT_RETRY_DELAY="0.01",
            CALIMPORT_CONNECT_TIMEOUT="3",
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(given) for name, given in connections.items()},
        )
    labels = {row["rendered_map_index"] for row in home.metadata_rows("select rendered_map_index from task_instance")}
    return Left(
        home,
        printed,
        tables(postgres_host, home.metadata),
        tables(postgres_host, home.calimport),
        {str(path): path.read_text("utf-8", "replace") for path in folder.rglob("*") if _is_text(path)},
        labels,
    )


def test_the_run_did_what_it_should(left):
    """Else the searches below would find nothing for no good reason."""
    found = dict(left.home.rows("select name, coalesce(error_class, 'none') from calimport.calendars order by id"))
    assert found == {
        NAMES[0]: "none",
        NAMES[1]: "none",
        NAMES[2]: "FeedNotFound",
        NAMES[3]: "FeedNotFound",
        "broken": "FeedServerError",
        "page": "FeedIsWebPage",
        "cut": "FeedTruncated",
        "refused": "FeedConnectionFailed",
        "inside": "FeedAddressForbidden",
        "unknown": "FeedHostUnknown",
        "no_url": "SourceUnsupported",
        "basic": "none",
        "google": "CredentialsMissing",
        "dav": "FeedNotFound",
        "typed": "none",
    }
    assert "Finished" in left.printed
    assert "FeedServerError" in left.printed


def test_no_secret_is_in_a_log_or_printed(left):
    assert {name for name, text in {**left.logs, "printed": left.printed}.items() if SECRET in text} == set()


def test_no_secret_is_in_airflows_database(left):
    """XCom, rendered fields, serialized DAG, task instances' notes, assets, Airflow's own audit log."""
    assert {name for name, text in left.metadata.items() if SECRET in text} == set()
    assert {"public.xcom", "public.rendered_task_instance_fields", "public.log"} <= left.metadata.keys()


def test_no_secret_is_in_calimports_database_but_where_it_was_configured(left):
    """A feed remembers of which address it is, since its validators mean nothing to another."""
    assert {name for name, text in left.calimport.items() if SECRET in text} == {
        "calimport.calendars",
        "calimport.feeds",
    }
    columns = "select count(*) from calimport.{0} where to_jsonb({0}) - 'source' #>> '{{}}' like %s"
    for table in ("calendars", "feeds"):
        assert left.home.rows(columns.format(table), f"%{SECRET}%") == [(0,)]


def test_nothing_of_a_feed_or_a_name_was_rendered_as_a_template(left):
    for found in (left.metadata, left.calimport, left.logs, {"printed": left.printed}):
        assert {name for name, text in found.items() if "123543221" in text} == set()
    assert any(NAMES[0] in str(label) for label in left.labels)


def test_no_log_line_was_forged_and_no_terminal_commanded(left):
    for text in (left.printed, *left.logs.values()):
        assert "\x1b[31m" not in text
        assert not any(line.lstrip().startswith(("2026-11-27 12:00:00 FORGED", "FORGED")) for line in text.splitlines())


def test_no_shell_ran_and_no_table_was_dropped(left):
    assert left.home.rows("select count(*) from calimport.events") == [(4,)]
    assert not (Path.cwd() / "owned").exists()
    assert list(left.home.folder.rglob("owned")) == []


def test_what_was_stored_is_text_and_links_to_pages_alone(left):
    rows = left.home.rows("select summary, description, location, url, categories from calimport.events")
    for summary, description, location, url, categories in rows:
        assert TEMPLATE in summary
        assert "\x1b" not in summary + description
        assert "<script" not in description
        assert location == "'; drop table calimport.events; --"
        assert (url, categories) == (None, [TEMPLATE])
