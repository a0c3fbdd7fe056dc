"""dlt: merge rows into a table of PostgreSQL by their key. Arguments: a file of JSON lines, the database's address.

The rows are merged once to be there, and a second time, of which one per cent says something else, for the clock.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import dlt


def main(path: str, address: str) -> None:
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "benchmark",
            destination=dlt.destinations.postgres(address),
            dataset_name="by_dlt",
            pipelines_dir=folder,
        )
        arguments = {"table_name": "events", "write_disposition": "merge", "primary_key": "uid"}
        pipeline.run(rows, **arguments)
        changed = [{**row, "summary": "Changed"} if i % 100 == 3 else row for i, row in enumerate(rows)]
        began = time.perf_counter()
        pipeline.run(changed, **arguments)
        print(json.dumps({"seconds": time.perf_counter() - began}))


main(*sys.argv[1:])
