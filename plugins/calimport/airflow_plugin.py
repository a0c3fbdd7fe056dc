"""The entry that Airflow's plugin loader runs, in every component and in every task process.

It imports nothing but Airflow's plugin base, because each import here is paid by each task. The app is built when the
API server asks for it.
"""

import logging
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)


class CalimportPlugin(AirflowPlugin):  # type: ignore[misc]  # mypy does not follow Airflow
    """Registers calimport with Airflow: the Store API under ``/api/v1``."""

    name = "calimport"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Read by the API server alone. It would not start if this raised."""
        try:
            from calimport.api.app import airflow_app

            app = airflow_app()
        except Exception as error:
            from calimport.api.broken import broken_app

            log.exception("The Store API could not be started")
            app = broken_app(error)
        # Not below it: `/api/v1/activity` without the slash would be answered by Airflow, with 404.
        return [{"app": app, "url_prefix": "/api/v1", "name": "calimport store"}]
