# SPDX-License-Identifier: Apache-2.0
"""Adding an endpoint is the few lines that the contributing page shows: the page's own code is run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import MappingProxyType, ModuleType
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_kling.api import registry
from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.requests import video
from airflow_provider_kling.emulator import server
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators import video as operators
from scripts import generate_reference, generate_stubs
from scripts.local_airflow import EXAMPLES, ROOT
from tests.support.dag_runs import run

__all__ = ["run"]

PAGE = ROOT / "docs" / "CONTRIBUTING.md"


def code(file: str) -> str:
    found = re.findall(rf"^```python\n# {re.escape(file)}\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    assert len(found) == 1, file
    return str(found[0])


def defined(source: str, around: ModuleType, **more: Any) -> dict[str, Any]:
    """Run code as if it stood at the end of a module, and return what it defines."""
    names = {**vars(around), **more}
    exec(compile(source, around.__name__, "exec", dont_inherit=True), names)
    return {name: value for name, value in names.items() if name not in vars(around)}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The page's endpoint, as if it had been added."""
    added = defined(code("airflow_provider_kling/api/requests/video.py"), video)
    for name, value in added.items():
        monkeypatch.setattr(video, name, value, raising=False)
    made = added["TIME_LAPSE"]
    assert isinstance(made, Endpoint)
    endpoints = MappingProxyType({**registry.ENDPOINTS, made.slug: made})
    monkeypatch.setattr(registry, "ENDPOINTS", endpoints)
    for module in (server, generate_reference):
        monkeypatch.setattr(module, "ENDPOINTS", endpoints)
    return made


@pytest.fixture
def operator(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> type[Any]:
    """The page's operator, as if it had been added."""
    source = code("airflow_provider_kling/operators/video.py")
    made = defined(source, operators, TIME_LAPSE=endpoint)["KlingTimeLapseOperator"]
    monkeypatch.setattr(operators, made.__name__, made, raising=False)
    return made


def test_its_parameters_are_the_requests_fields(operator: type[Any]) -> None:
    taken = inspect.signature(operator).parameters
    assert list(taken)[:6] == ["image", "prompt", "days", "season", "callback_url", "external_task_id"]
    assert taken["days"].default is inspect.Parameter.empty
    assert taken["season"].annotation == 'Literal["spring", "autumn"] | None'
    assert {"kling_conn_id", "deferrable", "timeout", "output_path", "extra_body"} <= set(taken)
    assert operator.template_fields[:4] == ("image", "prompt", "days", "season")
    assert ":param days: How many days pass, 1 to 365." in (inspect.getdoc(operator) or "")


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"days": 0, "season": "spring"}, "'days': 0; expected 1"),
        ({"days": 1, "season": "summer"}, "'season': 'summer'"),
        ({"days": "{{ params.days }}"}, "at least one of prompt or season must be given"),
        ({"days": "{{ params.days }}", "season": "{{ params.season }}"}, None),
        ({"days": 1, "season": "spring", "saeson": "spring"}, "saeson"),
    ],
)
def test_it_is_checked_when_the_dag_is_parsed(
    operator: type[Any], given: dict[str, Any], refusal: str | None
) -> None:
    if refusal is None:
        assert operator(task_id="it", image="x.jpg", **given).days == given["days"]
        return
    # KlingError is an AirflowException; versions of Airflow differ in how they refuse a misspelled name.
    with pytest.raises((AirflowException, TypeError), match=re.escape(refusal)):
        operator(task_id="it", image="x.jpg", **given)


def test_stub_and_reference_have_it(operator: type[Any]) -> None:
    stub = generate_stubs.stubs()[ROOT / "airflow_provider_kling" / "operators" / "video.pyi"]
    declared = stub.partition("class KlingTimeLapseOperator(KlingTaskOperator):")[2]
    assert "        days: int | str | XComArg,\n" in declared
    assert '        season: Literal["spring", "autumn"] | str | XComArg | None = None,\n' in declared

    pages = {path.stem: text for path, text in generate_reference.pages().items()}
    section = pages["video"].partition("## KlingTimeLapseOperator\n")[2].partition("\n## ")[0]
    assert "| `days` | `int`, 1 to 365 | How many days pass, 1 to 365. | **required** | Kling |" in section
    assert "* at least one of prompt or season must be given" in section
    assert (
        "| `videos/time-lapse` | [KlingTimeLapseOperator](video.md#klingtimelapseoperator) | asynchronous |"
        in pages["README"]
    )


@pytest.mark.airflow
def test_it_runs(operator: type[Any], run: Callable[[str], Any], kling_emulator: Any) -> None:
    example = code("example_dags/example_kling_time_lapse.py")
    example = example.replace("Path(__file__).parent", f"Path({str(EXAMPLES)!r})").replace("=1,", "=0.2,")
    states, values = run("from pathlib import Path\n" + example)

    assert states == {"grow_older": "success"}
    made = values["grow_older"]
    assert made["endpoint"] == "videos/time-lapse"
    assert made["videos"][0]["url"].startswith(kling_emulator.url)
    (job,) = kling_emulator.jobs
    assert (job.task_id, job.external_task_id) == (made["task_id"], made["external_task_id"])
    assert job.body["days"] == 100
    assert KlingHook().find_task("videos/time-lapse", made["external_task_id"]) is not None
