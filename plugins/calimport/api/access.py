"""Who asks, and whose rows a request is about. The app says so: it depends on who is asked, Airflow or a test."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from calimport.store.owners import Owners


def whose_rows() -> Owners:
    """Replaced by the app; a route that is mounted without one answers nobody.

    :raises RuntimeError: always.
    """
    raise RuntimeError("The app does not say whose rows a request is about.")


def who_writes() -> str:
    """Replaced by the app in the same way: the one who asks, as the audit log names them.

    :raises RuntimeError: always.
    """
    raise RuntimeError("The app does not say who asks.")


WhoseRows = Annotated[Owners, Depends(whose_rows)]
WhoWrites = Annotated[str, Depends(who_writes)]
