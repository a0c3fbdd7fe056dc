"""The steps run one after the other on a real database and a real web server, without Airflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
from psycopg import sql

from calimport import database
from calimport.errors import CalimportError
from calimport.settings import Settings
from calimport.steps.apply import apply
from calimport.steps.diff import diff
from calimport.steps.extract import extract
from calimport.steps.normalize import normalize
from calimport.steps.plan import Batch, plan
from calimport.steps.report import Report, report
from calimport.steps.runs import RunKey, Step
from tests.loopback import LOOPBACK

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


@dataclass
class Importer:
    """Runs imports and looks at what they left."""

    connection: database.Connection
    settings: Settings = field(
        default_factory=lambda: Settings(allowed_networks=LOOPBACK, fetch_attempts=1, host_requests_per_second=1000)
    )
    transport: httpx.AsyncBaseTransport | None = None
    now: datetime = NOW
    numbers: Any = field(default_factory=count)

    def add(self, name: str, source: str, **columns: Any) -> int:
        """A calendar with these columns; its id."""
        columns = {"name": name, "source": source, **columns}
        query = sql.SQL("insert into calimport.calendars ({}) values ({}) returning id").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(map(sql.Placeholder, columns))
        )
        row = self.connection.execute(query, columns).fetchone()
        assert row is not None
        calendar_id: int = row["id"]
        return calendar_id

    def step(self, dag_run_id: str) -> Step:
        return Step(self.connection, RunKey("calendar_import", dag_run_id), self.now, self.settings)

    def plan(self, dag_run_id: str, **params: Any) -> list[Batch]:
        return plan(self.step(dag_run_id), as_of=self.now, **params)

    def run(self, dag_run_id: str | None = None, *, later: timedelta = timedelta(minutes=5), **params: Any) -> Report:
        """One DAG run, five minutes after the last."""
        self.now += later
        dag_run_id = dag_run_id or f"run_{next(self.numbers)}"
        for batch in self.plan(dag_run_id, **params):
            self.batch(dag_run_id, batch)
        return report(self.step(dag_run_id))

    def batch(self, dag_run_id: str, batch: Batch) -> None:
        """The four mapped steps; as in Airflow, a step that fails ends the batch."""
        step, ids = self.step(dag_run_id), batch["calendar_ids"]
        try:
            if extract(step, ids, self.transport):
                normalize(step, ids)
                diff(step, ids)
                apply(step, ids)
        except CalimportError:
            return  # recorded in `runs`, where the tests look

    def rows(self, calendar: str, *columns: str) -> list[tuple[Any, ...]]:
        """The events of a calendar by start."""
        query = sql.SQL(
            "select {} from calimport.events join calimport.calendars on calendars.id = calendar_id"
            " where calendars.name = %s order by start_at, uid"
        ).format(sql.SQL(", ").join(sql.Identifier("events", column) for column in columns))
        return [tuple(row.values()) for row in self.connection.execute(query, [calendar])]

    def history(self, since: int = 0) -> list[tuple[Any, ...]]:
        """Changes applied, the later ones of the runs with an id over ``since``."""
        query = (
            "select action, uid, recurrence_id, changed_columns from calimport.history where run_id > %s order by id"
        )
        return [tuple(row.values()) for row in self.connection.execute(query, [since])]

    def last_run(self) -> int:
        row = self.connection.execute("select coalesce(max(id), 0) as id from calimport.runs").fetchone()
        assert row is not None
        last: int = row["id"]
        return last

    def state(self, calendar: str) -> dict[str, Any]:
        row = self.connection.execute("select * from calimport.calendars where name = %s", [calendar]).fetchone()
        assert row is not None
        return row

    def one(self, query: str, *parameters: Any) -> Any:
        """The only value of a query."""
        row = self.connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return next(iter(row.values()))


def feed(*events: str, head: str = "", tail: str = "END:VCALENDAR\n") -> bytes:
    """An iCalendar feed of these VEVENTs, each given by its lines."""
    blocks = [f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events]
    return ("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n" + head + "".join(blocks) + tail).encode()
