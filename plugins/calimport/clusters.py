"""The same event in several calendars: clusters of rows, kept up to date for what changed. No event is altered.

Two rows of different calendars match when they have one UID and the same start (or a similar title), or the same start,
a similar title and a similar place. What is connected by such pairs is a cluster. SQL finds the pairs; which rows are
connected is found out here, in time that grows with the pairs, where recursive SQL would need the square of a cluster.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final

from calimport import database
from calimport.database import Connection
from calimport.errors import ConfigurationError

#: Any number, as long as it is this one: whoever looks for clusters waits here for whoever is doing so.
_LOCK: Final = 0x63616C_636C75
#: About so many rows of one transaction, and of one statement. All that starts at one time is read to be compared, so
#: all rows of one start that a transaction has are those of one statement.
_MOST_ROWS: Final = 300_000
_ROWS_AT_ONCE: Final = 20_000
#: Of groups that have words in common, up to so many are compared each with each, and more each with its neighbours.
_BLOCK: Final = 64
_NEIGHBOURS: Final = 4
_WAITING: Final = "select 1 from calimport.runs where outcome = 'imported' and not clustered limit 1"


def refresh(
    connection: Connection,
    event_ids: Sequence[int] = (),
    *,
    most_rows: int = _MOST_ROWS,
    at_once: int = _ROWS_AT_ONCE,
) -> int:
    """Bring clusters up to date with all imports so far, and with these rows; return how many rows were looked at.

    To be killed at any moment: it takes a transaction for about `most_rows` rows at a time, and what it did not do the
    next one does. Memory is bounded by `at_once`, or by what starts at one time.
    """
    looked_at = _refresh(connection, event_ids, most_rows, at_once)
    while connection.execute(_WAITING).fetchone():
        looked_at += _refresh(connection, (), most_rows, at_once)
    return looked_at


def _refresh(connection: Connection, event_ids: Sequence[int], most_rows: int, at_once: int) -> int:
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        # However many rows were touched, theirs are found by indexes: the table is the largest that there is.
        connection.execute("set local enable_seqscan = off")
        found = database.run(connection, "clusters/find_touched", event_ids=list(event_ids), most_rows=most_rows)
        pieces = list(_pieces(found, at_once))
        # Before any is matched: each pair of two of them is found by the one that comes first, or by both.
        database.run(connection, "clusters/forget_matches", event_ids=list(chain.from_iterable(pieces)))
        for touched in pieces:
            _match(connection, touched)
    return sum(map(len, pieces))


def _pieces(found: Iterable[Mapping[str, Any]], at_once: int) -> Iterator[list[int]]:
    """The ids of rows, which come by their starts, in pieces of `at_once` or more; each start is in one of them."""
    piece: list[int] = []
    for _, of_one_start in groupby(found, itemgetter("start_at")):
        piece += [row["event_id"] for row in of_one_start]
        if len(piece) >= at_once:
            yield piece
            piece = []
    if piece:
        yield piece


def _match(connection: Connection, touched: Sequence[int]) -> None:
    """Find what these rows match, and put all that is connected with them into clusters."""
    pairs = database.run(
        connection, "clusters/match", event_ids=touched, block=_BLOCK, neighbours=_NEIGHBOURS
    ).fetchall()
    near = sorted({*touched, *(one for pair in pairs for one in pair.values())})
    connected = database.run(connection, "clusters/find_connected", event_ids=near).fetchall()
    affected = sorted({row["event_id"] for row in connected})
    database.run(connection, "clusters/leave", event_ids=affected)
    found = _components((row["event_id"], row["other_event_id"]) for row in connected if row["other_event_id"])
    placed = [(one, min(cluster), len(cluster)) for cluster in found for one in sorted(cluster)]
    database.run(
        connection,
        "clusters/enter",
        event_ids=[event_id for event_id, _, _ in placed],
        cluster_ids=[cluster_id for _, cluster_id, _ in placed],
        members=[members for _, _, members in placed],
    )


def join(connection: Connection, event_id: int, other_event_id: int) -> None:
    """Say that two events are the same, on all their dates.

    :raises ConfigurationError: there is no such event, or both are one.
    """
    (one, uid), (other, other_uid) = sorted(_identity(connection, wanted) for wanted in (event_id, other_event_id))
    if (one, uid) == (other, other_uid):
        raise ConfigurationError("These are dates of one event of one calendar.")
    with connection.transaction():
        connection.execute(
            "insert into calimport.cluster_overrides (calendar_id, uid, other_calendar_id, other_uid)"
            " values (%s, %s, %s, %s) on conflict do nothing",
            [one, uid, other, other_uid],
        )
        refresh(connection, _dates(connection, [(one, uid), (other, other_uid)]))


def split(connection: Connection, event_id: int) -> None:
    """Say that an event is like no other, on all its dates; what was said of it before is forgotten.

    :raises ConfigurationError: there is no such event.
    """
    calendar_id, uid = _identity(connection, event_id)
    with connection.transaction():
        _forget(connection, calendar_id, uid)
        connection.execute(
            "insert into calimport.cluster_overrides (calendar_id, uid) values (%s, %s)", [calendar_id, uid]
        )
        refresh(connection, _dates(connection, [(calendar_id, uid)]))


def undo(connection: Connection, event_id: int) -> int:
    """Forget what was said of an event by hand; return how many sentences that were.

    :raises ConfigurationError: there is no such event.
    """
    calendar_id, uid = _identity(connection, event_id)
    with connection.transaction():
        forgotten = _forget(connection, calendar_id, uid)
        refresh(connection, _dates(connection, [(calendar_id, uid)]))
    return forgotten


def _components(pairs: Iterable[tuple[int, int]]) -> list[set[int]]:
    """Sets of ids that the pairs connect."""
    neighbours: defaultdict[int, list[int]] = defaultdict(list)
    for one, other in pairs:
        neighbours[one].append(other)
        neighbours[other].append(one)
    seen: set[int] = set()
    found = []
    for start in neighbours:
        if start in seen:
            continue
        component, left = {start}, [start]
        while left:
            for near in neighbours[left.pop()]:
                if near not in component:
                    component.add(near)
                    left.append(near)
        seen |= component
        found.append(component)
    return found


def _identity(connection: Connection, event_id: int) -> tuple[int, str]:
    row = connection.execute("select calendar_id, uid from calimport.events where id = %s", [event_id]).fetchone()
    if row is None:
        raise ConfigurationError(f"There is no event {event_id}.")
    return row["calendar_id"], row["uid"]


def _dates(connection: Connection, events: Iterable[tuple[int, str]]) -> list[int]:
    query = "select id from calimport.events where calendar_id = %s and uid = %s"
    return [row["id"] for event in events for row in connection.execute(query, event)]


def _forget(connection: Connection, calendar_id: int, uid: str) -> int:
    return connection.execute(
        "delete from calimport.cluster_overrides"
        " where (calendar_id, uid) = (%(id)s, %(uid)s) or (other_calendar_id, other_uid) = (%(id)s, %(uid)s)",
        {"id": calendar_id, "uid": uid},
    ).rowcount
