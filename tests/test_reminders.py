"""Reminders: what feeds say, what a calendar adds, rows in step with their events, each sent once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row

from calimport import database, reminders
from calimport.calendars import configure
from calimport.errors import ConfigurationError, RemindersFailed
from calimport.reminding import Sent, load, send_due
from calimport.settings import Settings
from tests.importing import NOW, Importer, feed
from tests.plans import rows_passed
from tests.web import Reply

EVENT = "UID:one\nDTSTART:20261119T100000Z\nDTEND:20261119T120000Z\nSUMMARY:One\n"
SETTINGS = Settings()


def alarm(*lines: str) -> str:
    return "BEGIN:VALARM\n" + "\n".join(lines) + "\nEND:VALARM\n"


def rows(importer: Importer) -> list[tuple[str, str, bool]]:
    """Instant, method, and whether it was sent."""
    found = importer.connection.execute(
        "select to_char(remind_at, 'MM-DD HH24:MI') as at, method, sent_at is not null as sent"
        " from calimport.reminders order by remind_at, method"
    )
    return [(row["at"], row["method"], row["sent"]) for row in found]


TEN_BEFORE = alarm("ACTION:DISPLAY", "TRIGGER:-PT10M")


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        (TEN_BEFORE, [("11-19 09:50", "popup")]),
        (alarm("ACTION:EMAIL", "TRIGGER;RELATED=START:-P1D"), [("11-18 10:00", "email")]),
        (alarm("ACTION:AUDIO", "TRIGGER;RELATED=END:-PT5M"), [("11-19 11:55", "audio")]),
        (alarm("ACTION:DISPLAY", "TRIGGER;RELATED=END:PT0S"), [("11-19 12:00", "popup")]),
        (alarm("ACTION:DISPLAY", "TRIGGER:PT15M"), [("11-19 10:15", "popup")]),
        (alarm("ACTION:DISPLAY", "TRIGGER;VALUE=DATE-TIME:20261118T070000Z"), [("11-18 07:00", "popup")]),
        (
            alarm("ACTION:DISPLAY", "TRIGGER:-PT30M", "REPEAT:2", "DURATION:PT10M"),
            [("11-19 09:30", "popup"), ("11-19 09:40", "popup"), ("11-19 09:50", "popup")],
        ),
        (alarm("ACTION:DISPLAY", "TRIGGER:-PT30M", "REPEAT:2"), [("11-19 09:30", "popup")]),
        (alarm("ACTION:PROCEDURE", "TRIGGER:-PT30M"), [("11-19 09:30", "popup")]),
        (alarm("TRIGGER:-PT30M"), [("11-19 09:30", "popup")]),
        (alarm("ACTION:NONE", "TRIGGER;VALUE=DATE-TIME:19760401T005545Z"), []),
        (
            alarm("ACTION:DISPLAY", "TRIGGER;VALUE=DATE-TIME:20261119T080000Z", "REPEAT:1", "DURATION:PT5M"),
            [("11-19 08:00", "popup"), ("11-19 08:05", "popup")],
        ),
        (
            alarm("ACTION:EMAIL", "TRIGGER;RELATED=END:-PT30M", "REPEAT:1", "DURATION:PT10M"),
            [("11-19 11:30", "email"), ("11-19 11:40", "email")],
        ),
        (alarm("ACTION:DISPLAY", "TRIGGER;VALUE=DURATION:-P1DT2H30M"), [("11-18 07:30", "popup")]),
        (alarm("ACTION:DISPLAY", "TRIGGER:-P1W"), [("11-12 10:00", "popup")]),
        (alarm("ACTION:DISPLAY", "TRIGGER:+PT900S"), [("11-19 10:15", "popup")]),
        (alarm("action:email", "trigger;related=end:-pt15m"), [("11-19 11:45", "email")]),
        (alarm("ACTION:DISPLAY", "TRIGGER;VALUE=DATE:20261119"), []),
        (alarm("ACTION:DISPLAY", "TRIGGER:-P99999999W"), []),
        (alarm("ACTION:DISPLAY", "TRIGGER;VALUE=DATE-TIME:19760401T005545Z", "PROXIMITY:ARRIVE"), []),
        (alarm("ACTION:DISPLAY", "TRIGGER:soon"), []),
        (alarm("ACTION:DISPLAY"), []),
        (TEN_BEFORE + TEN_BEFORE, [("11-19 09:50", "popup")]),
        (
            TEN_BEFORE + alarm("ACTION:EMAIL", "TRIGGER:-PT10M"),
            [("11-19 09:50", "email"), ("11-19 09:50", "popup")],
        ),
    ],
)
def test_every_form_of_an_alarm_is_a_row(importer, web, alarms, expected):
    importer.add("club", web.feed(Reply(feed(EVENT + alarms))))

    importer.run()

    assert rows(importer) == [(at, method, False) for at, method in expected]


@pytest.mark.parametrize(
    ("event", "trigger", "expected"),
    [
        # To where there is no end, the end is the start; else it follows from the length.
        ("DTSTART:20261119T100000Z", "TRIGGER;RELATED=END:-PT15M", ["11-19 09:45"]),
        ("DTSTART:20261119T100000Z\nDURATION:PT3H", "TRIGGER;RELATED=END:-PT15M", ["11-19 12:45"]),
        # A day begins at midnight where the calendar is, and ends at the next.
        ("DTSTART;VALUE=DATE:20261119", "TRIGGER:-PT15M", ["11-18 22:45"]),
        ("DTSTART;VALUE=DATE:20261119", "TRIGGER:PT9H", ["11-19 08:00"]),
        ("DTSTART;VALUE=DATE:20261119", "TRIGGER;RELATED=END:-PT1H", ["11-19 22:00"]),
        # Each date of a series has its own.
        (
            "DTSTART;TZID=Europe/Berlin:20261119T100000\nRRULE:FREQ=DAILY;COUNT=2",
            "TRIGGER:-PT1H",
            ["11-19 08:00", "11-20 08:00"],
        ),
        # But for an alarm at an instant, which is there once: at the first date that is not before it.
        (
            "DTSTART;TZID=Europe/Berlin:20261117T100000\nRRULE:FREQ=DAILY;COUNT=5",
            "TRIGGER;VALUE=DATE-TIME:20261118T120000Z",
            ["11-18 12:00"],
        ),
        ("DTSTART:20261117T100000Z\nRRULE:FREQ=DAILY;COUNT=5", "TRIGGER;VALUE=DATE-TIME:20260101T120000Z", []),
    ],
)
def test_alarms_are_relative_to_each_occurrence(importer, web, event, trigger, expected):
    body = feed(f"UID:one\n{event}\nSUMMARY:One\n" + alarm("ACTION:DISPLAY", trigger))
    importer.add("club", web.feed(Reply(body)), timezone="Europe/Berlin")
    importer.run()
    assert [at for at, _, _ in rows(importer)] == expected


def test_an_alarm_that_repeats_without_end_is_bounded(importer, web):
    repeated = alarm("ACTION:DISPLAY", "TRIGGER:-PT30M", "REPEAT:1000000", "DURATION:PT1M")
    importer.add("club", web.feed(Reply(feed(EVENT + repeated))))
    importer.run()
    assert len(rows(importer)) == 21


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ("", [("11-18 10:00", "email"), ("11-19 09:50", "popup")]),
        (alarm("ACTION:DISPLAY", "TRIGGER:-PT5M"), [("11-19 09:55", "popup")]),
        (alarm("ACTION:NONE", "TRIGGER:-PT5M"), []),
    ],
)
def test_the_calendars_defaults_are_for_events_that_say_nothing(importer, web, alarms, expected):
    importer.add("club", web.feed(Reply(feed(EVENT + alarms))), default_reminders="10m popup, 1d email")
    importer.run()
    assert rows(importer) == [(at, method, False) for at, method in expected]


def test_other_defaults_change_the_rows_at_the_next_import_of_the_same_feed(importer, web):
    """A changed default reminder was not noticed by the original."""
    importer.add("club", web.feed(Reply(feed(EVENT))), default_reminders="10m popup")
    importer.run()
    importer.connection.execute("update calimport.calendars set default_reminders = '20m email'")
    importer.run()
    assert rows(importer) == [("11-19 09:40", "email", False)]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("10", "10m popup"),
        ("60m Email", "1h email"),
        ("1d email, 10m", "10m popup, 1d email"),
        (["1d12h email", "0m"], "0m popup, 1d12h email"),
        ("10m, 10m popup", "10m popup"),
    ],
)
def test_defaults_are_written_in_one_spelling(given, stored):
    config = configure({"name": "Club", "source": "https://example.org/a.ics", "default_reminders": given})
    assert config.default_reminders == stored


@pytest.mark.parametrize("given", ["soon", "10m fax", "10m popup email", "9999d", ",", "-10m"])
def test_a_default_that_is_no_reminder_is_refused(given):
    with pytest.raises(ConfigurationError, match="default_reminders: "):
        configure({"name": "Club", "source": "https://example.org/a.ics", "default_reminders": given})


def test_methods_go_beside_the_instants():
    at = datetime(2026, 11, 19, 9, tzinfo=UTC)
    assert reminders.columns([(at, "popup"), (at - timedelta(hours=1), "sms"), (at, "email")]) == {
        "reminders": [at - timedelta(hours=1), at],
        "reminder_methods": ["popup", "email,popup"],
    }


MOVED = EVENT.replace("T10", "T14").replace("T12", "T16")

#: What becomes of the event, and of its reminder at 09:50, unsent or sent.
IN_STEP = {
    "same": (EVENT + TEN_BEFORE, [("11-19 09:50", "popup", False)], [("11-19 09:50", "popup", True)]),
    "title": (
        EVENT.replace("One", "Uno") + TEN_BEFORE,
        [("11-19 09:50", "popup", False)],
        [("11-19 09:50", "popup", True)],
    ),
    "moved": (
        MOVED + TEN_BEFORE,
        [("11-19 13:50", "popup", False)],
        [("11-19 09:50", "popup", True), ("11-19 13:50", "popup", False)],
    ),
    "other method": (
        EVENT + TEN_BEFORE.replace("DISPLAY", "EMAIL"),
        [("11-19 09:50", "email", False)],
        [("11-19 09:50", "email", False), ("11-19 09:50", "popup", True)],
    ),
    "alarm gone": (EVENT, [], [("11-19 09:50", "popup", True)]),
    "cancelled": (EVENT + "STATUS:CANCELLED\n" + TEN_BEFORE, [], [("11-19 09:50", "popup", True)]),
    # Another event: one that differed in its UID alone would be taken as the same.
    "deleted": (EVENT.replace("one", "two").replace("One", "Two"), [], []),
}


@pytest.mark.parametrize("was_sent", [False, True])
@pytest.mark.parametrize("name", IN_STEP)
def test_reminders_are_in_step_with_their_event(importer, web, name, was_sent):
    changed, unsent, sent = IN_STEP[name]
    importer.add("club", web.feed(Reply(feed(EVENT + TEN_BEFORE))))
    importer.run()
    if was_sent:
        importer.connection.execute("update calimport.reminders set sent_at = now()")
    web.feed(Reply(feed(changed)))

    importer.run()

    assert rows(importer) == (sent if was_sent else unsent)


def test_an_event_that_moves_away_and_back_is_not_reminded_of_twice(importer, web):
    importer.add("club", web.feed(Reply(feed(EVENT + TEN_BEFORE))))
    importer.run()
    importer.connection.execute("update calimport.reminders set sent_at = now()")
    for event in (MOVED, EVENT):
        web.feed(Reply(feed(event + TEN_BEFORE)))
        importer.run()
    assert rows(importer) == [("11-19 09:50", "popup", True)]


def test_a_dry_run_leaves_reminders_alone(importer, web):
    importer.add("club", web.feed(Reply(feed(EVENT + TEN_BEFORE))))
    importer.run(dry_run=True)
    assert rows(importer) == []


class Outbox:
    """A notifier that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __call__(self):
        return lambda context: self.sent.append(context["reminder"]["summary"])


