"""Every default in one place, and the environment variables that change them.

A setting ``name`` is read from ``CALIMPORT_NAME``. What concerns one calendar (window, interval, strategy, …) is not
here but in the ``calendars`` table; the defaults of those columns are in :class:`calimport.calendars.CalendarConfig`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from datetime import timedelta

from calimport.errors import ConfigurationError

#: The Airflow connection (type ``postgres``) that leads to calimport's database.
DATABASE_CONNECTION_ID = "calimport_db"

_MAY_BE_ZERO = frozenset({"failure_threshold", "hold_deletes_over", "hold_deletes_ratio", "hold_deletes_most"})


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Sizes in bytes, times in seconds."""

    #: Most mapped instances in one DAG run: more due calendars than this are put into batches.
    max_batches: int = 20
    #: Calendars of one batch that are fetched at the same time.
    fetch_concurrency: int = 16
    connect_timeout: float = 10.0
    #: For each read; a feed that sends a byte now and then is stopped by ``fetch_timeout``.
    read_timeout: float = 30.0
    #: For the whole fetch of one calendar.
    fetch_timeout: float = 120.0
    #: Of one request within a fetch, the first one included; the task's own retries come on top.
    fetch_attempts: int = 3
    #: The first back-off is up to this long, each further one up to twice as long as the one before …
    retry_delay: float = 0.5
    #: … and none longer than this; a provider that asks for a longer wait is asked again by a later run.
    retry_delay_max: float = 20.0
    #: Of all workers together, to one host: so many a second, after so many at once.
    host_requests_per_second: float = 10.0
    host_request_burst: int = 20
    #: Body as it travels, and after decompression.
    max_bytes: int = 64 * 1024 * 1024
    max_decompressed_bytes: int = 128 * 1024 * 1024
    max_redirects: int = 8
    #: Networks that fetches may connect to although they are not the internet: see :mod:`calimport.network_guard`.
    allowed_networks: str = ""
    #: Pages of one listing (Google: 2,500 events each).
    max_pages: int = 400
    #: How long a run may hold a calendar before another may take it.
    lease_seconds: float = 1800.0
    #: How long a run waits for a calendar that others hold before that calendar fails in it.
    lease_patience: float = 21600.0
    #: Share of the run's calendars that may fail before the run itself turns red.
    failure_threshold: float = 0.5
    #: Deletions are held when they are more than this many and more than this share of the window's rows …
    hold_deletes_over: int = 10
    hold_deletes_ratio: float = 0.5
    #: … or more than this many, whatever their share. A calendar may have thresholds of its own.
    hold_deletes_most: int = 1000
    #: A held deletion is applied once this many complete fetches in a row agree on what is gone.
    hold_confirmations: int = 3
    #: After so many days a calendar is fetched whole whose provider gives changes alone.
    full_sync_days: float = 7.0
    #: Days after which runs go with their plans and history; earlier those that found nothing new; and feeds that were
    #: superseded.
    keep_runs_days: float = 180.0
    keep_idle_runs_days: float = 7.0
    keep_feeds_days: float = 90.0
    #: Most occurrences that one calendar may bring into one window; one event of it may bring a tenth of them.
    max_occurrences: int = 200_000
    #: An event whose description holds this text is left out: its owner's wish. Empty: no such marker.
    ignore_marker: str = "#placecal-ignore"
    #: Dotted name of a function that says where an address lies (see :mod:`calimport.geocoding`). Empty: none.
    geocoder: str = ""
    #: Dotted name of a function that makes the notifier for alerts (see :mod:`calimport.alerting`). Empty: the log.
    alert_notifier: str = ""
    #: Dotted name of a function that makes the notifier for reminders (see :mod:`calimport.reminding`). Empty: the log.
    reminder_notifier: str = ""
    #: A reminder that is later than this is marked as missed and not sent.
    reminder_max_delay: float = 3600.0
    #: A sender that holds a reminder for longer than this has died, and another takes it over.
    reminder_claim_seconds: float = 300.0
    #: What an Airflow user reads and writes over HTTP: ``all`` rows, or their ``own`` (:mod:`calimport.store.owners`).
    store_rows: str = "all"
    user_agent: str = "calimport/0.1 (calendar importer)"

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the settings of this process.

        :raises ConfigurationError: a variable is not a number where one is due, or not a sensible one.
        """
        values: dict[str, int | float | str] = {}
        for field in fields(cls):
            variable = f"CALIMPORT_{field.name.upper()}"
            raw = os.environ.get(variable)
            if raw is None:
                continue
            kind: type[int] | type[float] | type[str] = type(field.default)  # type: ignore[assignment]
            try:
                value = kind(raw)
            except ValueError:
                raise ConfigurationError(f"{variable} must be of type {kind.__name__}, not {raw!r}.") from None
            if not isinstance(value, str) and (value < 0 or (value == 0 and field.name not in _MAY_BE_ZERO)):
                raise ConfigurationError(f"{variable} must be greater than zero, not {raw!r}.")
            values[field.name] = value
        return cls(**values)  # type: ignore[arg-type]
