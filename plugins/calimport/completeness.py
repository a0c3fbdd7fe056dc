"""Complete or nothing: a list that lacks a page would read as deletions, so a partial list is never a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from calimport.errors import (
    CalimportError,
    ConfigurationError,
    FeedHostUnexpected,
    FeedIncomplete,
    FeedTooLarge,
    QuotaExceeded,
)
from calimport.json_text import canonical

#: What these say is more than that a part is missing.
_KEEP_THEIR_CLASS = (ConfigurationError, QuotaExceeded, FeedTooLarge, FeedHostUnexpected)


@dataclass(frozen=True)
class Page:
    """One page of a listing: JSON objects, and what to ask for the next one (a number, a token, an address)."""

    items: Sequence[dict[str, Any]]
    #: None: this was the last one.
    next: Hashable | None
    #: How many items all pages hold together, where the provider says so.
    total: int | None = None


async def pages(
    ask: Callable[[Any], Awaitable[Page]], first: Hashable, *, max_pages: int
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """The items of each page, from the ``first`` on. Read all of them, or nothing is known.

    :param ask: fetches the page of a cursor.
    :raises FeedIncomplete: a page after the first cannot be had, came before, or they hold fewer than the total.
    :raises FeedTooLarge: there are more than ``max_pages``.
    :raises CalimportError: whatever ``ask`` raises for the first page.
    """
    cursor, cursors, seen, received = first, {first}, set[bytes](), 0
    for number in range(1, max_pages + 1):
        if number == 1:
            page = await ask(cursor)
        else:
            with part(f"page {number}"):
                page = await ask(cursor)
        # A server that does not know the parameter for pages gives the first one for ever.
        digest = sha256(canonical(list(page.items))).digest()
        if page.items and digest in seen:
            raise FeedIncomplete(detail=f"page {number} is one that came before")
        seen.add(digest)
        received += len(page.items)
        yield page.items
        if page.next is None:
            if page.total is not None and received < page.total:
                raise FeedIncomplete(detail=f"{received} items, and not the {page.total} that there are")
            return
        if page.next in cursors:
            raise FeedIncomplete(detail=f"page {number}: the next page's cursor came before")
        cursors.add(page.next)
        cursor = page.next
    raise FeedTooLarge(detail=f"over {max_pages} pages")


def may_go_on(count: int) -> bool:
    """Whether a list of so many events may be the beginning of a longer one, where the provider does not say.

    Limits are round numbers: so a list of ten, or of a multiple of ten, may be the most that the provider gives.
    """
    return count > 0 and count % 10 == 0


@contextmanager
def part(what: str) -> Iterator[None]:
    """What fails here leaves the fetch without one of its parts, whatever the reason, so it is FeedIncomplete.

    Errors that say more than that keep their class: those of configuration, quota, size and hosts.

    :param what: names the part for the operator, and shows no address.
    :raises FeedIncomplete: caused by the error.
    """
    try:
        yield
    except _KEEP_THEIR_CLASS:
        raise
    except CalimportError as error:
        detail = f"{what}: {error.error_class}: {error.detail}"
        raise FeedIncomplete(detail=detail, retry_after=error.retry_after) from error


def objects(value: Any, what: str) -> list[dict[str, Any]]:
    """``value`` as the list of JSON objects that it must be.

    :raises FeedIncomplete: it is not: a page without its list is not an empty page.
    """
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise FeedIncomplete(detail=f"the answer has no list of {what}")
    return value
