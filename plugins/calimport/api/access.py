"""Whose rows a request is about. The app says so, because it depends on who is asked: Airflow, or nobody in a test."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from calimport.store.owners import Owners


def whose_rows() -> Owners:
    """Replaced by the app; a route that is mounted without one answers nobody.

    :raises RuntimeError: always.
    """
    raise RuntimeError("The app does not say whose rows a request is about.")


WhoseRows = Annotated[Owners, Depends(whose_rows)]
