"""The plugin's two apps: one that cannot be built says so, and leaves the other, and Airflow, alone."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

pytestmark = pytest.mark.airflow


def test_an_app_that_cannot_be_built_answers_503_and_leaves_the_other_alone(monkeypatch):
    from calimport.airflow_plugin import CalimportPlugin
    from calimport.web import app as pages

    def fails():
        raise RuntimeError("no such luck")

    monkeypatch.setattr(pages, "airflow_app", fails)

    apps = {one["url_prefix"]: TestClient(one["app"]) for one in CalimportPlugin().fastapi_apps}

    assert list(apps) == ["/calimport", "/api/v1"]
    broken = apps["/calimport"].get("/ui/")
    assert broken.status_code == 503
    assert broken.json()["detail"].startswith("The calendars page could not be started: RuntimeError")
    assert apps["/api/v1"].get("/openapi.json").status_code == 200


def test_the_menu_leads_to_the_page_by_a_relative_address():
    """So that it holds behind any `[api] base_url`."""
    from calimport.airflow_plugin import CalimportPlugin

    (view,) = CalimportPlugin.external_views

    assert (view["href"], view["category"], view["url_route"]) == ("calimport/ui/", "browse", "calendars")
    assert not any(str(value).startswith("/") for value in view.values())
