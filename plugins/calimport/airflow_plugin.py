"""The entry that Airflow's plugin loader runs, in every component and in every task process.

It imports nothing but Airflow's plugin base, because each import here is paid by each task. The app is built when the
API server asks for it.
"""

import logging
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)


class CalimportPlugin(AirflowPlugin):  # type: ignore[misc]  # mypy does not follow Airflow
    """Registers calimport with Airflow: the calendars page under ``/calimport``, the Store API under ``/api/v1``."""

    name = "calimport"
    # Relative, so that they hold behind whatever path Airflow has.
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Calendars",
            "href": "calimport/ui/",
            "destination": "nav",
            "category": "browse",
            "url_route": "calendars",
            "icon": "calimport/static/icon.svg",
            "icon_dark_mode": "calimport/static/icon-dark.svg",
        }
    ]

    @cached_property
    def timetables(self) -> list[Any]:
        """Read where DAGs are serialized or scheduled; not by tasks."""
        from calimport.timetables import EachDayOfABackfill

        return [EachDayOfABackfill]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Read by the API server alone. It would not start if this raised."""
        return [
            {
                "app": _app("The calendars page", "calimport.web.app"),
                "url_prefix": "/calimport",
                "name": "calimport pages",
            },
            # Not below it: `/api/v1/activity` without the slash would be answered by Airflow, with 404.
            {"app": _app("The Store API", "calimport.api.app"), "url_prefix": "/api/v1", "name": "calimport store"},
        ]


def _app(name: str, module: str) -> Any:
    """The app of a module, or what says why there is none: one that cannot be built leaves the other alone."""
    try:
        return import_module(module).airflow_app()
    except Exception as error:
        from calimport.api.broken import broken_app

        log.exception("%s could not be started", name)
        return broken_app(error, name)
