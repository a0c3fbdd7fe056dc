"""The calendars page in a real browser, in Airflow's own page, on a real scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calimport.errors import FeedNotFound
from tests.importing import feed
from tests.web import Reply, Web, serve

pytest.importorskip("playwright", reason="playwright drives the browser")

from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.ui_airflow import Airflow, chromium, running, signed_in

pytestmark = pytest.mark.airflow

LIST = "/plugin/calendars/calimport/ui/"
#: A run takes as long as Airflow takes to start six processes one after the other.
RUN = 300_000
TOMORROW = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)


def talk(number: int, title: str | None = None) -> str:
    """An event, an hour long, tomorrow."""
    start = TOMORROW + timedelta(minutes=20 * number)
    return f"UID:talk-{number}\nSUMMARY:{title or f'Talk {number}'}\nDTSTART:{start:%Y%m%dT%H%M%SZ}\nDURATION:PT1H"


TALKS = [talk(number) for number in range(14)]


def test_a_calendar_is_added_imported_broken_mended_undone_and_its_held_deletions_released(olga, airflow, web):
    """The way of an operator through the page; each step waits for what a person would wait for."""
    page = olga()
    source = web.feed(Reply(feed(*TALKS)), "/talks.ics")

    # Added by its address, whose check says what it holds.
    page.goto("/")
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Calendars").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="Add calendar").click()
    frame.get_by_label("Name").fill("Talks")
    frame.get_by_label("Address", exact=True).fill(source)
    expect(frame.get_by_text("14 events on 14 dates in the next 365 days.")).to_be_visible()
    expect(frame.get_by_role("listitem").filter(has_text="Talk 0")).to_be_visible()
    frame.get_by_role("button", name="Add calendar").click()
    expect(frame.get_by_role("heading", name="Talks")).to_be_visible()

    # Imported, and its events are there.
    import_now(frame)
    expect(frame.locator(".box.good")).to_contain_text("Imported: 14 added", timeout=RUN)
    expect(frame.locator(".fc-event").first).to_contain_text("Talk 0")

    # Broken: the sentence for its owner.
    web.feed(Reply(status=404), "/talks.ics")
    import_now(frame)
    expect(frame.locator(".box.bad").first).to_contain_text(FeedNotFound.sentence, timeout=RUN)
    expect(frame.locator(".badge").first).to_have_text("Source broken")
    page.goto(f"{LIST}?state=bad_source")
    expect(frame.get_by_role("row").filter(has_text="Talks")).to_contain_text(FeedNotFound.sentence)
    frame.get_by_role("link", name="Talks").click()

    # Mended, and changed a little: it recovers, and the change can be read.
    web.feed(Reply(feed(talk(0, "Opening"), *TALKS[1:])), "/talks.ics")
    import_now(frame)
    expect(frame.locator(".box.good")).to_contain_text("Imported: 1 changed", timeout=RUN)
    expect(frame.locator(".badge").first).to_have_text("OK")
    expect(frame.get_by_text(FeedNotFound.sentence)).to_have_count(0)
    frame.get_by_role("tab", name="Changes").click()
    row = frame.get_by_role("row", name="summary")
    expect(row).to_contain_text("Talk 0")
    expect(row).to_contain_text("Opening")

    # Undone: the title of before is there again.
    frame.get_by_role("tab", name="Runs").click()
    frame.get_by_role("button", name="Undo").first.click()
    frame.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(frame.locator(".box.good")).to_have_text("Undone: 1 changed.")
    frame.get_by_role("tab", name="Events").click()
    expect(frame.locator(".fc-event").first).to_contain_text("Talk 0")

    # Nearly empty: what looks wrong is held, until a person releases it.
    web.feed(Reply(feed(TALKS[0])), "/talks.ics")
    import_now(frame)
    expect(frame.locator(".box.good")).to_contain_text("13 held", timeout=RUN)
    frame.get_by_role("link", name="13 deletions are held").click()
    expect(frame.get_by_role("listitem").filter(has_text="Talk 13")).to_be_visible()
    frame.get_by_role("button", name="Release the deletions").click()
    frame.get_by_role("dialog").get_by_role("button", name="Release the deletions").click()
    expect(frame.locator(".box.good")).to_have_text("Released: 13 removed.")
    assert airflow.home.rows("select count(*) from calimport.events where uid like 'talk%%'") == [(1,)]

    # From the run to the log of the calendar's own task instance, in Airflow's own window.
    frame.get_by_role("tab", name="Runs").click()
    frame.get_by_role("row").filter(has_text="13 held").get_by_role("link", name="Log").click()
    page.wait_for_url("**/tasks/import.apply/mapped/0**")

    # Each action is in Airflow's audit log.
    events = airflow.home.metadata_rows("select owner, event from log where event like 'calimport%%' order by id")
    assert [(one["owner"], one["event"]) for one in events][:3] == [
        ("olga", "calimport_calendar_add"),
        ("olga", "calimport_run_undo"),
        ("olga", "calimport_held_release"),
    ]
    assert (
        airflow.home.metadata_rows("select count(*) as n from log where event = 'trigger_dag_run' and owner = 'olga'")[
            0
        ]["n"]
        == 4
    )


def test_a_dry_run_changes_nothing_force_asks_first_and_a_calendar_is_paused_resumed_and_its_feed_kept(
    olga, airflow, web
):
    page = olga()
    id = airflow.imported("Band", web.feed(Reply(feed(talk(0, "Practice"))), "/band.ics"))
    changed = feed(talk(0, "Concert"))
    web.feed(Reply(changed), "/band.ics")
    title = "select summary from calimport.events where calendar_id = %s"
    page.goto(f"/plugin/calendars/calimport/ui/calendar?id={id}")
    frame = page.frame_locator("iframe")

    frame.get_by_role("button", name="Dry run").click()
    expect(frame.locator(".box")).to_contain_text("Dry run: 1 changed", timeout=RUN)
    assert airflow.home.rows(title, id) == [("Practice",)]
    frame.get_by_role("link", name="1 changed").click()
    expect(frame.get_by_role("tabpanel")).to_contain_text("A dry run planned this, and did not apply it")
    expect(frame.get_by_role("row", name="summary")).to_contain_text("Concert")

    frame.get_by_role("button", name="Force").click()
    frame.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(frame.locator(".box.good")).to_have_count(0)
    frame.get_by_role("button", name="Force").click()
    frame.get_by_role("dialog").get_by_role("button", name="Import by force").click()
    expect(frame.locator(".box.good")).to_contain_text("Imported: 1 changed", timeout=RUN)
    assert airflow.home.rows(title, id) == [("Concert",)]

    frame.get_by_role("button", name="Pause").click()
    expect(frame.locator(".badge").first).to_have_text("Paused")
    frame.get_by_role("button", name="Resume").click()
    expect(frame.locator(".badge").first).to_have_text("OK")

    with page.expect_download() as download:
        frame.get_by_role("link", name="Download feed").click()
    assert download.value.path().read_bytes() == changed
    assert download.value.suggested_filename == f"calendar-{id}-ics.txt"


def test_who_may_only_look_has_no_buttons_and_is_refused(browser, airflow, one_calendar):
    page = signed_in(browser, airflow, "vera").new_page()
    page.goto(f"/calimport/ui/calendar?id={one_calendar}")
    expect(page.get_by_role("heading", name="Choir")).to_be_visible()
    expect(page.locator(".fc-event").first).to_be_visible()

    assert page.get_by_role("button", name="Import now").count() == 0
    assert page.get_by_role("link", name="Download feed").count() == 0
    page.goto("/calimport/ui/")
    expect(page.get_by_role("link", name="Choir")).to_be_visible()
    expect(page.get_by_role("link", name="Add calendar")).to_be_hidden()

    send = """async ([path, body]) => (await fetch(path, {method: 'POST', body: JSON.stringify(body),
        headers: {'Content-Type': 'application/json'}})).status"""
    for path, body in [
        (f"/calimport/api/calendars/{one_calendar}/pause", {}),
        ("/calimport/api/calendars", {"name": "x", "source": "https://example.org/x.ics"}),
        ("/calimport/api/check", {"source": "https://example.org/x.ics"}),
        ("/api/v2/dags/calendar_import/dagRuns", {"logical_date": None, "conf": {"calendars": [one_calendar]}}),
    ]:
        assert page.evaluate(send, [path, body]) == 403
    assert page.evaluate(f"async () => (await fetch('/calimport/api/calendars/{one_calendar}/feed')).status") == 403


def test_a_page_of_another_origin_can_neither_act_nor_frame(browser, airflow, one_calendar, web):
    """Another port is another origin, to which the browser yet sends the same cookie."""
    action = f"{airflow.url}/calimport/api/calendars/{one_calendar}/pause"
    html = f"<iframe src='{airflow.url}/calimport/ui/'></iframe>"
    foreign = web.feed(Reply(html.encode(), headers={"Content-Type": "text/html"}), "/foreign.html")
    page = signed_in(browser, airflow, "olga").new_page()
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if answer.url == action else None)
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "frame-ancestors" in said.text else None)

    page.goto(foreign)
    page.evaluate(
        "action => fetch(action, {method: 'POST', mode: 'no-cors', credentials: 'include'}).catch(() => 0)", action
    )

    assert statuses == [403]
    assert refused
    assert airflow.home.rows("select enabled from calimport.calendars where id = %s", one_calendar) == [(True,)]


def test_without_a_session_the_page_leads_to_the_sign_in_and_back(browser, airflow, one_calendar):
    page = browser.new_context(base_url=airflow.url).new_page()
    page.goto(f"/calimport/ui/calendar?id={one_calendar}")
    page.wait_for_url("**/login**")
    assert f"calendar%3Fid%3D{one_calendar}" in page.url


def test_everything_can_be_done_with_the_keyboard(olga, one_calendar):
    page = olga()
    page.goto("/calimport/ui/")
    expect(page.get_by_role("link", name="Choir")).to_be_visible()

    # The first stop leads past everything else, and can be seen.
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") > 0
    page.keyboard.press("Enter")

    # Search, sort and open a calendar.
    tab_to(page, "Search calendars")
    page.keyboard.type("choir")
    expect(page.get_by_role("status")).to_have_text("1 calendars")
    tab_to(page, "Last change")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Last change")).to_have_attribute("aria-sort", "ascending")
    tab_to(page, "Choir")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Choir")).to_be_visible()

    # A question takes the keyboard, and gives it back.
    expect(page.locator(".fc-event").first).to_be_visible()
    tab_to(page, "Force")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Force"

    # Tabs by arrows; an event by Enter.
    tab_to(page, "Events")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Runs")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".fc-event").first).to_be_visible()
    tab_to(page, "Rehearsal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Rehearsal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_pages_fit_a_phone(browser, airflow, one_calendar, colours):
    page = signed_in(browser, airflow, "olga", viewport={"width": 375, "height": 700}, color_scheme=colours).new_page()
    for path, shown in {
        "": "Choir",
        f"calendar?id={one_calendar}": "Rehearsal",
        f"calendar?id={one_calendar}#runs": "Imported",
        f"calendar?id={one_calendar}#changes": "Added",
        f"calendar?id={one_calendar}#settings": "days back",
        "edit": "Address",
    }.items():
        page.goto("about:blank")
        page.goto(f"/calimport/ui/{path}")
        expect(page.get_by_text(shown).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path


def test_the_colours_are_those_that_airflow_has_also_when_they_change(olga, one_calendar):
    page = olga()
    page.goto(LIST)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("link", name="Choir")).to_be_visible()
    inner = page.frames[1]

    for dark in (True, False):
        page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", dark)
        inner.wait_for_function("dark => document.documentElement.classList.contains('dark') === dark", arg=dark)
        assert (inner.evaluate(BRIGHTNESS) < 60) is dark


#: Of the page's background, from 0 to 255, in whatever way its colour is written.
BRIGHTNESS = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
    canvas.fillRect(0, 0, 1, 1);
    return Math.max(...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
}"""


