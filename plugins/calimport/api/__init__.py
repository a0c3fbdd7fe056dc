"""The Store API and the exports over HTTP: a FastAPI app that the plugin mounts in Airflow's API server."""
