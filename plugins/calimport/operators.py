"""``@step_task``: Airflow's ``@task``, with a link from each instance to the page of what it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk import BaseOperatorLink
from airflow.sdk.bases.decorator import task_decorator_factory

if TYPE_CHECKING:
    from collections.abc import Callable

#: The pages, from Airflow's own address: relative, since that may lie below a path. See docs/ui.md.
PAGES = "plugin/calendars/calimport/ui/"


class CalendarLink(BaseOperatorLink):  # type: ignore[misc]  # mypy does not follow Airflow
    """To the calendar of an instance; where it has several, or none, to the list of those of its run."""

    name = "Calendars"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Called in the task's process when the task ends, however it ends."""
        batch = (getattr(operator, "op_kwargs", None) or {}).get("batch")
        if batch and len(batch["calendar_ids"]) == 1:
            return f"{PAGES}calendar?id={batch['calendar_ids'][0]}#runs"
        return f"{PAGES}?{urlencode({'run': ti_key.run_id, 'dag': ti_key.dag_id})}"


class StepOperator(_PythonDecoratedOperator):  # type: ignore[misc]
    """What ``@task`` makes, with the link. (The class of ``@task`` is private, but there is no other to build on.)"""

    operator_extra_links = (CalendarLink(),)


def step_task(python_callable: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A decorator as ``@task`` is; ``options`` are the operator's."""
    return task_decorator_factory(python_callable, decorated_operator_class=StepOperator, **options)
