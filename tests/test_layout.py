"""The package as Airflow, pip and Python see it: nothing of ours stands in the way of anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "plugins"

#: Airflow's loader runs in every component and, from another package, in every task process.
LOADERS = ["airflow.plugins_manager", "airflow.sdk.plugins_manager"]

LOAD_PLUGINS = """
import importlib, json, sys
plugins, errors = importlib.import_module(sys.argv[1])._get_plugins()
json.dump({
    "plugins": sorted(str(plugin.name) for plugin in plugins),
    "errors": errors,
    "modules": {name: str(getattr(module, "__file__", None)) for name, module in list(sys.modules.items())},
}, sys.stdout)
"""


def modules() -> list[str]:
    """The dotted names of all our modules, without the package itself."""
    paths = [path.relative_to(PLUGINS).with_suffix("") for path in (PLUGINS / "calimport").rglob("*.py")]
    return sorted({".".join(path.parts).removesuffix(".__init__") for path in paths} - {"calimport"})


def python(program: str, *arguments: str, **environment: str) -> Any:
    """What a fresh Python that runs ``program`` prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(PLUGINS), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=LOADERS)
def loaded(request, tmp_path_factory) -> dict[str, Any]:
    """What a process holds after Airflow has loaded the plugins."""
    home = tmp_path_factory.mktemp("airflow")
    return python(
        LOAD_PLUGINS,
        request.param,
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__PLUGINS_FOLDER=str(PLUGINS),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
    )


@pytest.mark.airflow
def test_airflow_registers_the_plugin(loaded):
    assert "calimport" in loaded["plugins"]
    assert loaded["errors"] == {}


@pytest.mark.airflow
def test_the_standard_library_survives_airflow_loading_plugins(loaded):
    ours = {
        name: file
        for name, file in loaded["modules"].items()
        if name.partition(".")[0] in sys.stdlib_module_names and file.startswith(str(PLUGINS))
    }
    assert ours == {}
    assert Path(loaded["modules"]["calendar"]).parent == Path(sysconfig.get_path("stdlib"))


@pytest.mark.airflow
def test_airflow_imports_no_module_of_ours_under_its_bare_name(loaded):
    """Twice imported, an exception class would exist twice, and no ``except`` would catch the other one."""
    ours = {name for name, file in loaded["modules"].items() if file.startswith(str(PLUGINS))}
    assert {name for name in ours if name.partition(".")[0] != "calimport"} == {"airflow_plugin"}


@pytest.mark.airflow
def test_loading_the_plugin_costs_no_heavy_import(loaded):
    """Every task process pays for what the entry module imports."""
    ours = {name for name, file in loaded["modules"].items() if file.startswith(str(PLUGINS))}
    assert ours == {"airflow_plugin"}
    assert "pandas" not in loaded["modules"]


def test_no_module_is_named_like_one_of_the_standard_library():
    assert {name for name in modules() if name.rpartition(".")[2] in sys.stdlib_module_names} == set()


def test_importing_the_package_imports_neither_pandas_nor_airflow():
    imported = python("import calimport, json, sys; print(json.dumps(sorted(sys.modules)))")
    assert "calimport" in imported
    assert {"pandas", "numpy", "airflow", "sqlalchemy", "httpx"} & set(imported) == set()


def test_the_wheel_holds_every_module_and_every_sql_file(tmp_path):
    """Built from a copy, because setuptools leaves a ``build`` folder behind."""
    source = tmp_path / "source"
    wanted = ["plugins", "include", "*.toml", "*.in", "README.md"]
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())

    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", *offline, "--wheel-dir", str(tmp_path), str(source)],
        check=True,
    )

    (wheel,) = tmp_path.glob("calimport-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {name.removeprefix("plugins/") for name in tracked if name.startswith("plugins/")}
    expected |= {name.replace("include/sql/", "calimport/sql/") for name in tracked if name.endswith(".sql")}
    assert {"calimport/.airflowignore", "calimport/sql/migrations/0001_calendars.sql"} <= expected
    assert expected - held == set()
