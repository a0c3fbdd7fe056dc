"""The frame is declared once: the tables, the SQL files and the data dictionary follow it."""

from __future__ import annotations

import re

import pytest

from calimport import database, frame
from dev import dictionary


def columns_of(connection, table: str) -> dict[str, tuple[str, bool]]:
    rows = connection.execute(
        "select attname, format_type(atttypid, atttypmod) as type, not attnotnull as nullable from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        [f"calimport.{table}"],
    )
    return {row["attname"]: (row["type"], row["nullable"]) for row in rows}


DECLARED = {column.name: (column.sql_type, column.nullable) for column in frame.COLUMNS}


def test_the_staging_table_has_the_columns_of_the_frame(connection):
    columns = columns_of(connection, "staged_events")
    assert columns.pop("run_id") == ("bigint", False)
    assert columns == DECLARED


def test_the_events_table_has_the_columns_of_the_frame_and_its_own(connection):
    columns = columns_of(connection, "events")
    own = {name: columns.pop(name) for name in ("id", "calendar_id", "first_run_id", "last_run_id")}
    assert columns == DECLARED
    assert own == dict.fromkeys(own, ("bigint", False))


@pytest.mark.parametrize(
    ("name", "table"), [("apply_inserts", "planned"), ("apply_updates", "planned"), ("stage_others", "events")]
)
def test_what_writes_rows_writes_every_column_of_the_frame(name, table):
    columns = [column for column in frame.NAMES if not re.search(rf"\b{table}\.{column}\b", database.sql(name))]
    assert columns == []


def test_a_frame_has_the_declared_columns_and_dtypes():
    empty = frame.build([])
    assert {name: str(dtype) for name, dtype in empty.dtypes.items()} == {c.name: c.dtype for c in frame.COLUMNS}


def test_a_row_with_other_columns_is_refused():
    with pytest.raises(ValueError, match=r"missing columns \['activity_type', 'address'.*unknown \['titel'\]"):
        frame.build([{"titel": "x"}])


def test_the_data_dictionary_is_the_databases(connection):
    """Tables, columns, types and comments of docs/data-dictionary.md are what the database says: `make dictionary`."""
    assert dictionary.FILE.read_text(encoding="utf-8") == dictionary.render(connection)


def test_every_table_and_column_has_a_comment(connection):
    bare = [
        f"{row['table_name']}.{row['column_name']}"
        for row in dictionary.columns(connection)
        if not row["meaning"] or not row["table_meaning"]
    ]
    assert bare == []
