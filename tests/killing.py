"""Operations that are killed at each of their statements, one after the other, until they get through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import sql

from calimport import database


def killed_at_every_statement(
    connection: database.Connection, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any], tables: Sequence[str]
) -> int:
    """How often ``act`` was killed; these tables held the same after each time, and not once it got through."""

    def everything() -> list[list[dict[str, Any]]]:
        query = sql.SQL("select * from calimport.{} order by 1, 2")
        return [connection.execute(query.format(sql.Identifier(table))).fetchall() for table in tables]

    execute, deaths = database.run, 0
    while True:
        before, left = everything(), deaths

        def dies(connection: database.Connection, statement: str, /, **parameters: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise psycopg.OperationalError("killed")
            return execute(connection, statement, **parameters)

        monkeypatch.setattr(database, "run", dies)
        try:
            act()
        except psycopg.OperationalError:
            deaths += 1
            assert everything() == before
        else:
            assert everything() != before
            return deaths
        finally:
            monkeypatch.setattr(database, "run", execute)
