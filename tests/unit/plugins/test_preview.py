# SPDX-License-Identifier: Apache-2.0
"""The plugin as Airflow's processes load it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType

import pytest

from airflow_provider_kling import links
from airflow_provider_kling.plugins import preview


@pytest.fixture
def reloaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The plugin's module; a test may reload it, which is undone afterwards."""
    yield preview
    monkeypatch.undo()
    importlib.reload(preview)


@pytest.mark.parametrize("version", ["2.11.2", "3.0.6", "3.1.0"])
def test_older_versions_get_a_plugin_that_does_nothing(
    reloaded: ModuleType, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr("airflow.__version__", version)
    assert not links.has_preview()
    plugin = importlib.reload(reloaded).KlingPlugin
    assert (plugin.fastapi_apps, plugin.external_views) == ([], [])


@pytest.mark.parametrize("version", ["3.1.1", "3.1.8", "3.2.0rc1", "3.10.0", "4.0.0.dev0"])
def test_newer_versions_get_two_tabs(
    reloaded: ModuleType, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr("airflow.__version__", version)
    plugin = importlib.reload(reloaded).KlingPlugin
    routes = {view["destination"]: view["url_route"] for view in plugin.external_views}
    assert routes == {"task_instance": links.PREVIEW_ROUTE, "dag_run": links.RUN_PREVIEW_ROUTE}
    # Relative: below whatever path Airflow is served.
    assert all(view["href"].startswith("kling/?dag_id={DAG_ID}") for view in plugin.external_views)


def test_airflow_finds_the_plugin() -> None:
    (found,) = [each for each in entry_points(group="airflow.plugins") if each.name == "kling"]
    assert found.load() is preview.KlingPlugin
