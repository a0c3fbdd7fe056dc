"""The budgets of :mod:`calimport.budgets` in PostgreSQL, shared by all workers.

Reserving is one statement for all keys of a request, and the database's clock counts, so that the sum over all workers
holds. Each statement is a transaction, so none waits for another longer than that takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from calimport import database
from calimport.budgets import Rate, bounded


class SharedBudget:
    """The budget in the table ``request_budgets``.

    :param connection: in autocommit, and used for nothing else: a reservation must not wait for a step's transaction.
    """

    def __init__(self, connection: database.Connection) -> None:
        self._connection = connection
        self._prepared: dict[str, float] = {}

    def prepare(self, wanted: Mapping[str, Rate]) -> None:
        """Take the first slot of each key in one statement.

        A thousand feeds on a thousand hosts then cost one statement a batch. A slot that is used later than it was due
        lets a key be asked once more at that time, and no process holds more than one of a key.
        """
        if wanted:
            self._prepared = {key: time.monotonic() + wait for key, wait in self._reserve(wanted).items()}

    def reserve(self, wanted: Mapping[str, Rate]) -> float:
        prepared = {key: self._prepared.pop(key) - time.monotonic() for key in wanted if key in self._prepared}
        missing = {key: rate for key, rate in wanted.items() if key not in prepared}
        waits = prepared | (self._reserve(missing) if missing else {})
        return max(0.0, *waits.values())

    def postpone(self, wanted: Mapping[str, Rate], seconds: float) -> None:
        for key in wanted:
            self._prepared.pop(key, None)
        database.run(
            self._connection,
            "postpone_slots",
            keys=list(wanted),
            seconds=[bounded(seconds) + rate.lead for rate in wanted.values()],
        )

    def _reserve(self, wanted: Mapping[str, Rate]) -> dict[str, float]:
        """Seconds until the slot of each key."""
        rows = database.run(
            self._connection,
            "reserve_slots",
            keys=list(wanted),
            seconds=[rate.spacing for rate in wanted.values()],
        )
        waits = {row["key"]: row["seconds"] - wanted[row["key"]].spacing - wanted[row["key"]].lead for row in rows}
        return {key: max(0.0, wait) for key, wait in waits.items()}


@contextmanager
def shared_budget() -> Iterator[SharedBudget]:
    """The shared budget, on a connection of its own.

    :raises DatabaseUnavailable: the database is away.
    """
    with database.connect(autocommit=True) as connection:
        yield SharedBudget(connection)
