"""How the cost grows: with events, with the age of series, with the window, with calendars, with stored rows."""

from __future__ import annotations

from datetime import timedelta
from math import log10
from typing import Final

from benchmarks import database, feeds, reading
from calimport.windows import Window

Curve = list[tuple[float, float]]
_COLORS: Final = ("#0b6e99", "#b3541e", "#4a7c2c", "#7a3e9d", "#8a6d00", "#b0306a", "#444444")


def of_reading() -> dict[str, Curve]:
    """Milliseconds from bytes to lines for COPY by what grows."""
    made = [(number, feeds.plain(number)) for number in (500, 2000, 8000, 16000)]
    by_events = [(number, 1e3 * reading.ours(feed, feeds.WEEKS, times=3).seconds) for number, feed in made]
    aged = [(2026 - since, feeds.series(400, since=since)) for since in (2025, 2016, 1976, 1926)]
    by_age = [(age, 1e3 * reading.ours(feed, feeds.WEEKS, times=3).seconds) for age, feed in aged]
    ahead = [(days, Window(feeds.WEEKS.start, feeds.WEEKS.start + timedelta(days))) for days in (14, 60, 240, 720)]
    by_window = [(days, 1e3 * reading.ours(feeds.series(400), window, times=3).seconds) for days, window in ahead]
    return {
        "events of a feed": by_events,
        "age of 400 series, years": by_age,
        "window of 400 series, days": by_window,
    }


def of_stored_rows(sizes: tuple[int, ...], staged: int) -> Curve:
    """Milliseconds to compare and apply `staged` rows by how many rows there are in all."""
    curve = []
    for known in sizes:
        with database.server() as (_, connection):
            calendar_ids = database.fill(connection, known, staged)
            found = [database.measure(connection, [calendar_id]).seconds for calendar_id in calendar_ids[:3]]
        curve.append((known, 1e3 * min(seconds["diff"] + seconds["apply"] for seconds in found)))
    return curve


def svg(curves: dict[str, Curve]) -> str:
    """The curves, each from its first point: how many times the cost by how many times the size, both logarithmic."""
    width, height, left, bottom, side = 900, 400, 60, 350, 300
    relative = {name: [(x / curve[0][0], y / curve[0][1]) for x, y in curve] for name, curve in curves.items()}
    most = max(10.0, *(max(point) for curve in relative.values() for point in curve))
    scale = side / log10(most)

    def at(x: float, y: float) -> str:
        return f"{left + scale * log10(x):.1f},{bottom - scale * log10(max(y, 1)):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="14">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<polyline points="{at(1, 1)} {at(most, most)}" fill="none" stroke="#bbb" stroke-dasharray="4 4"/>',
        f'<polyline points="{left},{bottom - side} {left},{bottom} {left + side},{bottom}" fill="none" stroke="#333"/>',
        f'<text x="{left}" y="{bottom + 38}">times the size (dashed: as many times the cost)</text>',
        '<text x="10" y="25">times the cost</text>',
        '<text x="400" y="40">What grows: times the size, times the cost, in the end</text>',
    ]
    for value in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if value <= most:
            x, y = at(value, value).split(",")
            parts.append(f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{value}</text>')
            parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{value}</text>')
    for (name, curve), color, line in zip(relative.items(), _COLORS, range(len(relative)), strict=False):
        parts.append(
            f'<polyline points="{" ".join(at(x, y) for x, y in curve)}" fill="none" stroke="{color}" stroke-width="2"/>'
        )
        for x, y in curve:
            center_x, center_y = at(x, y).split(",")
            parts.append(f'<circle cx="{center_x}" cy="{center_y}" r="3.5" fill="{color}"/>')
        parts.append(
            f'<text x="400" y="{72 + 26 * line}" fill="{color}">{name}: {curve[-1][0]:.0f}, {curve[-1][1]:.1f}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
