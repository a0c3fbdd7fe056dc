"""docs/data-dictionary.md, written from the comments in the database: ``python -m dev.dictionary``."""

from __future__ import annotations

import os
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Any

from calimport import database
from dev import postgres

FILE = Path(__file__).parents[1] / "docs" / "data-dictionary.md"

_COLUMNS = """
select
    pg_class.relname as table_name,
    pg_class.relkind = 'v' as is_view,
    obj_description(pg_class.oid) as table_meaning,
    pg_attribute.attname as column_name,
    format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as type,
    pg_attribute.attnotnull as required,
    col_description(pg_class.oid, pg_attribute.attnum) as meaning
from pg_class
inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
where
    pg_class.relnamespace = 'calimport'::regnamespace
    and pg_class.relkind in ('r', 'p', 'v')
    and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
order by pg_class.relname, pg_attribute.attnum
"""


def columns(connection: database.Connection) -> list[dict[str, Any]]:
    """A row per column of every table and view, in the order of the page."""
    return connection.execute(_COLUMNS).fetchall()


def render(connection: database.Connection) -> str:
    """The page."""
    lines = [
        "# Data dictionary",
        "",
        "Schema `calimport`. Written by `make dictionary` from the database's own comments.",
    ]
    for name, group in groupby(columns(connection), key=lambda row: row["table_name"]):
        rows = list(group)
        kind = "view" if rows[0]["is_view"] else "table"
        lines += ["", f"## {name}", "", f"{rows[0]['table_meaning']}{' (view)' if kind == 'view' else ''}", ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        for row in rows:
            null = "" if row["required"] or kind == "view" else ", may be null"
            lines.append(f"| `{row['column_name']}` | {row['type']}{null} | {row['meaning']} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page from a database made for it."""
    with tempfile.TemporaryDirectory(prefix="cal-") as folder:
        server = postgres.start(Path(folder) / "pg")
        postgres.create_database(postgres.host(server), "dictionary")
        os.environ["AIRFLOW_CONN_CALIMPORT_DB"] = postgres.airflow_connection(postgres.host(server), "dictionary")
        with database.connect() as connection:
            database.migrate(connection)
            FILE.parent.mkdir(exist_ok=True)
            FILE.write_text(render(connection), encoding="utf-8")
        server.cleanup()


if __name__ == "__main__":
    main()
