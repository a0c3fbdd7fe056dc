"""schemathesis against the Store API's own OpenAPI document: no answer of 5xx, none that is not documented."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from calimport import database, store
from calimport.api.app import create_app
from calimport.store.fields import FIELDS, OPERATORS
from dev import postgres
from tests.store_client import imported, user

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


def _everybody() -> None:
    return None


def _app() -> FastAPI:
    """The app, whose document names one filter of each kind and operator: the others run through the same code."""
    app = create_app(_everybody, _everybody, _everybody, lambda: "airflow:anna")
    tried = {(field.kind, operator): field.name for field in FIELDS.values() for operator in OPERATORS[field.kind]}
    filters = {name if operator == "exact" else f"{name}__{operator}" for (_, operator), name in tried.items()}
    document = app.openapi()
    for item in document["paths"].values():
        for operation in item.values():
            operation["parameters"] = [
                one
                for one in operation.get("parameters", [])
                if one["in"] != "query" or one["name"].partition("__")[0] not in FIELDS or one["name"] in filters
            ]
    return app


schema = schemathesis.openapi.from_asgi("/openapi.json", _app())


@pytest.fixture(scope="module", autouse=True)
def filled(postgres_host: str, template: str) -> Iterator[None]:
    """A database with rows under the ids that are tried first."""
    postgres.create_database(postgres_host, "store_schema", template=template)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CALIMPORT_DB", postgres.airflow_connection(postgres_host, "store_schema"))
        with database.connect() as connection:
            anna = user(connection, "Anna")
            imported(connection)
        for number in range(3):
            store.activity_save(title=f"Tea {number}", user=anna, reminders=[1795168800])
        yield
    postgres.drop_database(postgres_host, "store_schema")


@schema.parametrize()
@settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_documented(case):
    case.call_and_validate(checks=CHECKS)
