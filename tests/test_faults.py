"""Faults of the database, of servers and of clocks: each is said, loses nothing, and the next run heals it.

Processes killed under a real Airflow: ``test_scheduler.py``, ``test_scheduler_killed.py``. The matrix of all faults is
``docs/reliability.md``.
"""

from __future__ import annotations

import gzip
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from calimport import database
from calimport.errors import CalimportError
from calimport.settings import Settings
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from calimport.steps.report import report
from dev import postgres
from tests import faulty
from tests.importing import Importer, feed
from tests.loopback import LOOPBACK
from tests.web import Reply, Web
from tests.world import check_history

PATIENT = Settings(allowed_networks=LOOPBACK, host_requests_per_second=1000, fetch_attempts=1)
#: Where a server is to be given up on.
HURRIED = replace(PATIENT, read_timeout=0.5, fetch_timeout=1.5, max_bytes=300_000)
TASKS = (extract, normalize, diff, apply)
PAST = "UID:past\nSUMMARY:past\nDTSTART:20251114T100000Z\nDTEND:20251114T110000Z"


def event(uid: str, day: int) -> str:
    return f"UID:{uid}\nSUMMARY:{uid}\nDTSTART:202611{day}T100000Z\nDTEND:202611{day}T110000Z"


BEFORE = feed(PAST, event("one", 19), event("two", 20))
AFTER = feed(PAST, event("one", 19).replace("SUMMARY:one", "SUMMARY:One"), event("three", 21))
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
UIDS_AFTER = ["one", "three"]


@pytest.fixture
def importer(connection: database.Connection) -> Importer:
    connection.commit()
    connection.autocommit = True
    return Importer(connection, PATIENT)


def changed(importer: Importer, web: Web) -> int:
    """A calendar that was imported, and whose feed has changed since."""
    calendar_id = importer.add("club", web.feed(Reply(BEFORE)))
    importer.run()
    web.feed(Reply(AFTER))
    importer.now += timedelta(minutes=5)
    return calendar_id


def check_whole(importer: Importer, runs: int = 1) -> None:
    """No row is lost or doubled, in the table nor in the history, and nobody holds the calendar."""
    assert [uid for (uid,) in importer.rows("club", "uid")] == UIDS_AFTER
    assert importer.one("select count(*) from calimport.history") == 2 + 3
    check_history(importer.connection)
    calendar = importer.state("club")
    assert (calendar["state"], calendar["lease_owner"], calendar["error_class"]) == ("idle", None, None)
    assert importer.one("select count(*) from calimport.staged_events") == 0


# The database.


def test_a_session_that_ends_at_any_statement_is_healed_by_the_tasks_next_try(importer, web):
    """As in a failover. Every statement of the four tasks in turn is the last of its session."""
    statements = struck_at_every_statement(importer, web, "terminated")

    assert statements > 20


@pytest.mark.parametrize("kind", ["serialization", "deadlock"])
def test_a_statement_that_the_server_refuses_is_healed_by_the_tasks_next_try(importer, web, kind):
    assert struck_at_every_statement(importer, web, kind, every=4) > 5


def struck_at_every_statement(importer: Importer, web: Web, kind: str, every: int = 1) -> int:
    """Strike at each statement in turn, with a calendar of its own for each; how many there were."""
    number = 0
    while True:
        name = f"club{number}"
        importer.add(name, web.feed(Reply(BEFORE), f"/{name}.ics"))
        importer.run(calendars=[name])
        web.feed(Reply(AFTER), f"/{name}.ics")
        importer.now += timedelta(minutes=5)
        (batch,) = importer.plan(name, calendars=[name])
        fault = faulty.Fault(kind, number * every + 1)
        for task in TASKS:
            try:
                with faulty.connect(fault) as connection:
                    task(Importer(connection, importer.settings, now=importer.now).step(name), batch["calendar_ids"])
            except psycopg.OperationalError:
                assert fault.struck
                task(importer.step(name), batch["calendar_ids"])
        result = report(importer.step(name))

        assert result.failed == []
        assert [uid for (uid,) in importer.rows(name, "uid")] == UIDS_AFTER
        assert importer.state(name)["lease_owner"] is None
        history = "select count(*) from calimport.history where calendar_id = %s"
        assert importer.one(history, batch["calendar_ids"][0]) == 5
        if not fault.struck:
            check_history(importer.connection)
            return number
        number += 1


def test_a_real_deadlock_ends_one_task_and_its_next_try_heals_it(importer, web):
    calendar_id = changed(importer, web)
    importer.plan("run")
    for task in (extract, normalize, diff):
        task(importer.step("run"), [calendar_id])
    locked, errors = threading.Event(), []

    def other() -> None:
        """Locks the calendar first and the run second, where apply does it the other way round."""
        with psycopg.connect(**database.parameters()) as connection:
            connection.execute("select 1 from calimport.events for update")
            locked.set()
            wait_for_lock(importer, waiting=1)
            try:
                connection.execute("select 1 from calimport.calendars for update")
            except psycopg.errors.DeadlockDetected as error:
                errors.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    locked.wait(10)
    with faulty.connect() as connection:
        step = Importer(connection, importer.settings, now=importer.now).step("run")
        try:
            apply(step, [calendar_id])
        except psycopg.errors.DeadlockDetected as error:
            errors.append(error)
    thread.join()

    assert len(errors) == 1
    apply(importer.step("run"), [calendar_id])
    check_whole(importer)


