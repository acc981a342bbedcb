# SPDX-License-Identifier: Apache-2.0
"""The plugin as Airflow's processes load it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
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


def test_airflow_finds_it() -> None:
    (found,) = [each for each in entry_points(group="airflow.plugins") if each.name == "kling"]
    assert found.load() is preview.KlingPlugin


def test_no_process_but_the_api_server_loads_the_web_application() -> None:
    code = """
import json, sys
from airflow.providers.common.compat.sdk import AirflowPlugin, BaseOperatorLink, conf
before = set(sys.modules)
import airflow_provider_kling.plugins.preview
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    heavy = {"fastapi", "starlette", "requests", "aiohttp", "sqlalchemy", "pydantic"}
    assert not heavy & {name.partition(".")[0] for name in loaded}
    assert len(loaded) < 15, loaded
