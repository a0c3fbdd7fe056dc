"""How the cost grows: with events, with the age of series, with the window, with calendars, with stored rows."""

from __future__ import annotations

from datetime import timedelta

from benchmarks import database, feeds, reading
from calimport.windows import Window

Curve = list[tuple[float, float]]


def of_reading() -> dict[str, Curve]:
    """Milliseconds from bytes to lines for COPY by what grows; the last is the same amount in ever more calendars."""
    made = [(number, feeds.plain(number)) for number in (500, 2000, 8000, 16000)]
    by_events = [(number, 1e3 * reading.ours(feed, feeds.WEEKS, times=3).seconds) for number, feed in made]
    aged = [(2026 - since, feeds.series(400, since=since)) for since in (2025, 2016, 1976, 1926)]
    by_age = [(age, 1e3 * reading.ours(feed, feeds.WEEKS, times=3).seconds) for age, feed in aged]
    ahead = [(days, Window(feeds.WEEKS.start, feeds.WEEKS.start + timedelta(days))) for days in (14, 60, 240, 720)]
    by_window = [(days, 1e3 * reading.ours(feeds.series(400), window, times=3).seconds) for days, window in ahead]
    feed = feeds.plain(100)
    by_calendars = []
    for calendars in (10, 40, 160):
        seconds = reading.timed(lambda n=calendars: [reading.ours(feed, feeds.WEEKS, times=1) for _ in range(n)])
        by_calendars.append((calendars, 1e3 * seconds))
    return {
        "events of a feed": by_events,
        "age of 400 series, years": by_age,
        "window of 400 series, days": by_window,
        "calendars of 100 events": by_calendars,
    }


def of_stored_rows(sizes: tuple[int, ...], staged: int) -> Curve:
    """Milliseconds to compare and apply `staged` rows by how many rows there are in all."""
    curve = []
    for known in sizes:
        with database.server() as (_, connection):
            calendar_id = database.fill(connection, known, staged)
            seconds = database.measure(connection, calendar_id, database.lines_of(connection, calendar_id), times=2)
        curve.append((known, 1e3 * (seconds["diff"] + seconds["apply"])))
    return curve


def svg(curves: dict[str, Curve]) -> str:
    """The curves, each from its first point: how many times the cost by how many times the size, both logarithmic."""
    from math import log10

    width, height, left, bottom = 720, 420, 60, 370
    colors = ("#0b6e99", "#b3541e", "#4a7c2c", "#7a3e9d", "#8a6d00")
    relative = {name: [(x / curve[0][0], y / curve[0][1]) for x, y in curve] for name, curve in curves.items()}
    most = max(x for curve in relative.values() for x, _ in curve)
    scale = 320 / log10(max(most, 10))

    def point(x: float, y: float) -> str:
        return f"{left + scale * log10(max(x, 1)):.1f},{bottom - scale * log10(max(y, 1)):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<polyline points="{point(1, 1)} {point(most, most)}" fill="none" stroke="#bbb" stroke-dasharray="4 4"/>',
        f'<polyline points="{left},{bottom - 330} {left},{bottom} {left + 340},{bottom}" fill="none" stroke="#333"/>',
        f'<text x="{left}" y="{bottom + 30}">times the size (dashed: as many times the cost)</text>',
        f'<text x="{left}" y="25">times the cost</text>',
    ]
    for value in (1, 10, 100):
        if value <= most:
            x, y = point(value, value).split(",")
            parts.append(f'<text x="{x}" y="{bottom + 15}" text-anchor="middle">{value}</text>')
            parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{value}</text>')
    for (name, curve), color, line in zip(relative.items(), colors, range(len(relative)), strict=False):
        points = " ".join(point(x, y) for x, y in curve)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="430" y="{80 + 24 * line}" fill="{color}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])
