"""Alerts: one digest of the calendars that broke or came back since the last one, handed to an Airflow notifier.

What was told of a calendar is a column of its row, written once the notifier has taken the digest. So nothing is told
twice when a task is retried, and nothing is lost when it is killed: the next run's digest has it. Only a sender that
dies between the notifier's answer and the mark leaves one digest that is sent again.

``CALIMPORT_ALERT_NOTIFIER`` names a function without arguments that makes a notifier; its templates see ``digest``::

    def alerts_by_mail():
        return SmtpNotifier(to="ops@example.org", subject="{{ digest.subject }}", html_content="{{ digest.text }}")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from calimport import database, logs, notifiers
from calimport.errors import AlertsFailed
from calimport.notifiers import Notifier
from calimport.settings import Settings

log = logs.logger(__name__)

#: Any number, as long as it is this one: of two senders at once, one leaves it to the other.
_LOCK: Final = 0x63616C_616C7274


@dataclass(frozen=True)
class Digest:
    """What one alert tells. Rows are those of ``alerts/changed_states.sql``."""

    at: datetime
    broken: list[dict[str, Any]] = field(default_factory=list)
    recovered: list[dict[str, Any]] = field(default_factory=list)
    #: A sentence about Airflow's run itself, where that is what is wrong.
    about_run: str = ""

    @property
    def subject(self) -> str:
        """One line."""
        parts = [f"{len(self.broken)} broken"] if self.broken else []
        parts += [f"{len(self.recovered)} well again"] if self.recovered else []
        return self.about_run or f"Calendars: {', '.join(parts)}"

    @property
    def text(self) -> str:
        """A line per calendar: what is wrong with it, in its owner's words, and who is to be told."""
        lines = [self.about_run] if self.about_run else []
        lines += [
            f"{one['calendar']}: {one['error_message']} ({one['error_class']}; contact: {_contact(one)})"
            for one in self.broken
        ]
        lines += [f"{one['calendar']}: is imported again (contact: {_contact(one)})" for one in self.recovered]
        return "\n".join(lines)

    def by_contact(self) -> dict[str | None, list[dict[str, Any]]]:
        """The rows of each contact's address, for a notifier that writes to owners; None: nobody is known."""
        found: dict[str | None, list[dict[str, Any]]] = {}
        for one in (*self.broken, *self.recovered):
            found.setdefault(one["contact_email"], []).append(one)
        return found


def load(settings: Settings) -> Callable[[], Notifier]:
    """The function that makes the notifier; one that writes to the log where none is configured.

    :raises ConfigurationError: there is no such function.
    """
    return notifiers.load("CALIMPORT_ALERT_NOTIFIER", settings.alert_notifier, _log)


def send_changes(
    connection: database.Connection,
    make_notifier: Callable[[], Notifier],
    *,
    clock: datetime,
    context: Mapping[str, Any] | None = None,
) -> Digest:
    """Send what has changed since the last digest; nothing where nothing has.

    :param connection: in autocommit.
    :param context: Airflow's, for the notifier's templates.
    :raises AlertsFailed: the notifier did not take it: the next run tries again.
    """
    locked = connection.execute("select pg_try_advisory_lock(%s) as yes", [_LOCK]).fetchone()
    if not locked or not locked["yes"]:
        log.info("Another run is sending alerts just now")
        return Digest(clock)
    try:
        rows = database.run(connection, "alerts/changed_states").fetchall()
        digest = Digest(
            clock,
            broken=[row for row in rows if row["state"] != "idle"],
            recovered=[row for row in rows if row["state"] == "idle"],
        )
        if rows:
            send(digest, make_notifier, context)
            database.run(
                connection,
                "alerts/mark_told",
                calendar_ids=[row["calendar_id"] for row in rows],
                states=[row["state"] for row in rows],
            )
        return digest
    finally:
        connection.execute("select pg_advisory_unlock(%s)", [_LOCK])


def send(digest: Digest, make_notifier: Callable[[], Notifier], context: Mapping[str, Any] | None = None) -> None:
    """Hand a digest to a notifier.

    :raises AlertsFailed: it did not take it.
    """
    try:
        make_notifier()({**(context or {}), "digest": digest})
    except Exception as error:  # whatever a notifier raises, the alert was not sent
        log.exception("Failed to send an alert")
        raise AlertsFailed(detail=type(error).__name__) from error


def _contact(row: Mapping[str, Any]) -> str:
    return row["contact_email"] or row["user_name"] or "unknown"


def _log(context: dict[str, Any]) -> None:
    """The notifier where none is configured."""
    digest: Digest = context["digest"]
    log.warning("%s", digest.subject)
    for line in digest.text.splitlines():
        log.warning("%s", line)
