"""What PostgreSQL does for a statement, as numbers that do not depend on the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calimport import database


def rows_passed(connection: database.Connection, statement: str, parameters: Mapping[str, Any]) -> int:
    """How many rows the parts of the plan hand on, or look at in vain. The statement is carried out and undone."""
    query = f"explain (analyze, timing off, format json) {statement}"
    with connection.transaction(force_rollback=True):
        connection.execute("set local enable_seqscan = off")
        row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    passed = 0.0
    left = [next(iter(row.values()))[0]["Plan"]]
    while left:
        node = left.pop()
        left += node.get("Plans", [])
        rows = (node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"))
        passed += sum(rows) * node["Actual Loops"]
    return round(passed)
