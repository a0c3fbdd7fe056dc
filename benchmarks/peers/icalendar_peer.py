"""icalendar, recurring-ical-events: parse a feed, expand it in a window. Arguments: the file, start, end, times."""

import json
import sys
import time
from datetime import datetime
from pathlib import Path

import icalendar
import recurring_ical_events


def main(path: str, start: str, end: str, times: str) -> None:
    content = Path(path).read_bytes()
    best = (float("inf"), 0.0)
    for _ in range(int(times)):
        began = time.process_time()
        calendar = icalendar.Calendar.from_ical(content)
        parsed = time.process_time()
        found = recurring_ical_events.of(calendar).between(datetime.fromisoformat(start), datetime.fromisoformat(end))
        best = min(best, (time.process_time() - began, parsed - began))
    print(json.dumps({"seconds": best[0], "parse": best[1], "occurrences": len(found)}))


main(*sys.argv[1:])