DUE = datetime(2026, 11, 19, 9, 50, tzinfo=UTC)


def send(importer: Importer, outbox, at: datetime, owner: str = "sender") -> Sent:
    return send_due(importer.connection, outbox, owner=owner, clock=lambda: at, settings=SETTINGS)


@pytest.fixture
def reminded(importer, web):
    """A calendar with one reminder at 09:50."""
    importer.add("club", web.feed(Reply(feed(EVENT + TEN_BEFORE))))
    importer.run()
    return importer


@pytest.mark.parametrize(
    ("at", "expected", "sent"),
    [
        (DUE - timedelta(seconds=1), Sent(0, 0, 0), []),
        (DUE, Sent(1, 0, 0), ["One"]),
        (DUE + timedelta(minutes=59), Sent(1, 0, 0), ["One"]),
        (DUE + timedelta(minutes=61), Sent(0, 1, 0), []),
    ],
)
def test_a_missed_minute_is_not_lost_and_what_is_too_old_is_marked(reminded, at, expected, sent):
    outbox = Outbox()
    assert (send(reminded, outbox, at), outbox.sent) == (expected, sent)
    # A second time there is nothing left to do.
    assert send(reminded, outbox, at) == Sent(0, 0, 0)


def test_what_the_notifier_refuses_is_tried_again(reminded):
    def refuses():
        raise RuntimeError("the mail server is away")

    with pytest.raises(RemindersFailed, match="1 reminders could not be sent"):
        send(reminded, refuses, DUE)
    outbox = Outbox()
    assert (send(reminded, outbox, DUE + timedelta(minutes=1)), outbox.sent) == (Sent(1, 0, 0), ["One"])