def test_times_are_those_of_the_zone_that_was_chosen_in_airflow(olga, one_calendar):
    page = olga()
    page.goto("/calimport/ui/")
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Kathmandu'))")
    page.goto(f"/calimport/ui/calendar?id={one_calendar}")

    page.locator(".fc-event").first.click()

    local = TOMORROW + timedelta(hours=5, minutes=45)
    expect(page.get_by_role("dialog")).to_contain_text(f"{local:%Y-%m-%d %H:%M}")
    expect(page.get_by_role("dialog")).to_contain_text("Asia/Kathmandu")


RUN_IT = "window.top.pwned=1;parent.pwned=1;pwned=1"
HOSTILE = {
    "title": f"<img src=x onerror={RUN_IT}>",
    "description": f"<script>{RUN_IT}</script><svg onload={RUN_IT}>",
    "location": f'"><iframe srcdoc="<script>{RUN_IT}</script>">',
    "formula": '=HYPERLINK("javascript:pwned=1";"x")',
    "calendar": f"</title><script>{RUN_IT}</script>",
}


def test_a_hostile_feed_is_shown_and_nothing_of_it_runs(olga, airflow, web):
    events = [
        f"UID:<b onclick={RUN_IT}>1\nSUMMARY:{HOSTILE['title']}\nDESCRIPTION:{HOSTILE['description']}\n"
        f"LOCATION:{HOSTILE['location']}\nURL:javascript:{RUN_IT}\nCATEGORIES:{HOSTILE['formula']}\n"
        f"DTSTART:{TOMORROW:%Y%m%dT%H%M%SZ}\nDURATION:PT1H\nCOLOR:red;background:url(javascript:pwned=1)",
        f"UID:2\nSUMMARY:{HOSTILE['formula']}\nDTSTART:{TOMORROW:%Y%m%dT%H%M%SZ}\nDURATION:PT1H",
        "UID:3\nSUMMARY:\x1b]0;pwned\x07\x1b[31mred\n"
        f"DTSTART:{TOMORROW:%Y%m%dT%H%M%SZ}\nDURATION:PT1H\nURL:data:text/html,<script>{RUN_IT}</script>",
        f"UID:<script>{RUN_IT}</script>\nSUMMARY:No start",
    ]
    served = Reply(feed(*events, head=f"X-WR-CALNAME:{HOSTILE['calendar']}\n"))
    name = f"<script>{RUN_IT}</script>"
    id = airflow.imported(name, web.feed(served, "/hostile.ics"))
    # What an import cleans is put back, as another writer may leave it: the page must not depend on anybody.
    with airflow.home.connect() as connection:
        raw = [HOSTILE["title"], HOSTILE["description"], HOSTILE["location"], f"javascript:{RUN_IT}", id]
        connection.execute(
            "update calimport.events set summary = %s, description = %s, location = %s, online_url = %s,"
            " online_type = 'direct' where calendar_id = %s and uid like '<b%%'",
            raw,
        )
        connection.execute(
            "update calimport.changes set after = after || jsonb_build_object('summary', %s::text, 'url', %s::text)"
            " where calendar_id = %s and uid like '<b%%'",
            [HOSTILE["title"], f"javascript:{RUN_IT}", id],
        )

    page = olga()
    said: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(LIST)
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name=name).click()
    expect(frame.get_by_role("heading", name=name)).to_be_visible()
    expect(frame.locator(".facts")).to_contain_text(HOSTILE["calendar"])
    for part in ("Runs", "Changes", "Held deletions", "Notices", "Settings", "Events"):
        frame.get_by_role("tab", name=part).click()
        expect(frame.get_by_role("tabpanel")).not_to_be_empty()
        if part == "Changes":
            for one in frame.get_by_text("All columns").all():
                one.click()
            expect(frame.get_by_role("tabpanel")).to_contain_text(HOSTILE["title"])
            expect(frame.get_by_role("tabpanel")).to_contain_text(HOSTILE["formula"])
        if part == "Notices":
            expect(frame.get_by_role("tabpanel")).to_contain_text(f"<script>{RUN_IT}")
    seen: list[str] = []
    for number in range(3):
        frame.locator(".fc-event").nth(number).click()
        dialog = frame.get_by_role("dialog")
        expect(dialog).to_be_visible()
        seen.append(dialog.inner_text())
        for link in dialog.get_by_role("link").all():
            assert link.get_attribute("href").startswith(("http://", "https://"))
        page.keyboard.press("Escape")
    page.goto(f"/plugin/calendars/calimport/ui/edit?id={id}")
    expect(frame.get_by_role("heading", name="Next")).to_be_visible()

    assert all(any(HOSTILE[part] in one for one in seen) for part in ("title", "description", "location", "formula"))
    assert [one.evaluate("window.pwned") for one in page.frames] == [None, None]
    assert said == []
    assert [url for url in asked if not url.startswith((airflow.url, "data:", "blob:"))] == []


