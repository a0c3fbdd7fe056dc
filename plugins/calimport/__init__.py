"""calimport keeps a PostgreSQL database in step with many external calendars.

The flow, one module a step: :mod:`calimport.pipeline` (plan, extract, normalize, diff, apply, report) over
:mod:`calimport.sources` (what can be fetched and parsed), :mod:`calimport.normalizing` (the uniform frame) and
the SQL files of ``include/sql``. ``dags/calendar_import.py`` wraps those functions as Airflow tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calimport.previewing import preview as preview

__version__ = "0.1.0"
__all__ = ["__version__", "preview"]


def __getattr__(name: str) -> Any:
    """Load ``calimport.preview`` when it is asked for: pandas must not be imported with the package."""
    if name == "preview":
        from calimport.previewing import preview

        return preview
    raise AttributeError(f"module 'calimport' has no attribute {name!r}")
