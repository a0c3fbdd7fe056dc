"""The calendars page in Airflow's UI: a FastAPI app that the plugin mounts, and the static pages that it serves."""
