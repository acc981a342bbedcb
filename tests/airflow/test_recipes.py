# SPDX-License-Identifier: Apache-2.0
"""The recipes of the pages run in a real Airflow, and pay as often as the pages say."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import airflow
import pytest
from packaging.version import Version

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.operators.base import KlingTaskOperator
from scripts.local_airflow import ROOT

pytestmark = pytest.mark.airflow

told_why = pytest.mark.skipif(
    Version("3.0") <= Version(airflow.__version__) < Version("3.3"),
    reason="dag.test() tells callbacks what failed from Airflow 3.3 on; workers do so before, too",
)

Run = Callable[..., tuple[str, dict[str, str], Any]]


@pytest.fixture
def run(dags_folder: Path) -> Run:
    """Run the DAG of a page; return the run's state, its tasks' states, and the run."""

    def run_dag(page: str, dag_id: str, **options: Any) -> tuple[str, dict[str, str], Any]:
        text = (ROOT / "docs" / page).read_text("utf-8")
        sources = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
        (source,) = [source for source in sources if f'"{dag_id}"' in source]
        file = dags_folder / f"{dag_id}.py"
        # The wait between two tries is minutes long.
        file.write_text(source.replace("retries=2", "poll_interval=0.2"))
        names = runpy.run_path(str(file)).values()
        (dag,) = {id(each.dag): each.dag for each in names if isinstance(each, KlingTaskOperator)}.values()
        done = dag.test(**options)
        states = {ti.task_id: str(ti.state) for ti in done.get_task_instances()}
        return str(done.state), states, done

    return run_dag


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Emulator]]:
    """Two accounts, the first one with credit for no video."""
    with Emulator(speed=100, units=1, scale=0.1) as north, Emulator(speed=100, scale=0.1) as south:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_NORTH", north.connection_json())
        monkeypatch.setenv("AIRFLOW_CONN_KLING_SOUTH", south.connection_json())
        yield {"north": north, "south": south}


@told_why
def test_refused_content_goes_to_a_person(run: Run, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"refused_word": "storm"})
    state, states, _ = run("retries-and-money.md", "film_or_ask")
    assert states == {"film": "failed", "refused": "success", "ask": "success"}
    assert state == "success"
    assert not kling_emulator.jobs


def test_a_film_that_is_made_goes_to_nobody(run: Run, kling_emulator: Emulator) -> None:
    state, states, _ = run("retries-and-money.md", "film_or_ask")
    assert states == {"film": "success", "refused": "skipped", "ask": "skipped"}
    assert state == "success"
    assert len(kling_emulator.jobs) == 1


def test_another_failure_is_no_refusal(run: Run, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"failed_word": "storm", "fail_reason": "out of memory"})
    state, states, _ = run("retries-and-money.md", "film_or_ask")
    assert states == {"film": "failed", "refused": "failed", "ask": "upstream_failed"}
    assert state == "failed"


@told_why
def test_the_second_account_pays_when_the_first_is_empty(run: Run, accounts: dict[str, Emulator]) -> None:
    state, states, done = run("deployment.md", "film_by_two_accounts")
    assert states == {
        "north": "failed",
        "north_has_no_job": "success",
        "south": "success",
        "publish": "success",
    }
    assert state == "success"
    assert not accounts["north"].jobs
    (job,) = accounts["south"].jobs
    (published,) = [ti for ti in done.get_task_instances() if ti.task_id == "publish"]
    assert str(published.xcom_pull(task_ids="publish")) == job.task_id


def test_the_second_account_has_nothing_to_do_when_the_first_can(
    run: Run, accounts: dict[str, Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KLING_NORTH", accounts["south"].connection_json())
    state, states, _ = run("deployment.md", "film_by_two_accounts")
    assert states == {
        "north": "success",
        "north_has_no_job": "skipped",
        "south": "skipped",
        "publish": "success",
    }
    assert state == "success"
    assert len(accounts["south"].jobs) == 1


@pytest.mark.parametrize(
    "faults",
    [{"late_error": 1}, {"failed_job": 1}, {"refused_word": "storm"}, {"bad_credentials": 99}],
    ids=lambda faults: next(iter(faults)),
)
def test_no_other_failure_is_paid_elsewhere(
    run: Run, accounts: dict[str, Emulator], faults: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Emulator(speed=100, scale=0.1) as troubled:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_NORTH", troubled.connection_json())
        troubled.faults.set(faults)
        _, states, _ = run("deployment.md", "film_by_two_accounts")
    assert states["south"] in ("skipped", "upstream_failed")
    assert not accounts["south"].jobs


def test_a_job_that_the_first_account_has_after_all_is_not_paid_again(
    run: Run, accounts: dict[str, Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier try may have made it, and only then the credit was gone."""
    from airflow_provider_kling.hooks.kling import KlingHook

    class Found:
        task_id = "8"

    monkeypatch.setattr(KlingHook, "get_task", lambda *_, **__: Found())
    _, states, _ = run("deployment.md", "film_by_two_accounts")
    assert states["north_has_no_job"] == "failed"
    assert not accounts["south"].jobs