def test_one_that_fails_does_not_keep_the_others(importer, web):
    two = EVENT.replace("one", "two").replace("One", "Two")
    importer.add("club", web.feed(Reply(feed(EVENT + TEN_BEFORE, two + TEN_BEFORE))))
    importer.run()
    sent = []

    def picky():
        def notify(context):
            if context["reminder"]["summary"] == "One":
                raise RuntimeError("no such address")
            sent.append(context["reminder"]["summary"])

        return notify

    with pytest.raises(RemindersFailed):
        send(importer, picky, DUE)
    assert sent == ["Two"]


def test_two_senders_at_once_send_each_reminder_once(importer, web, connection_uri):
    events = [EVENT.replace("one", f"uid{n}").replace("One", f"Event {n}") + TEN_BEFORE for n in range(40)]
    importer.add("club", web.feed(Reply(feed(*events))))
    importer.run()
    start, outboxes = threading.Barrier(2), (Outbox(), Outbox())

    def sender(number: int) -> None:
        with database.connect(autocommit=True) as own:
            start.wait()
            send_due(own, outboxes[number], owner=f"sender {number}", clock=lambda: DUE, settings=SETTINGS)

    threads = [threading.Thread(target=sender, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outboxes[0].sent + outboxes[1].sent) == sorted(f"Event {n}" for n in range(40))
    assert importer.one("select count(*) from calimport.reminders where sent_at is null") == 0


@pytest.mark.parametrize("due", [10, 200])
def test_a_claim_reads_one_reminder_however_many_are_due_at_its_instant(importer, web, due):
    importer.add("club", web.feed(Reply(feed(*(EVENT.replace("one", f"uid{n}") + TEN_BEFORE for n in range(due))))))
    importer.run()
    importer.connection.execute("analyze calimport.reminders")
    claim = {"oldest": DUE - timedelta(hours=1), "clock": DUE, "failed": [], "owner": "me", "claimed_until": DUE}
    assert importer.one("select count(*) from calimport.reminders where remind_at = %s", DUE) == due

    assert rows_passed(importer.connection, database.sql("reminders/claim_next"), claim) < 30


KILLED = """
import os, signal
from datetime import datetime
from calimport import database
from calimport.reminding import send_due
from calimport.settings import Settings

def dies():
    os.kill(os.getpid(), signal.SIGKILL)

at = datetime.fromisoformat(os.environ["AT"])
with database.connect(autocommit=True) as connection:
    send_due(connection, dies, owner="first", clock=lambda: at, settings=Settings())
"""


def test_a_sender_killed_between_claim_and_send_loses_no_reminder(reminded):
    environment = {**os.environ, "AT": DUE.isoformat()}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert reminded.one("select claimed_by from calimport.reminders") == "first"

    outbox = Outbox()
    assert send(reminded, outbox, DUE + timedelta(minutes=1)) == Sent(0, 0, 0)
    assert send(reminded, outbox, DUE + timedelta(minutes=5)) == Sent(1, 0, 0)
    assert outbox.sent == ["One"]


def test_a_reminder_that_is_held_while_its_event_moves_is_sent_by_nobody_else(reminded, web):
    """Its sender has it in hand; were it to die, the event no longer wants this reminder."""
    reminded.connection.execute(
        "update calimport.reminders set claimed_by = 'first', claimed_until = %s", [NOW + timedelta(days=1)]
    )
    web.feed(Reply(feed(MOVED + TEN_BEFORE)))
    reminded.run()
    assert rows(reminded) == [("11-19 09:50", "popup", False), ("11-19 13:50", "popup", False)]

    outbox = Outbox()
    reminded.connection.execute("update calimport.reminders set claimed_until = %s where claimed_by = 'first'", [NOW])
    assert (send(reminded, outbox, DUE), outbox.sent) == (Sent(0, 0, 0), [])


def test_without_a_setting_the_notifier_is_the_log(reminded, caplog):
    caplog.set_level("INFO", logger="calimport.reminding")
    send(reminded, load(""), DUE)
    assert "Reminder (popup): One, 2026-11-19T10:00:00+00:00, in club" in caplog.messages


@pytest.mark.parametrize("name", ["nothing", "calimport.reminding.nobody", "calimport.reminding.log"])
def test_a_notifier_that_is_none_is_named(name):
    with pytest.raises(ConfigurationError, match="CALIMPORT_REMINDER_NOTIFIER"):
        load(name)


def test_an_upgrade_makes_rows_of_what_lies_ahead(postgres_host, tmp_path):
    """Events that were imported before reminders were rows are reminded of from then on."""
    from dev import postgres

    postgres.create_database(postgres_host, "before_reminders")
    with psycopg.connect(
        host=postgres_host, user="postgres", dbname="before_reminders", autocommit=True, row_factory=dict_row
    ) as connection:
        connection.execute((database.sql_folder() / "schema_migrations.sql").read_bytes())
        files = {path.stem: path for path in database.migrations()}
        for name in sorted(name for name in files if name < "0012"):
            connection.execute(files[name].read_bytes())
        connection.execute(
            "insert into calimport.calendars (name, source) values ('club', 'https://example.org/a.ics')"
        )
        connection.execute(
            "insert into calimport.events (calendar_id, uid, start_at, end_at, all_day, status, categories, attendees,"
            " visibility, transparency, reminders, is_recurring, content_hash, first_run_id, last_run_id)"
            " select id, 'x', '2999-01-02Z', '2999-01-02Z', false, 'confirmed', '{}', '[]', 'default', 'opaque',"
            " '{2001-01-01Z, 2999-01-01Z}', false, decode(repeat('00', 16), 'hex'), 1, 1 from calimport.calendars"
        )
        connection.execute(files["0012_reminders"].read_bytes())
        found = connection.execute("select remind_at::date::text as at, method from calimport.reminders").fetchall()
    assert found == [{"at": "2999-01-01", "method": "popup"}]
