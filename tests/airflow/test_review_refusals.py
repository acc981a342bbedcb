# SPDX-License-Identifier: Apache-2.0
"""The example of reviewed refusals, mapped, in a real Airflow: none fails, and none is tried twice."""

from __future__ import annotations

import json
import runpy
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import airflow
import pytest
from packaging.version import Version

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import EXAMPLES

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        Version(airflow.__version__) < Version("3.1")
        or Version(version("apache-airflow-providers-standard")) < Version("1.13"),
        reason="needs Airflow 3.1 with apache-airflow-providers-standard 1.13",
    ),
]

FILE = EXAMPLES / "example_kling_review_refusals.py"


def load(dags_folder: Path, storage: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The example, which stores its results in a folder of the test."""
    monkeypatch.setenv("KLING_EXAMPLE_STORAGE", str(storage))
    shutil.copy(FILE, dags_folder)
    return runpy.run_path(str(FILE))


@pytest.mark.parametrize(
    "numbers", [(6, 2), pytest.param((100, 7), marks=pytest.mark.slow)], ids=["6 jobs", "100 jobs"]
)
def test_refused_jobs_become_review_items(
    numbers: tuple[int, int],
    kling_emulator: Emulator,
    dags_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, refused = numbers
    dag = load(dags_folder, tmp_path, monkeypatch)["dag"]
    # The triggerer's way is the other examples' test, and takes its time.
    dag.get_task("make").partial_kwargs["deferrable"] = False
    kling_emulator.faults.set({"refused_word": "forbidden"})
    prompts = [f"{'forbidden' if number < refused else 'fine'} product {number}" for number in range(jobs)]

    # There is no reviewer here; another test covers the review.
    run = dag.test(run_conf={"prompts": prompts}, mark_success_pattern="review")

    instances = run.get_task_instances()
    assert {ti.state for ti in instances if ti.task_id == "make"} == {"success"}
    made = [ti for ti in instances if ti.task_id == "make"]
    assert len(made) == jobs
    assert {ti.try_number for ti in made} == {1}
    assert len([ti for ti in instances if ti.task_id == "review" and ti.map_index >= 0]) == refused
    assert len(list(tmp_path.glob("*/0-image.*"))) == jobs - refused
    assert len(kling_emulator.jobs) == jobs - refused


def test_an_edited_prompt_is_a_new_job_whose_manifest_names_the_first(
    kling_emulator: Emulator, dags_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.operators.conftest import TaskInstance, context_of

    example = load(dags_folder, tmp_path, monkeypatch)
    operator = example["KlingImageGenerationOperator"]
    common = {"output_path": str(tmp_path), "idempotency_scope": "inputs", "on_refused": "return"}
    kling_emulator.faults.set({"failed_word": "forbidden"})
    first = operator(task_id="make", prompt="a forbidden pot", **common).execute(context_of(TaskInstance()))
    dropped = {**first, "prompt": "another"}

    (item,) = example["describe"].function([first])
    assert "a forbidden pot" in item["subject"]
    assert first["reason"] in item["body"]
    answers = [
        {
            "chosen_options": ["Make again"],
            "params_input": {"prompt": "a red pot"},
            "responded_by_user": {"id": "1", "name": "kim"},
        },
        {"chosen_options": ["Drop"], "params_input": {"prompt": "never"}},
    ]
    (request,) = example["second_tries"].function([first, dropped], answers)
    second = operator(task_id="second_try", **request, **common).execute(context_of(TaskInstance()))

    assert second["status"] == "succeed"
    assert [job.task_id for job in kling_emulator.jobs] == [first["task_id"], second["task_id"]]
    manifest = json.loads((tmp_path / second["task_id"] / "manifest.json").read_text())
    assert (manifest["task_id"], manifest["external_task_id"]) == (
        second["task_id"],
        second["external_task_id"],
    )
    assert manifest["labels"] == {
        "first_task_id": first["task_id"],
        "first_external_task_id": first["external_task_id"],
        "reviewed_by": "kim",
    }
