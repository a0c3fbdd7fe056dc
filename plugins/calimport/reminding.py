"""Sending reminders: each that is due is claimed, handed to an Airflow notifier, and marked as sent.

A claim is a row's: two senders at once never hold the same reminder. A sender that dies between claim and notifier
leaves a claim that runs out, and the reminder is sent by another. One that dies between the notifier's answer and the
mark leaves it too, and that one reminder is sent twice: no order of the two could promise more.

``CALIMPORT_REMINDER_NOTIFIER`` names a function without arguments that makes a notifier. It is called for each
reminder, since a notifier renders its templates in place; they see ``reminder``, a row of ``pending_reminders``::

    def reminder_notifier():
        return SmtpNotifier(to="{{ reminder.user_email }}", subject="{{ reminder.summary }}", html_content="…")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from calimport import database, logs, notifiers
from calimport.errors import RemindersFailed
from calimport.notifiers import Notifier
from calimport.settings import Settings

log = logs.logger(__name__)


@dataclass(frozen=True)
class Sent:
    """What became of the reminders that were due."""

    sent: int
    missed: int
    failed: int


def load(name: str) -> Callable[[], Notifier]:
    """The function of this dotted name; one whose notifier writes to the log where the name is empty.

    :raises ConfigurationError: there is no such function.
    """
    return notifiers.load("CALIMPORT_REMINDER_NOTIFIER", name, _log)


def send_due(
    connection: database.Connection,
    make_notifier: Callable[[], Notifier],
    *,
    owner: str,
    clock: Callable[[], datetime],
    settings: Settings,
    context: Mapping[str, Any] | None = None,
) -> Sent:
    """Send every reminder that is due, the oldest first.

    :param connection: in autocommit: a claim must be there for others at once.
    :param owner: this sender, and no other one: what stands in ``claimed_by``.
    :param context: Airflow's, for the notifier's templates.
    :raises RemindersFailed: the notifier failed for some; the others are sent, and these are tried again in a minute.
    """
    delay = timedelta(seconds=settings.reminder_max_delay)
    claim = timedelta(seconds=settings.reminder_claim_seconds)
    moment = clock()
    missed = database.run(connection, "reminders/mark_missed", clock=moment, oldest=moment - delay).rowcount
    sent, failed = 0, list[int]()
    while True:
        moment = clock()
        reminder = database.run(
            connection,
            "reminders/claim_next",
            owner=owner,
            clock=moment,
            oldest=moment - delay,
            claimed_until=moment + claim,
            failed=failed,
        ).fetchone()
        if reminder is None:
            break
        try:
            make_notifier()({**(context or {}), "reminder": reminder})
        except Exception:  # whatever a notifier raises is about this reminder, not about the others
            log.exception("Failed to send the reminder %d", reminder["id"])
            database.run(connection, "reminders/release", id=reminder["id"], owner=owner)
            failed.append(reminder["id"])
            continue
        sent += database.run(connection, "reminders/mark_sent", id=reminder["id"], owner=owner, clock=clock()).rowcount
    log.info("Sent %d reminders, %d missed, %d failed", sent, missed, len(failed))
    if failed:
        raise RemindersFailed(f"{len(failed)} reminders could not be sent; they are tried again in a minute.")
    return Sent(sent, missed, len(failed))


def _log(context: dict[str, Any]) -> None:
    """The notifier where none is configured."""
    reminder = context["reminder"]
    log.info(
        "Reminder (%s): %s, %s, in %s",
        reminder["method"],
        reminder["summary"] or "untitled",
        reminder["start_at"].isoformat(),
        reminder["calendar"],
    )
