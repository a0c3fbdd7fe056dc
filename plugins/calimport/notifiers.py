"""Notifiers that a setting names: what calimport hands reminders and alerts to."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from calimport.errors import ConfigurationError

#: What Airflow's ``BaseNotifier`` is when called: it takes the context that its templates see.
Notifier = Callable[[dict[str, Any]], None]


def load(variable: str, name: str, otherwise: Notifier) -> Callable[[], Notifier]:
    """The function of this dotted name, which makes a notifier; where the name is empty, one that gives ``otherwise``.

    :param variable: the environment variable that holds the name, for the error.
    :raises ConfigurationError: there is no such function.
    """
    if not name:
        return lambda: otherwise
    module, _, function = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"{variable}: {name!r} cannot be loaded: {error}.") from error
    if not callable(found):
        raise ConfigurationError(f"{variable}: {name!r} is no function.")
    make: Callable[[], Notifier] = found
    return make
