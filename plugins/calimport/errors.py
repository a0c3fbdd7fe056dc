"""Every way in which calimport can fail, as one tree.

::

    CalimportError
    ├── ConfigurationError            what we were told is wrong: fail at once, a person mends it
    │   ├── SourceUnsupported         no kind reads this source
    │   ├── CredentialsMissing        the kind needs a connection and has none
    │   ├── CredentialsInvalid        the provider refuses the connection's key or sign-in
    │   │   ├── SignInExpired         its time is over
    │   │   └── SignInRevoked         its owner, or an administrator, withdrew it
    │   ├── CredentialsForbidden      the key is good but may not read this calendar
    │   ├── RequestNotRecorded        a replay was asked for what its recording does not hold
    │   └── SchemaMismatch            the database's schema is not the one this code expects
    ├── FeedUnreachable               the feed cannot be fetched just now: retry
    │   ├── FeedTimeout
    │   ├── FeedConnectionFailed
    │   ├── FeedHostUnknown           DNS
    │   ├── FeedTlsInvalid
    │   ├── FeedServerError           5xx and other passing statuses
    │   ├── QuotaExceeded             429, or a provider's quota answer
    │   ├── FeedIncomplete            a page or part failed: the whole fetch counts as failed
    │   └── FeedTruncated             the feed ends before its end
    ├── FeedRefused                   the host answers, and says no: do not retry, tell the owner
    │   ├── FeedNotFound              404, 410
    │   ├── FeedForbidden             401, 403
    │   ├── FeedMovedTooOften
    │   ├── FeedHostUnexpected        it leads to a host that its kind of source has no business with
    │   ├── FeedAddressForbidden      it leads into a network that is not the internet
    │   └── FeedStatusUnexpected
    ├── FeedInvalid                   what came is not a feed: do not retry, tell the owner
    │   ├── FeedIsWebPage
    │   ├── FeedTooLarge
    │   ├── FeedUnparsable
    │   └── FeedEmpty                 no bytes at all, which no calendar is
    ├── ImportImplausible             a person looks: the share of failed calendars, a plan out of date
    │   ├── PlanOutdated              the rows are no longer those that the plan was made from
    │   ├── BatchFailed               calendars of one batch failed; each has its own error in `runs`
    │   └── ImportFailed              too many calendars of a run failed
    ├── ImportInterrupted             ours, passing: the next run heals it
    │   ├── DatabaseUnavailable       the `calimport_db` connection does not lead to a database: retry
    │   ├── LeaseLost                 another run holds the calendar now
    │   │   └── CalendarBusy          … and the run that wants it waits
    │   ├── FeedOutdated              a newer feed was imported meanwhile
    │   ├── MirrorLost                what is stored of the calendar cannot be read: the next run fetches all of it
    │   └── StagingLost               staged rows are gone (a database restart empties unlogged tables)
    ├── RemindersFailed               the notifier did not take some reminders: the next minute tries them again
    ├── AlertsFailed                  the notifier did not take a digest: the next run tries again
    └── InternalError                 a fault of ours, for that calendar alone; the log has the traceback

``str(error)`` is the sentence for the calendar's owner: no jargon, no secret, nothing they cannot act on.
``detail`` is for the operator and goes to the log only after masking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit


class CalimportError(Exception):
    """The root. Catch it where one calendar's failure must not become another's."""

    #: The calendar's state after this error: ``bad_source`` when only its owner can mend it.
    state: ClassVar[str] = "error"
    sentence: ClassVar[str] = "The import failed for a reason that has no sentence yet."

    def __init__(self, sentence: str | None = None, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.detail = detail
        #: Seconds the provider asked us to wait, if it did.
        self.retry_after = retry_after

    @property
    def error_class(self) -> str:
        """The name that ``runs.error_class``, ``preview`` and the logs use."""
        return type(self).__name__


class ConfigurationError(CalimportError):
    sentence = "The configuration of this calendar is not valid."


class SourceUnsupported(ConfigurationError):
    state = "bad_source"
    sentence = "We do not know how to read this address. Please give the address of a calendar feed."


class CredentialsMissing(ConfigurationError):
    state = "bad_source"
    sentence = "This kind of calendar needs a sign-in or key, and none is set up for it."


class CredentialsInvalid(ConfigurationError):
    state = "bad_source"
    sentence = "The provider no longer accepts the sign-in or key for this calendar. Please sign in again."


class SignInExpired(CredentialsInvalid):
    sentence = "The sign-in for this calendar has expired. Please sign in again."


class SignInRevoked(CredentialsInvalid):
    sentence = "The permission to read this calendar was withdrawn. Please sign in again if we shall read it."


class CredentialsForbidden(ConfigurationError):
    state = "bad_source"
    sentence = "The sign-in works but may not read this calendar. Please share the calendar with it."


class RequestNotRecorded(ConfigurationError):
    sentence = "The recording holds no answer to a request."


class SchemaMismatch(ConfigurationError):
    sentence = "The database schema does not match this version of calimport. Run `calimport migrate`."


class FeedUnreachable(CalimportError):
    sentence = "The calendar could not be fetched. We shall try again."


class FeedTimeout(FeedUnreachable):
    sentence = "The calendar's website took too long to answer. We shall try again."


class FeedConnectionFailed(FeedUnreachable):
    sentence = "The connection to the calendar's website failed. We shall try again."


class FeedHostUnknown(FeedUnreachable):
    sentence = "The calendar's website cannot be found on the internet. Please check the address for a typing error."


class FeedTlsInvalid(FeedUnreachable):
    sentence = "The calendar's website has no valid security certificate. Its operator has to renew it."


class FeedServerError(FeedUnreachable):
    sentence = "The calendar's website reported a fault of its own. We shall try again."


class QuotaExceeded(FeedUnreachable):
    sentence = "The provider asks us to slow down. We shall try again later."


class FeedIncomplete(FeedUnreachable):
    sentence = "Only a part of the calendar could be fetched, so nothing was changed. We shall try again."


class FeedTruncated(FeedUnreachable):
    sentence = "The calendar ended in the middle, so nothing was changed. We shall try again."


class FeedRefused(CalimportError):
    state = "bad_source"
    sentence = "The calendar's website refused to give us the calendar."


class FeedNotFound(FeedRefused):
    sentence = "There is no calendar at this address any more. Please check the address or publish it again."


class FeedForbidden(FeedRefused):
    sentence = "The calendar's website does not let us read this calendar. Please make it public or share it with us."


class FeedMovedTooOften(FeedRefused):
    sentence = "The address leads from one page to the next without end. Please give the calendar's final address."


class FeedHostUnexpected(FeedRefused):
    sentence = (
        "The calendar's website leads us to another website, from which we do not read. Please check the address."
    )


class FeedAddressForbidden(FeedRefused):
    sentence = (
        "The address leads to a computer that is not on the internet, from which we do not read. Please give an "
        "address that everybody can reach, or ask whoever runs this importer to allow it."
    )


class FeedStatusUnexpected(FeedRefused):
    sentence = "The calendar's website gave an answer that is not a calendar. Please check the address."


class FeedInvalid(CalimportError):
    state = "bad_source"
    sentence = "What the address gives is not a calendar that we can read."


class FeedIsWebPage(FeedInvalid):
    sentence = (
        "This is a web page, perhaps a sign-in page, and not a calendar feed. "
        "Please copy the address of the calendar itself (often called iCal, ICS or subscribe)."
    )


class FeedTooLarge(FeedInvalid):
    state = "error"
    sentence = "The calendar is larger than we accept. Please publish a smaller one, with fewer past events."


class FeedUnparsable(FeedInvalid):
    sentence = "The calendar is damaged in a way that we cannot read around."


class FeedEmpty(FeedInvalid):
    state = "error"
    sentence = "The address answers with nothing at all, so nothing was changed."


class ImportImplausible(CalimportError):
    sentence = "The import was stopped because its result looked wrong. A person has to look."


class PlanOutdated(ImportImplausible):
    sentence = "The calendar changed while it was being imported, so nothing was changed. The next run will do it."


class BatchFailed(ImportImplausible):
    sentence = "Calendars of this batch failed."

    @classmethod
    def of(cls, errors: Mapping[str, object]) -> BatchFailed:
        """One error that names each calendar and what became of it."""
        return cls("; ".join(f"{name}: {error}" for name, error in errors.items()))


class ImportFailed(ImportImplausible):
    sentence = "Too many calendars of this run failed."


class RemindersFailed(CalimportError):
    sentence = "Some reminders could not be sent. They are tried again in a minute."


class AlertsFailed(CalimportError):
    sentence = "The alert about broken calendars could not be sent. The next run tries again."


class ImportInterrupted(CalimportError):
    sentence = "The import was interrupted. The next run will do it."


class DatabaseUnavailable(ImportInterrupted):
    sentence = "The database cannot be reached through the connection calimport_db."


class LeaseLost(ImportInterrupted):
    sentence = "Another run is importing this calendar just now."


class CalendarBusy(LeaseLost):
    sentence = "Another run is importing this calendar just now. This one waits for it."


class FeedOutdated(ImportInterrupted):
    sentence = "A newer version of this calendar was imported meanwhile, so this one was not."


class MirrorLost(ImportInterrupted):
    sentence = "What we had stored of this calendar cannot be read. The next run will fetch all of it again."


class StagingLost(ImportInterrupted):
    sentence = "The prepared rows were lost, perhaps in a database restart. The next run will prepare them again."


class InternalError(CalimportError):
    sentence = "The import failed through a fault of ours, not of the calendar. We shall try again."


_URL = re.compile(r"\b(?:https?|webcals?)://[^\s\"'<>]+", re.IGNORECASE)


def mask_url(url: str) -> str:
    """``url`` as it may be shown: scheme and host, the path's and query's values replaced.

    Private feed addresses carry their secret in the path (Google, Outlook) or in the query, so both go.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    hidden = "/…" if parts.path.strip("/") or parts.query else parts.path
    return urlunsplit((parts.scheme, host, hidden, "", ""))


def mask(text: str) -> str:
    """``text`` with every URL in it masked: for details that come from other libraries' messages."""
    return _URL.sub(lambda found: mask_url(found.group()), text)
