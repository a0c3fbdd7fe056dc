"""How often a host, or the owner of a key, may be asked.

A budget is one number: when the next request is due if requests come evenly (the generic cell rate algorithm of ITU-T
I.371, a token bucket). A request that may go ``burst`` spacings ahead of that moment goes at once; another waits for
its slot. A provider that asks for a wait moves the moment on. :mod:`calimport.shared_budget` keeps the number
where all workers find it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

#: Seconds. What a provider asks for beyond a day would keep a whole host from everybody.
_LONGEST_WAIT: Final = 86_400.0


@dataclass(frozen=True)
class Rate:
    """``burst`` requests at once, then ``per_second`` of them."""

    per_second: float
    burst: int

    @property
    def spacing(self) -> float:
        """Seconds from one slot to the next."""
        return 1 / self.per_second

    @property
    def lead(self) -> float:
        """Seconds that a slot may lie before its even place."""
        return (self.burst - 1) / self.per_second


class Budget(Protocol):
    """What :class:`calimport.fetching.Http` asks before each request. Keys are names of hosts and hashes of keys."""

    def reserve(self, wanted: Mapping[str, Rate]) -> float:
        """Take one slot of each key; the seconds until the last of them."""
        ...

    def postpone(self, wanted: Mapping[str, Rate], seconds: float) -> None:
        """No slot of these keys before so many seconds from now, and then no burst."""
        ...


def host_key(host: str) -> str:
    """The key of a host's budget."""
    return f"host {host}"


def credential_key(secret: str) -> str:
    """The key of a credential's budget, which does not show it."""
    return f"credential {sha256(secret.encode()).hexdigest()}"


class LocalBudget:
    """The budget of this process alone: for ``preview``, which has no database.

    :param clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}

    def reserve(self, wanted: Mapping[str, Rate]) -> float:
        now, wait = self._clock(), 0.0
        for key, rate in wanted.items():
            even = max(self._next.get(key, now), now)
            self._next[key] = even + rate.spacing
            wait = max(wait, even - rate.lead - now)
        return wait

    def postpone(self, wanted: Mapping[str, Rate], seconds: float) -> None:
        now = self._clock()
        for key, rate in wanted.items():
            self._next[key] = max(self._next.get(key, now), now + bounded(seconds) + rate.lead)


def bounded(seconds: float) -> float:
    """A wait that a provider asks for, a day at most."""
    return min(seconds, _LONGEST_WAIT) if math.isfinite(seconds) else _LONGEST_WAIT
