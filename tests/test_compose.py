"""docker-compose.yaml, as far as it can be tried without a container engine.

``compose-spec.json`` is the Compose Specification's own schema, unchanged, under the Apache License 2.0 that lies in
``compose-spec.LICENSE``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from calimport.settings import DATABASE_CONNECTION_ID

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
#: ``${NAME}``, ``${NAME:?message}``, ``${NAME:-default}``; a doubled dollar is a plain one.
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<otherwise>[^}]*)\}")
SECRET = re.compile(r"(PASSWORD|SECRET|KEY|AUTH)$")


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load(TEXT)


@pytest.fixture
def services(compose) -> dict[str, dict[str, Any]]:
    return compose["services"]


def schema_errors(compose: dict[str, Any]) -> list[str]:
    schema = json.loads((ROOT / "tests" / "compose-spec.json").read_text(encoding="utf-8"))
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(compose)]


def test_it_is_valid_compose(compose):
    assert schema_errors(compose) == []


def test_the_schema_would_notice_a_typing_error(compose):
    compose["services"]["worker"]["heathcheck"] = compose["services"]["worker"].pop("healthcheck")
    assert schema_errors(compose) == [
        "Unevaluated properties are not allowed ('heathcheck' was unexpected)",
    ]


def test_it_has_the_services_that_airflow_with_celery_needs(services):
    assert sorted(services) == [
        "api-server",
        "dag-processor",
        "init",
        "postgres",
        "redis",
        "scheduler",
        "triggerer",
        "worker",
    ]


def test_every_service_says_when_it_is_healthy_or_ends_by_itself(services):
    one_shots = {name for name, service in services.items() if "healthcheck" not in service}
    assert one_shots == {"init"}
    assert services["init"]["restart"] == "no"


def test_nothing_starts_before_what_it_needs_is_ready(services):
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        waits_for = {needed: wait["condition"] for needed, wait in services[name]["depends_on"].items()}
        assert (
            waits_for.items()
            >= {
                "init": "service_completed_successfully",
                "postgres": "service_healthy",
                "redis": "service_healthy",
            }.items()
        ), name


def test_workers_can_be_scaled(services):
    assert not {"container_name", "ports", "hostname"} & services["worker"].keys()


def test_no_port_is_open_to_other_machines(services):
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:${AIRFLOW_PORT:-8080}:8080"]


def test_no_secret_has_a_default(services):
    """Each is required from the environment, and none is written down."""
    required = {found["name"] for found in VARIABLE.finditer(TEXT) if found["otherwise"].startswith(":?")}
    optional = {found["name"] for found in VARIABLE.finditer(TEXT)} - required
    assert optional == {"AIRFLOW_PORT", "CALIMPORT_ALLOWED_NETWORKS"}
    assert all(found["otherwise"].startswith(":?") for found in VARIABLE.finditer(TEXT) if found["name"] in required)
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            literal = VARIABLE.sub("", str(value))
            assert not (SECRET.search(variable) and literal), f"{name}: {variable}"
            assert not re.search(r"://[^/@]*:[^/@]+@", literal), f"{name}: {variable}"


def test_the_example_names_every_variable_and_gives_none_a_value():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert sorted(example) == sorted({found["name"] for found in VARIABLE.finditer(TEXT)})
    assert set(example.values()) == {""}


def test_the_image_has_the_versions_that_are_pinned(services):
    pins = dict(
        line.split("==")
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if re.fullmatch(r"[\w.-]+==[\w.]+", line)
    )
    for name, service in services.items():
        if "build" not in service:
            continue
        image, python = re.search(
            r"FROM apache/airflow:(\S+)-python(\S+)", service["build"]["dockerfile_inline"]
        ).groups()
        assert image == pins["apache-airflow"] == service["image"].rpartition(":")[2], name
        assert python in {"3.11", "3.12", "3.13"}


@pytest.mark.airflow
def test_the_pinned_celery_is_one_that_airflow_can_import(services, tmp_path, monkeypatch):
    """No service of it would start otherwise: the provider reaches into Celery's own modules."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    executor = services["worker"]["environment"]["AIRFLOW__CORE__EXECUTOR"]
    program = f"from airflow.providers.celery.executors.celery_executor import {executor}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_other_images_are_pinned_to_a_minor_version(services):
    images = [service["image"] for service in services.values() if "build" not in service]
    assert len(images) == 2
    assert all(re.fullmatch(r"\w+:\d+\.\d+", image) for image in images)


def test_the_connection_leads_to_the_database_that_is_made(compose, services):
    raw = services["worker"]["environment"][f"AIRFLOW_CONN_{DATABASE_CONNECTION_ID.upper()}"]
    connection = json.loads(VARIABLE.sub("secret", raw))
    assert connection["host"] in services
    assert compose["configs"]["second-database"]["content"] == f"create database {connection['schema']};"


def test_the_folders_that_are_mounted_exist(services):
    mounted = [volume.split(":")[0] for volume in services["worker"]["volumes"] if volume.startswith("./")]
    assert sorted(mounted) == ["./dags", "./include", "./plugins"]
    assert all((ROOT / folder).is_dir() for folder in mounted)
