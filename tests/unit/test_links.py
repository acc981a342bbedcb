# SPDX-License-Identifier: Apache-2.0
"""Where the buttons on a task instance lead."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_kling.get_provider_info import get_provider_info
from airflow_provider_kling.links import KlingConsoleLink, KlingResultLink, console_url, preview_url

RUN_ID = "manual__2026-11-20T10:00:00+00:00"
KEY: Any = SimpleNamespace(dag_id="films", run_id=RUN_ID, task_id="film", map_index=-1)
RUN = "manual__2026-11-20T10%3A00%3A00%2B00%3A00"
SIGNED = "https://cdn.klingai.com/v1.mp4?sign=SECRET"


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/team/")
    return "https://airflow.example.org/team"


def test_urls_are_those_of_airflows_pages(base_url: str) -> None:
    task = f"{base_url}/dags/films/runs/{RUN}/tasks/film"
    assert preview_url("films", RUN_ID, "film") == f"{task}/plugin/kling"
    assert preview_url("films", RUN_ID, "film", 3) == f"{task}/mapped/3/plugin/kling"
    assert preview_url("films", RUN_ID) == f"{base_url}/dags/films/runs/{RUN}/plugin/kling-run"
    assert "a%2Fb" in preview_url("a/b", "x", "group.task")


def test_without_a_base_url_the_link_is_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    assert preview_url("films", "x", "film") == "/dags/films/runs/x/tasks/film/plugin/kling"


@pytest.mark.parametrize(
    ("version", "tab"), [("3.0.6", "xcom"), ("3.1.0", "xcom"), ("3.1.8", "plugin/kling")]
)
def test_the_result_is_a_page_of_airflow(
    base_url: str, monkeypatch: pytest.MonkeyPatch, version: str, tab: str
) -> None:
    monkeypatch.setattr("airflow.__version__", version)
    link = KlingResultLink().get_link(SimpleNamespace(), ti_key=KEY)
    assert link == f"{base_url}/dags/films/runs/{RUN}/tasks/film/{tab}"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ({"task_id": "842", "endpoint": "e", "videos": [{"url": SIGNED}]}, SIGNED),
        ({"task_id": "842", "endpoint": "e", "status": "submitted"}, ""),
        (None, ""),
    ],
)
def test_on_airflow_2_the_result_is_the_file_at_kling(
    monkeypatch: pytest.MonkeyPatch, value: Any, address: str
) -> None:
    from airflow.providers.common.compat.sdk import XCom

    monkeypatch.setattr("airflow.__version__", "2.11.2")
    monkeypatch.setattr(XCom, "get_value", lambda *, ti_key, key: value if key == "return_value" else None)
    assert KlingResultLink().get_link(SimpleNamespace(), ti_key=KEY) == address


def test_no_link_raises_or_has_a_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.providers.common.compat.sdk import XCom

    def broken(**_: Any) -> None:
        raise RuntimeError(SIGNED)

    class Operator:
        @property
        def hook(self) -> None:
            raise RuntimeError(SIGNED)

    monkeypatch.setattr("airflow.__version__", "2.11.2")
    monkeypatch.setattr(XCom, "get_value", broken)
    with caplog.at_level(logging.DEBUG):
        assert KlingResultLink().get_link(Operator(), ti_key=KEY) == ""
        assert KlingConsoleLink().get_link(Operator(), ti_key=KEY) == ""
    assert caplog.text.count("RuntimeError") == 2
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    ("host", "dialect", "url"),
    [
        ("api-singapore.klingai.com", "kling", "https://kling.ai/dev"),
        ("api-beijing.klingai.com", "kling", "https://klingai.com/dev"),
        ("api.cometapi.com", "cometapi", ""),
        ("gateway.example.org", "gateway", ""),
    ],
)
def test_each_account_has_its_console(host: str, dialect: str, url: str) -> None:
    assert console_url(host, dialect) == url
    settings = SimpleNamespace(hostname=host, dialect=SimpleNamespace(name=dialect))
    operator: Any = SimpleNamespace(hook=SimpleNamespace(settings=settings))
    assert KlingConsoleLink().get_link(operator, ti_key=KEY) == url


def test_airflow_knows_both_by_their_paths() -> None:
    # A link that is not announced breaks the web server of Airflow 2.
    announced = set(get_provider_info()["extra-links"])
    assert announced == {f"{each.__module__}.{each.__name__}" for each in (KlingResultLink, KlingConsoleLink)}
