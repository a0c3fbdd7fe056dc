"""The entry that Airflow's plugin loader runs, in every component and in every task process.

It imports nothing but Airflow's plugin base, because each import here is paid by each task.
"""

from airflow.plugins_manager import AirflowPlugin


class CalimportPlugin(AirflowPlugin):  # type: ignore[misc]  # mypy does not follow Airflow
    """Registers calimport with Airflow; pages and the Store API are added here by later releases."""

    name = "calimport"
