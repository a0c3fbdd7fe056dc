"""Connections that fail, or wait for each other, at the statement that a test names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from psycopg.rows import DictRow, dict_row

from calimport import database


class WorkerKilled(BaseException):
    """What a step's process meets when it is killed: nothing of it runs any more, and its connection is gone."""


class WatchedCursor(psycopg.Cursor[DictRow]):
    """Tells its connection's watcher of each statement before it is sent."""

    def execute(self, *arguments: Any, **options: Any) -> Any:
        self._watch()
        return super().execute(*arguments, **options)

    def executemany(self, *arguments: Any, **options: Any) -> Any:
        self._watch()
        return super().executemany(*arguments, **options)

    @contextmanager
    def copy(self, *arguments: Any, **options: Any) -> Iterator[Any]:  # type: ignore[override]
        self._watch()
        with super().copy(*arguments, **options) as copy:
            yield copy

    def _watch(self) -> None:
        watcher = getattr(self.connection, "watcher", None)
        if watcher:
            watcher(self.connection)


@contextmanager
def connect(watcher: Callable[[psycopg.Connection[Any]], None] | None = None) -> Iterator[database.Connection]:
    """A connection as the steps have it, watched."""
    connection = psycopg.Connection.connect(
        **database.parameters(), row_factory=dict_row, cursor_factory=WatchedCursor, autocommit=True
    )
    with connection:
        connection.execute("set time zone 'UTC'")
        connection.watcher = watcher  # type: ignore[attr-defined]
        yield connection


class Fault:
    """A watcher that strikes at one statement.

    ``killed``: the process is gone before the statement is sent. ``terminated``: the server ends the session, as in a
    failover. ``serialization``, ``deadlock``: the server refuses the statement; its transaction is rolled back.
    """

    KINDS: ClassVar = ("killed", "terminated", "serialization", "deadlock")
    _RAISED: ClassVar = {"serialization": "serialization_failure", "deadlock": "deadlock_detected"}

    def __init__(self, kind: str, at: int) -> None:
        self.kind = kind
        self.left = at
        self.struck = False

    def __call__(self, connection: psycopg.Connection[Any]) -> None:
        self.left -= 1
        if self.left != 0:
            return
        self.struck = True
        if self.kind == "killed":
            connection.close()
            raise WorkerKilled
        if self.kind == "terminated":
            with psycopg.connect(**database.parameters(), autocommit=True) as other:
                other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
            return
        connection.watcher = None  # type: ignore[attr-defined]
        connection.execute(f"do $$ begin raise exception using errcode = '{self._RAISED[self.kind]}'; end $$".encode())


class Turns:
    """Two threads that take turns by a given order, a statement a turn; one that waits for a lock passes its turn."""

    #: Seconds after which a statement is taken to wait for a lock.
    PATIENCE = 0.15

    def __init__(self, order: Sequence[bool]) -> None:
        self._order = list(order)
        self._changed = threading.Condition()
        self._wants: set[bool] = set()
        self._working: set[bool] = {False, True}

    def watcher(self, me: bool) -> Callable[[object], None]:
        def wait(_: object) -> None:
            with self._changed:
                self._wants.add(me)
                self._working.discard(me)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._is_mine(me), timeout=self.PATIENCE)
                if self._order:
                    self._order.pop(0)
                self._wants.discard(me)
                self._working.add(me)
                self._changed.notify_all()

        return wait

    def done(self, me: bool) -> None:
        with self._changed:
            self._working.discard(me)
            self._order = [turn for turn in self._order if turn is not me]
            self._changed.notify_all()

    def _is_mine(self, me: bool) -> bool:
        return (not self._order or self._order[0] is me) and (not me) not in self._working