def import_now(frame: FrameLocator) -> None:
    frame.get_by_role("button", name="Import now").click()
    expect(frame.locator(".box.busy")).to_be_visible()


def focused(page: Page) -> str:
    """What a screen reader would say of the element that has the keyboard, in short."""
    return page.evaluate(
        "(one => one.matches('body, main, [role=tabpanel]') ? '' : one.ariaLabel || one.innerText.trim())"
        "(document.activeElement)"
    )


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element of this name has the keyboard."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if name in focused(page):
            return
    raise AssertionError(f"{name} cannot be reached with the Tab key.")


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def airflow(browser, tmp_path_factory, postgres_host: str, template: str) -> Iterator[Airflow]:
    # After the browser, so that nothing is started where there is none.
    with running(tmp_path_factory.mktemp("airflow"), postgres_host, template) as opened:
        yield opened


@pytest.fixture
def olga(browser, airflow) -> Iterator[Callable[[], Page]]:
    """Opens windows of somebody who may do everything."""
    context = signed_in(browser, airflow, "olga")
    yield context.new_page
    context.close()


@pytest.fixture(scope="module")
def one_calendar(airflow, web) -> Any:
    """A calendar with a rehearsal tomorrow, imported; its id."""
    return airflow.imported("Choir", web.feed(Reply(feed(talk(0, "Rehearsal"))), "/choir.ics"))