def wait_for_lock(importer: Importer, *, waiting: int) -> None:
    with psycopg.connect(**database.parameters(), autocommit=True) as connection:
        for _ in range(1000):
            row = connection.execute(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            ).fetchone()
            if row and row[0] >= waiting:
                return
            threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock")


@pytest.mark.parametrize("message", [b"COMMIT", b"copied"])
@pytest.mark.parametrize("arrives", [False, True])
def test_a_connection_that_is_lost_is_healed_by_the_tasks_next_try(importer, web, monkeypatch, message, arrives):
    """While rows are copied, and at the end of a transaction, where nobody knows whether it was committed."""
    calendar_id = changed(importer, web)
    importer.plan("run")
    real = database.parameters()["host"]
    wanted = b"one\t" if message == b"copied" else message
    lost = 0
    for task in TASKS:
        cut = Cut(wanted, arrives=arrives)
        with proxy(real, cut) as folder:
            monkeypatch.setenv(
                "AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(folder, importer.connection.info.dbname)
            )
            try:
                with database.connect(autocommit=True) as connection:
                    task(Importer(connection, importer.settings, now=importer.now).step("run"), [calendar_id])
            except psycopg.OperationalError:
                lost += 1
            assert cut.done.is_set() or message == b"copied"
        monkeypatch.setenv(
            "AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(real, importer.connection.info.dbname)
        )
        task(importer.step("run"), [calendar_id])
    report(importer.step("run"))

    assert lost == (1 if message == b"copied" else len(TASKS))
    check_whole(importer)


class Cut:
    """Ends a connection at the first message to the server that holds these bytes."""

    def __init__(self, at: bytes, *, arrives: bool) -> None:
        self.at = at
        self.arrives = arrives
        self.done = threading.Event()


@contextmanager
def proxy(real: str, cut: Cut) -> Iterator[str]:
    """The folder of a socket that leads to PostgreSQL's."""
    with socket.socket(socket.AF_UNIX) as listening:
        folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/cut-XXXXXX"], text=True).strip())
        path = folder / ".s.PGSQL.5432"
        listening.bind(str(path))
        listening.listen(16)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    server = socket.socket(socket.AF_UNIX)
                    server.connect(f"{real}/.s.PGSQL.5432")
                    threading.Thread(target=pump, args=[client, server, True], daemon=True).start()
                    threading.Thread(target=pump, args=[server, client, False], daemon=True).start()

        def pump(source: socket.socket, target: socket.socket, to_server: bool) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    if to_server and cut.at in data and not cut.done.is_set():
                        cut.done.set()
                        if cut.arrives:
                            # The client never hears the answer, whatever it is.
                            source.shutdown(socket.SHUT_RDWR)
                            target.sendall(data)
                            threading.Event().wait(0.2)
                        break
                    target.sendall(data)
            for one in (source, target):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield str(folder)
        finally:
            # One that still waits would take what connects to the next socket of this number.
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            path.unlink()
            folder.rmdir()


def test_a_full_disk_changes_nothing_and_is_healed_once_there_is_room(importer, web, monkeypatch):
    real = database.parameters()
    with small_disk() as (folder, grow):
        importer.connection.execute(f"create tablespace small location '{folder}'")
        calendar_id = changed(importer, web)
        before = importer.rows("club", "id", "uid", "xmin")
        many = feed(PAST, *(event(f"uid-{number:05}", 19 + number % 6) for number in range(9000)))
        web.feed(Reply(many))
        try:
            importer.connection.execute("alter table calimport.events set tablespace small")
            importer.connection.execute("alter table calimport.changes set tablespace small")
            importer.plan("run")
            for task in (extract, normalize):
                task(importer.step("run"), [calendar_id])
            with pytest.raises(psycopg.errors.DiskFull, match="No space left on device"):
                diff(importer.step("run"), [calendar_id])

            assert importer.rows("club", "id", "uid", "xmin") == before
            grow()
            diff(importer.step("run"), [calendar_id])
            apply(importer.step("run"), [calendar_id])
            assert report(importer.step("run")).failed == []
            assert importer.one("select count(*) from calimport.events") == 9000
            check_history(importer.connection)
        finally:
            for table in ("events", "changes"):
                importer.connection.execute(f"alter table calimport.{table} set tablespace pg_default".encode())
            importer.connection.execute("drop tablespace small")
    assert real == database.parameters()


