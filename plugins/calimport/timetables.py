"""The timetable of DAGs that run only when a backfill asks for days."""

from __future__ import annotations

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable


class EachDayOfABackfill(CronTriggerTimetable):  # type: ignore[misc]  # mypy does not follow Airflow
    """A run for each midnight in UTC that a backfill names, and none by the schedule.

    Airflow backfills only DAGs that have a schedule; it asks for the runs of a backfill with ``catchup``, and for those
    of the schedule of a DAG without it.
    """

    def __init__(self) -> None:
        super().__init__("@daily", timezone="UTC")
        self.description = "A day at a time, when a backfill asks for it"

    @property
    def summary(self) -> str:
        """What the web page shows as the schedule."""
        return "backfill only"

    def serialize(self) -> dict[str, object]:
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, object]) -> EachDayOfABackfill:
        return cls()

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        if not restriction.catchup:
            return None
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
