"""What is done when a DAG's deadline passes. Airflow imports this module whenever it parses a DAG that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


async def run_takes_long(context: Mapping[str, Any], **_: Any) -> None:
    """Alert operators to a run that has not ended in time. Runs in Airflow's triggerer."""
    import asyncio
    from datetime import UTC, datetime

    from calimport.alerting import Digest, load, send
    from calimport.settings import Settings

    run = context["dag_run"]
    sentence = f"The run {run['dag_run_id']} of {run['dag_id']} has been at work for longer than it should."
    await asyncio.to_thread(send, Digest(datetime.now(UTC), about_run=sentence), load(Settings.from_environment()))