@contextmanager
def small_disk() -> Iterator[tuple[str, Callable[[], Any]]]:
    """A disk of a few megabytes that PostgreSQL may write, and a function that makes it larger."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = subprocess.check_output(["mktemp", "-d", "/tmp/small-XXXXXX"], text=True).strip()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs", folder], check=False)
    try:
        if mounted.returncode:
            pytest.skip("nothing may be mounted here")
        below = Path(folder) / "space"
        below.mkdir(mode=0o777)
        import pwd

        with suppress(KeyError):
            owner = pwd.getpwnam("pgserver")
            os.chown(below, owner.pw_uid, owner.pw_gid)
        yield str(below), lambda: subprocess.run(["mount", "-o", "remount,size=200m", folder], check=True)
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", folder], check=True)
        Path(folder).rmdir()


# Servers that do what none should: test_safety.py has those that fail, hang and stop in the middle.


@pytest.mark.parametrize(
    ("name", "reply", "error_class"),
    [
        ("longer than it says", Reply(AFTER, content_length=len(AFTER) // 2), "FeedTruncated"),
        ("shorter than it says", Reply(AFTER, content_length=len(AFTER) * 2, cut_after=len(AFTER)), "FeedTruncated"),
        ("no gzip", Reply(AFTER, headers={"Content-Encoding": "gzip"}), "FeedUnparsable"),
        ("half of a gzip", Reply(gzip.compress(AFTER)[:60], headers={"Content-Encoding": "gzip"}), "FeedUnparsable"),
        ("endless", Reply(AFTER, endless=True), "FeedTooLarge"),
        ("endless drops", Reply(b"x", endless=True, pause=0.05), "FeedTimeout"),
        ("slow", Reply(AFTER, delay=0.8), "FeedTimeout"),
        ("a picture", Reply(PICTURE, headers={"Content-Type": "image/png"}), "FeedUnparsable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_server_that_lies_changes_nothing_and_the_next_honest_answer_heals_it(
    importer, web, name, reply, error_class
):
    changed(importer, web)
    before = importer.rows("club", "id", "xmin")
    web.feed(reply)
    importer.settings = HURRIED

    result = importer.run()

    assert result.failed == ["club"]
    assert importer.state("club")["error_class"] == error_class
    importer.settings = PATIENT
    assert importer.rows("club", "id", "xmin") == before
    web.feed(Reply(AFTER))
    importer.run(calendars=["club"])
    check_whole(importer)


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", "no-such-charset"])
def test_a_wrong_charset_loses_no_event(importer, web, charset):
    changed(importer, web)
    web.feed(Reply(AFTER, headers={"Content-Type": f"text/calendar; charset={charset}"}))

    importer.run(calendars=["club"])

    check_whole(importer)


def test_a_server_that_resets_connections_changes_nothing(importer, web):
    changed(importer, web)
    before = importer.rows("club", "id", "xmin")
    with resetting() as url:
        importer.connection.execute("update calimport.calendars set source = %s", [url])
        importer.run()

    assert importer.state("club")["error_class"] == "FeedConnectionFailed"
    assert importer.rows("club", "id", "xmin") == before
    importer.connection.execute("update calimport.calendars set source = %s", [web.url("/feed.ics")])
    importer.run(calendars=["club"])
    check_whole(importer)


@contextmanager
def resetting() -> Iterator[str]:
    """The address of a server that answers half a line and resets the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    client.recv(65536)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Len")
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/feed.ics"


# Clocks.


def test_a_clock_that_is_put_back_changes_nothing_and_heals_when_it_is_right_again(importer, web):
    changed(importer, web)
    before = importer.rows("club", "id", "xmin")
    right = importer.now
    importer.now = right - timedelta(minutes=50)

    result = importer.run(calendars=["club"])

    assert result.failed == ["club"]
    assert importer.state("club")["error_class"] == "FeedOutdated"
    assert importer.rows("club", "id", "xmin") == before
    importer.now = right + timedelta(hours=1)
    importer.run(calendars=["club"])
    check_whole(importer)


def test_a_clock_that_was_years_ahead_holds_no_calendar_up_once_it_is_right(importer, web):
    """What a worker with such a clock wrote (the fetch, the lease, when the next import is due) is no obstacle."""
    changed(importer, web)
    right = importer.now
    importer.now = right + timedelta(days=3650)
    importer.run("ahead", calendars=["club"])
    importer.plan("dead", calendars=["club"])
    importer.now = right

    importer.run("right", later=timedelta())

    assert importer.state("club")["error_class"] is None
    assert [uid for (uid,) in importer.rows("club", "uid")] == UIDS_AFTER
    check_history(importer.connection)
    assert importer.one("select outcome from calimport.runs where dag_run_id = 'right'") == "imported"


# Two schedulers.


def test_the_same_run_worked_on_twice_at_once_is_done_once(importer, web):
    """As two schedulers would that both take a worker for dead: every task of the run is run by two processes."""
    calendar_id = changed(importer, web)
    importer.plan("run")

    def work() -> None:
        with faulty.connect() as connection:
            step = Importer(connection, importer.settings, now=importer.now).step("run")
            for task in TASKS:
                with suppress(CalimportError, psycopg.OperationalError):
                    task(step, [calendar_id])

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report(importer.step("run"))

    importer.run(calendars=["club"])
    check_whole(importer)
