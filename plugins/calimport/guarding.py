"""The deletion guard: which deletions are held, and why, in words.

A run's deletions are graded. Up to ``over`` of them pass: events do get cancelled. Beyond that they are held when they
are more than the share ``ratio`` of the rows that the window has, or more than ``most`` whatever their share. Deletions
of rows that a person said are to stay are held whatever their number, until a person decides otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calimport.settings import Settings
from calimport.steps.runs import Run


@dataclass(frozen=True)
class Guard:
    """The thresholds of one calendar."""

    over: int
    ratio: float
    most: int
    #: Complete fetches in a row that have to agree before held deletions go.
    confirmations_needed: int

    @classmethod
    def of(cls, run: Run, settings: Settings) -> Guard:
        """Those of the run's calendar, where it has none of its own those of the settings."""
        return cls(
            over=settings.hold_deletes_over if run.hold_deletes_over is None else run.hold_deletes_over,
            ratio=settings.hold_deletes_ratio if run.hold_deletes_ratio is None else run.hold_deletes_ratio,
            most=settings.hold_deletes_most if run.hold_deletes_most is None else run.hold_deletes_most,
            # One run over a window of its own has no successor that could agree with it.
            confirmations_needed=settings.hold_confirmations if run.is_whole else max(settings.hold_confirmations, 2),
        )

    def reason(self, found: Mapping[str, Any]) -> str:
        """Why the deletions that ``diff_changes`` found are held, as a sentence for operators."""
        held, of_rows = found["held"], found["of_rows"]
        counts = f"{held} of {of_rows} rows in the window ({held / of_rows:.0%}) would be deleted"
        if found["is_kept"]:
            return f"{counts}, among them rows that a person said are to stay."
        if found["is_large_share"]:
            return f"{counts}: more than {self.over}, and more than {self.ratio:.0%}."
        return f"{counts}: more than {self.most}."


def notice(found: Mapping[str, Any], *, waits_for_person: bool) -> str:
    """What the calendar's owner is told of held deletions."""
    what = f"{found['held']} of this calendar's {found['of_rows']} events are no longer in the feed."
    if waits_for_person:
        return f"{what} They are kept until somebody here decides; if they are to go, tell us."
    return f"{what} They are kept for now; if the next fetches agree, they go."


UIDS_CHANGE = (
    "The feed gives its events other identifiers (UID) each time it is fetched. We recognise them by what they say, so"
    " an event that is moved or renamed looks like another one. Please ask the feed's producer to keep the UIDs."
)
