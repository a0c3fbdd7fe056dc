"""ical (allenporter): parse a feed and expand it in a window. Arguments: the file, start, end, times."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from ical.calendar_stream import IcsCalendarStream


def main(path: str, start: str, end: str, times: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    best = (float("inf"), 0.0)
    for _ in range(int(times)):
        began = time.process_time()
        calendar = IcsCalendarStream.calendar_from_ics(text)
        parsed = time.process_time()
        window = datetime.fromisoformat(start), datetime.fromisoformat(end)
        found = list(calendar.timeline_tz(UTC).overlapping(*window))
        best = min(best, (time.process_time() - began, parsed - began))
    print(json.dumps({"seconds": best[0], "parse": best[1], "occurrences": len(found)}))


main(*sys.argv[1:])
