"""``make screenshots``: the pictures of docs/ui.md, of the real pages in the real Airflow, with samples."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from calimport import calendars, database
from dev import postgres, serving
from tests.importing import Importer, feed
from tests.test_scheduler import database_of
from tests.ui_airflow import Airflow, chromium, running, signed_in
from tests.web import Reply, Web, serve

FOLDER: Final = Path(__file__).parents[1] / "docs" / "ui"
SAMPLES: Final = {
    "Community centre": "community-centre.ics",
    "Two cities": "two-cities.ics",
    "Days off": "days-off.ics",
    "Book club": "google-export.ics",
    "Surgery rota": "outlook-export.ics",
    "Medication": "medication.ics",
    "Night sky": "online-club.ics",
    "Village hall": "village-hall.ics",
}
LIST: Final = "/plugin/calendars/calimport/ui/"


def main() -> None:
    """Start an Airflow, give it calendars in every state, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cal-") as name:
        folder = Path(name)
        server = postgres.start(folder / "pg")
        try:
            host = postgres.host(server)
            postgres.create_database(host, "template_calimport")
            (folder / "airflow").mkdir()
            with (
                chromium() as browser,
                serve() as web,
                running(folder / "airflow", host, "template_calimport", scheduler=False) as airflow,
                ThreadPoolExecutor(1) as thread,  # in this one playwright has an event loop
            ):
                ids = thread.submit(prepare, airflow, web).result()
                take(browser, airflow, ids)
        finally:
            server.cleanup()


def prepare(airflow: Airflow, web: Web) -> dict[str, int]:
    """Calendars in every state; their ids by name."""
    samples = serving.start().server_address[1]
    with database_of(airflow.home) as connection:
        database.migrate(connection)
        importer = Importer(connection, now=datetime.now(UTC) - timedelta(minutes=12))
        ids = {name: importer.add(name, f"http://127.0.0.1:{samples}/{file}") for name, file in SAMPLES.items()}
        talks = [talk(number) for number in range(18)]
        ids["Lectures"] = importer.add("Lectures", web.feed(Reply(feed(*talks)), "/lectures.ics"))
        ids["Swimming club"] = importer.add("Swimming club", web.feed(Reply(feed(*talks[:2])), "/swimming.ics"))
        ids["Theatre"] = importer.add("Theatre", web.feed(Reply(b"<!doctype html><title>Sign in</title>"), "/theatre"))
        importer.run("first")
        web.feed(Reply(feed(talk(0, "Opening lecture"), *talks[1:4])), "/lectures.ics")
        web.feed(Reply(status=404), "/swimming.ics")
        importer.run("second", calendars=[ids["Lectures"], ids["Swimming club"], ids["Two cities"]])
        calendars.pause(connection, ids["Days off"])
    return ids


def talk(number: int, title: str | None = None) -> str:
    start = datetime.now(UTC).replace(minute=0, second=0) + timedelta(hours=8 * number)
    return (
        f"UID:lecture-{number}\nSUMMARY:{title or f'Lecture {number + 1}'}\nLOCATION:Great hall\n"
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}\nDURATION:PT1H30M"
    )


def take(browser: Browser, airflow: Airflow, ids: dict[str, int]) -> None:
    """All pictures."""
    page = signed_in(browser, airflow, "olga", viewport={"width": 1200, "height": 760}).new_page()
    calendar = f"{LIST}calendar?id="
    picture(page, f"{LIST}?sort=state", "list", wait="Swimming club")
    picture(page, f"{calendar}{ids['Community centre']}", "calendar", wait="Choir")
    picture(page, f"{calendar}{ids['Lectures']}#held", "held", wait="Lecture 8")
    page.goto(f"{LIST}edit")
    frame = page.frame_locator("iframe")
    frame.get_by_label("Name").fill("Community centre, again")
    query = "select source from calimport.calendars where id = %s"
    ((source,),) = airflow.home.rows(query, ids["Community centre"])
    frame.get_by_label("Address", exact=True).fill(source)
    frame.get_by_text("in the next 365 days").wait_for()
    page.screenshot(path=FOLDER / "add.png")

    page.evaluate("localStorage.setItem('theme', 'dark')")
    picture(page, f"{LIST}?sort=state", "list-dark", wait="Swimming club")
    picture(page, f"{calendar}{ids['Lectures']}#changes", "changes-dark", wait="Opening lecture")

    phone = signed_in(browser, airflow, "olga", viewport={"width": 375, "height": 700}).new_page()
    picture(phone, "/calimport/ui/?sort=state", "phone-list", wait="Swimming club", framed=False)
    agenda = f"/calimport/ui/calendar?id={ids['Community centre']}"
    picture(phone, agenda, "phone-agenda", wait="Choir", framed=False)


def picture(page: Page, path: str, name: str, *, wait: str, framed: bool = True) -> None:
    page.goto("about:blank")
    page.goto(path)
    shown = page.frame_locator("iframe") if framed else page
    shown.get_by_text(wait).first.wait_for()
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
