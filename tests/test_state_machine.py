"""Anything, in any order: feeds change and break, runs overlap, die and are run again, and people act in between.

After every step :class:`tests.world.World` compares the database with a model in plain Python: the table equals the
last good feed in the window; what a run does not own stays as it was, to the transaction that wrote it; ids are stable;
the history leads from nothing to the table; no lease is left.

``CALIMPORT_MACHINE`` says for how long: ``developer`` (seconds, the default), ``ci`` (minutes) or ``soak``.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from calimport import calendars, database, holding, undoing
from calimport.errors import ConfigurationError, LeaseLost, PlanOutdated
from tests import faulty
from tests.model import AllDay, Event, Single, Weekly
from tests.web import Web
from tests.world import BROKEN, SETTINGS, Calendar, Kept, World

#: Profile → (examples, steps of each).
PROFILES = {"developer": (6, 25), "ci": (30, 40), "soak": (5000, 60)}
PROFILE = os.environ.get("CALIMPORT_MACHINE", "developer")
#: The clocks of London change on 25 October.
START = datetime(2026, 10, 21, 12, tzinfo=UTC)
#: A year before: by it a feed shows that it does not drop its past.
FOUNDED = {"founded": Single(datetime(2025, 10, 1, 10), 60, "Founded")}
ZONES = ("UTC", "Europe/London", "America/New_York", "Pacific/Auckland")
STRATEGIES = ("place", "room_number", "no_location")
WORDS = st.sampled_from(["Choir", "Chess", "Market", "Lecture 100%", "Yoga ☼"])

MOMENTS = st.builds(
    lambda day, hour: (START + timedelta(days=day)).replace(hour=hour, tzinfo=None),
    st.integers(-9, 12),
    st.integers(7, 22),
)
SINGLES = st.builds(
    Single, MOMENTS, st.sampled_from([0, 30, 90, 1500]), WORDS, st.sampled_from(["UTC", "Europe/London", None]),
    st.sampled_from([None, "Room 1", "Room 2"]), st.sampled_from(["confirmed", "tentative", "cancelled"]),
)  # fmt: skip
ALL_DAYS = st.builds(lambda at, days, word: AllDay(at.date(), days, word), MOMENTS, st.integers(1, 3), WORDS)
WEEKLIES = st.builds(Weekly, MOMENTS, st.integers(1, 6), WORDS)
EVENTS: st.SearchStrategy[Event] = SINGLES | ALL_DAYS | WEEKLIES
FEEDS = st.lists(EVENTS, min_size=0, max_size=6)
FAULTS = st.builds(faulty.Fault, st.sampled_from(faulty.Fault.KINDS), st.integers(1, 9))


class Machine(RuleBasedStateMachine):
    """The rules."""

    connection: database.Connection
    web: Web
    figures: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.connection, self.web, START)
        self.numbers = 0

    @initialize(feeds=st.lists(FEEDS, min_size=2, max_size=3), zones=st.tuples(*[st.sampled_from(ZONES)] * 3))
    def configured(self, feeds: list[list[Event]], zones: tuple[str, ...]) -> None:
        for number, events in enumerate(feeds):
            named = {f"uid-{index}": event for index, event in enumerate(events)}
            self.world.add_calendar(f"calendar{number}", zones[number], STRATEGIES[number], FOUNDED | named)
        self.world.finish(self.world.start())

    # Feeds.

    @rule(data=st.data(), event=EVENTS)
    def add(self, data: st.DataObject, event: Event) -> None:
        self.numbers += 1
        calendar = self.calendar(data)
        calendar.events |= FOUNDED | {f"new-{self.numbers}": event}

    @rule(data=st.data(), word=WORDS)
    def edit(self, data: st.DataObject, word: str) -> None:
        calendar, uid = self.event(data)
        calendar.events[uid] = replace(calendar.events[uid], summary=word)

    @rule(data=st.data(), hours=st.integers(-30, 200))
    def move(self, data: st.DataObject, hours: int) -> None:
        calendar, uid = self.event(data)
        event = calendar.events[uid]
        by = timedelta(hours=hours) if not isinstance(event, AllDay) else timedelta(days=hours // 24)
        moved = replace(event, start=event.start + by)
        # Where clocks are put forward an hour is missing; what then holds is another test's matter.
        calendar.events[uid] = moved

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        calendar, uid = self.event(data)
        event = calendar.events[uid]
        if isinstance(event, Single):
            calendar.events[uid] = replace(event, status="cancelled")
        elif isinstance(event, Weekly):
            number = data.draw(st.integers(0, event.count - 1))
            what = data.draw(st.sampled_from(["cancelled", "left_out", "moved"]))
            if what == "moved":
                changed = replace(event, moved={**event.moved, number: data.draw(st.integers(-20, 40))})
            else:
                changed = replace(event, **{what: getattr(event, what) | {number}})
            calendar.events[uid] = changed

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        calendar, uid = self.event(data)
        del calendar.events[uid]
        calendar.unreadable -= {uid}

    @rule(data=st.data())
    def empty(self, data: st.DataObject) -> None:
        calendar = self.calendar(data)
        calendar.unreadable = frozenset()
        calendar.events = data.draw(st.sampled_from([{}, dict(FOUNDED)]))

    @rule(data=st.data(), events=FEEDS)
    def refill(self, data: st.DataObject, events: list[Event]) -> None:
        calendar = self.calendar(data)
        calendar.unreadable = frozenset()
        calendar.events = FOUNDED | {f"uid-{index}": event for index, event in enumerate(events)}

    @rule(data=st.data(), how=st.sampled_from([None, None, *BROKEN]))
    def corrupt_or_mend(self, data: st.DataObject, how: str | None) -> None:
        self.calendar(data).broken = how

    @rule(data=st.data())
    def make_unreadable(self, data: st.DataObject) -> None:
        calendar, uid = self.event(data)
        # Where UIDs change nobody knows which event it is that cannot be read.
        if not calendar.churned:
            calendar.unreadable ^= {uid}

    @rule(data=st.data())
    def change_uids(self, data: st.DataObject) -> None:
        calendar = self.calendar(data)
        if not calendar.unreadable:
            calendar.churned += 1
            calendar.events = {
                uid if uid in FOUNDED else f"{uid.split('@')[0]}@{calendar.churned}": event
                for uid, event in calendar.events.items()
            }

    @rule(data=st.data(), has_etag=st.booleans())
    def change_bytes(self, data: st.DataObject, has_etag: bool) -> None:
        calendar = self.calendar(data)
        calendar.stamp += 1
        calendar.has_etag = has_etag

    # Configuration and time.

    @rule(data=st.data(), zone=st.sampled_from(ZONES), runs=st.booleans())
    def change_zone(self, data: st.DataObject, zone: str, runs: bool) -> None:
        calendar = self.calendar(data)
        self.configure(calendar, timezone=zone)
        self.run_or_not(calendar, runs)

    @rule(data=st.data(), strategy=st.sampled_from(STRATEGIES), runs=st.booleans())
    def change_strategy(self, data: st.DataObject, strategy: str, runs: bool) -> None:
        calendar = self.calendar(data)
        self.configure(calendar, strategy=strategy)
        self.run_or_not(calendar, runs)

    @rule(data=st.data(), runs=st.booleans())
    def change_place(self, data: st.DataObject, runs: bool) -> None:
        calendar = self.calendar(data)
        self.numbers += 1
        address = f"{self.numbers} New Street"
        self.connection.execute("update calimport.places set address = %s where id = %s", [address, calendar.place.id])
        calendar.place = replace(calendar.place, address=address)
        self.run_or_not(calendar, runs)

    @rule(by=st.sampled_from([timedelta(minutes=5), timedelta(minutes=40), timedelta(days=1), timedelta(days=4)]))
    def roll(self, by: timedelta) -> None:
        self.world.now += by

    # Runs.

    @rule(force=st.booleans())
    def run_all(self, force: bool) -> None:
        self.world.now += timedelta(minutes=5)
        is_alone = self.world.is_quiet()
        run = self.world.start(list(self.world.calendars.values()), force=force)
        self.world.finish(run)
        if is_alone:
            self.world.check_succeeded(run)

    @rule(data=st.data(), max_batches=st.sampled_from([1, 20]))
    def start(self, data: st.DataObject, max_batches: int) -> None:
        chosen = data.draw(st.sampled_from([[], [self.calendar(data)]]))
        options = {name: data.draw(st.booleans()) for name in ("force", "dry_run", "waits")}
        options["waits"] = bool(options["waits"] and chosen)
        self.world.start(chosen, max_batches=max_batches, **options)

    @rule(data=st.data(), day=st.integers(-10, 9), days=st.integers(1, 2))
    def backfill(self, data: st.DataObject, day: int, days: int) -> None:
        first = (self.world.now + timedelta(days=day)).date()
        self.world.start([self.calendar(data)], days=(first, first + timedelta(days)), waits=True)

    @precondition(lambda self: self.world.active)
    @rule(data=st.data(), fault=st.none() | FAULTS)
    def advance(self, data: st.DataObject, fault: faulty.Fault | None) -> None:
        self.world.advance(
            data.draw(st.sampled_from(self.world.active)), fault and faulty.Fault(fault.kind, fault.left)
        )

    @precondition(lambda self: self.world.active)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.world.finish(data.draw(st.sampled_from(self.world.active)))

    @precondition(lambda self: self.world.active)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        self.world.abandon(data.draw(st.sampled_from(self.world.active)))

    @precondition(lambda self: len(self.world.active) > 1)
    @rule(data=st.data(), order=st.lists(st.booleans(), max_size=40))
    def two_at_once(self, data: st.DataObject, order: list[bool]) -> None:
        one, other = data.draw(st.permutations(self.world.active))[:2]
        self.world.together((one, other), order)

    @precondition(lambda self: self.world.ended)
    @rule(data=st.data(), plan_too=st.booleans())
    def rerun(self, data: st.DataObject, plan_too: bool) -> None:
        self.world.rerun(data.draw(st.sampled_from(self.world.ended)), plan_too=plan_too)

    @rule(data=st.data(), faults=st.lists(FAULTS | st.none(), min_size=2, max_size=10))
    def disturb(self, data: st.DataObject, faults: list[faulty.Fault | None]) -> None:
        """A run that is struck again and again, its tasks tried anew."""
        self.world.now += timedelta(minutes=5)
        chosen = data.draw(st.sampled_from([list(self.world.calendars.values()), [self.calendar(data)]]))
        run = self.world.start(chosen, max_batches=data.draw(st.sampled_from([1, 20])))
        for fault in faults:
            if run in self.world.active:
                self.world.advance(run, fault and faulty.Fault(fault.kind, fault.left))

    @rule(data=st.data(), order=st.lists(st.booleans(), max_size=12), waits=st.booleans())
    def overlap(self, data: st.DataObject, order: list[bool], waits: bool) -> None:
        """Two runs of one calendar, task by task, while its feed and the time go on."""
        calendar = self.calendar(data)
        today = self.world.now.date()
        days = data.draw(st.sampled_from([None, (today, today + timedelta(1))]))
        runs = self.world.start([calendar], waits=waits), self.world.start([calendar], waits=True, days=days)
        for turn in order:
            between = data.draw(st.sampled_from(["nothing", "nothing", "feed", "time"]))
            if between == "feed":
                self.numbers += 1
                calendar.events |= FOUNDED | {f"new-{self.numbers}": data.draw(EVENTS)}
            elif between == "time":
                self.world.now += timedelta(minutes=40)
            if runs[turn] in self.world.active:
                self.world.advance(runs[turn])

    @rule()
    def run_twice(self) -> None:
        """A run that is run again at once, whatever it did, writes nothing the second time."""
        self.world.now += timedelta(minutes=5)
        is_alone = self.world.is_quiet()
        run = self.world.start(list(self.world.calendars.values()))
        self.world.finish(run)
        if is_alone:
            self.world.check_succeeded(run)
        before = {id: dict(calendar.rows) for id, calendar in self.world.calendars.items()}
        waits = {id for id, calendar in self.world.calendars.items() if calendar.held}
        self.world.rerun(run, plan_too=False)
        self.world.finish(run)
        for id, rows in before.items():
            if id not in waits:  # what is held may be confirmed
                assert self.world.calendars[id].rows == rows

    # People.

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        choices = [key for key in self.world.changed if self.world.calendars[key[1]].churned < 2]
        if not choices:
            return
        dag_run_id, calendar_id = data.draw(st.sampled_from(choices))
        calendar = self.world.calendars[calendar_id]
        deltas = self.world.changed[dag_run_id, calendar_id]
        before, wanted = dict(calendar.rows), dict(calendar.rows)
        first, last = {}, {}
        for delta in deltas:
            for id, (old, new) in delta.items():
                first.setdefault(id, old)
                last[id] = new
        for id, old in first.items():
            wanted.pop(id, None)
            if old:
                wanted[id] = old
        is_of_undo = dag_run_id.startswith("undo__")
        done: list[undoing.Undone] = []
        self.world.now += timedelta(seconds=1)
        refused = self.world.by_hand(
            lambda: done.append(
                undoing.undo(
                    self.connection, dag_run_id, calendar_id=calendar_id, actor="cli:a person", clock=self.world.now
                )
            )
        )
        if refused:
            assert isinstance(refused, LeaseLost | PlanOutdated | ConfigurationError)
            return
        assert self.same(calendar, before, wanted)
        if is_of_undo:
            calendar.kept = {one: kept for one, kept in calendar.kept.items() if kept.said_in != dag_run_id}
        else:
            said = Kept(done[0].dag_run_id, calendar.epoch, calendar.configuration)
            for id in first:
                for one in (before.get(id), wanted.get(id)):
                    if one and before.get(id) != wanted.get(id):
                        calendar.kept[one.identity] = said

    @precondition(lambda self: any(calendar.held for calendar in self.world.calendars.values()))
    @rule(data=st.data(), releases=st.booleans())
    def decide_held(self, data: st.DataObject, releases: bool) -> None:
        calendar = data.draw(st.sampled_from([one for one in self.world.calendars.values() if one.held]))
        before = dict(calendar.rows)
        held = [before[id] for id in calendar.held if id in before]
        self.world.now += timedelta(seconds=1)
        act = holding.release if releases else holding.discard
        refused = self.world.by_hand(
            lambda: act(self.connection, calendar.id, actor="cli:a person", clock=self.world.now)
        )
        if refused:
            assert isinstance(refused, LeaseLost | PlanOutdated)
            return
        wanted = {id: one for id, one in before.items() if not releases or id not in calendar.held}
        assert self.same(calendar, before, wanted)
        for one in held:
            if releases:
                calendar.kept.pop(one.identity, None)
            else:
                calendar.kept[one.identity] = Kept("discard", calendar.epoch, calendar.configuration)
        calendar.held = frozenset()

    @rule(data=st.data())
    def plan_and_apply(self, data: st.DataObject) -> None:
        """A dry run, perhaps something in between, and its plan applied."""
        calendar = self.calendar(data)
        run = self.world.start([calendar], dry_run=True)
        self.world.finish(run)
        between = data.draw(st.sampled_from(["nothing", "time", "import", "configuration"]))
        if between == "time":
            self.world.now += timedelta(days=1)
        elif between == "import":
            self.world.now += timedelta(minutes=5)
            self.world.finish(self.world.start([calendar]))
        elif between == "configuration":
            self.configure(calendar, strategy=data.draw(st.sampled_from(STRATEGIES)))
        self.world.apply_plan(run, calendar)

    # What the rules share.

    def run_or_not(self, calendar: Calendar, runs: bool) -> None:
        if runs:
            self.world.now += timedelta(minutes=5)
            self.world.finish(self.world.start([calendar]))

    def calendar(self, data: st.DataObject) -> Calendar:
        return data.draw(st.sampled_from(list(self.world.calendars.values())))

    def event(self, data: st.DataObject) -> tuple[Calendar, str]:
        calendar = self.calendar(data)
        uids = sorted(calendar.events.keys() - FOUNDED.keys())
        if not uids:
            calendar.events |= FOUNDED | {"uid-0": data.draw(SINGLES)}
            uids = ["uid-0"]
        return calendar, data.draw(st.sampled_from(uids))

    def configure(self, calendar: Calendar, **given: str) -> None:
        with self.connection.transaction():
            calendars.change(self.connection, calendar.id, {"place": calendar.name, **given})
        row = self.connection.execute(
            "select timezone, strategy, configured_at from calimport.calendars where id = %s", [calendar.id]
        ).fetchone()
        assert row is not None
        calendar.zone, calendar.configured_at = row["timezone"], row["configured_at"]
        calendar.place = replace(calendar.place, strategy=row["strategy"])

    def same(self, calendar: Calendar, before: dict[int, Any], wanted: dict[int, Any]) -> bool:
        """Whether the rows are those wanted; rows that were not to change are the very same."""
        now = calendar.rows
        assert now.keys() == wanted.keys()
        for id, one in wanted.items():
            was_to_change = one != before.get(id)
            assert replace(now[id], xmin=one.xmin) == one
            assert was_to_change or now[id].xmin == one.xmin
        return True

    def teardown(self) -> None:
        """Whatever happened, the next runs heal it, and leave nothing behind."""
        world = self.world
        if not world.calendars:
            return
        for run in list(world.active):
            world.finish(run)
        world.now += SETTINGS.lease + timedelta(minutes=5)
        for calendar in world.calendars.values():
            calendar.broken = None
            calendar.unreadable = frozenset()
        for force in (False, True):  # first as it comes: what says that nothing has changed has to be right
            world.now += timedelta(minutes=5)
            last = world.start(list(world.calendars.values()), force=force)
            world.finish(last)
        outcomes = self.connection.execute(
            "select distinct outcome from calimport.runs where dag_run_id = %s", [last.key.dag_run_id]
        ).fetchall()
        assert outcomes == [{"outcome": "imported"}]
        leases = "select name from calimport.calendars where lease_owner is not null or state <> 'idle'"
        assert self.connection.execute(leases).fetchall() == []
        self.figures.update(world.figures)


def test_anything_in_any_order(connection: database.Connection, web: Web) -> None:
    examples, steps = PROFILES[PROFILE]
    connection.commit()
    connection.autocommit = True
    figures: Counter[str] = Counter()
    machine = type("Bound", (Machine,), {"connection": connection, "web": web, "figures": figures})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            # A soak looks for what is new, the others for the same at every run.
            derandomize=PROFILE != "soak",
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    print(", ".join(f"{name}: {number}" for name, number in sorted(figures.items())))
    assert figures["runs imported"] > figures["DAG runs"] / 4
    assert figures["rows checked"] > 500
    if PROFILE != "developer":
        assert all(figures[f"fault: {kind}"] for kind in faulty.Fault.KINDS)
