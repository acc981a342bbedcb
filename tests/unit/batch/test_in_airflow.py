# SPDX-License-Identifier: Apache-2.0
"""The batch in a real Airflow: rows from XCom, templates and mapping, and the example."""

from __future__ import annotations

import copy
import json
import re
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath

from airflow_provider_kling.batch.input import redacted_rows
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.utils.redaction import original_of
from scripts.local_airflow import EXAMPLES
from tests.support.dag_runs import run as run_dag
from tests.unit.batch.conftest import Batch, rows
from tests.unit.operators.conftest import TaskInstance, context_of

__all__ = ["run_dag"]

IMPORT = "from airflow_provider_kling.operators.batch import KlingBatchOperator"
EXAMPLE = EXAMPLES / "example_kling_batch_catalogue.py"
IMAGE = "/9j/" + "A" * 8000


@pytest.mark.airflow
def test_rows_may_come_from_another_task_in_every_form(
    run_dag: Any, tmp_path: Path, kling_emulator: Emulator
) -> None:
    states, values = run_dag(
        f"""
        {IMPORT}
        common = {{"endpoint": "images/generations", "poll_interval": 0.2, "contact_sheet": False}}

        @task
        def products():
            return [{{"prompt": "one"}}, {{"prompt": "two"}}]

        @task
        def product(number):
            return {{"prompt": f"mapped {{number}}"}}

        listed = products()
        KlingBatchOperator(
            task_id="listed", requests=listed, output_path="{tmp_path}/listed/{{{{ run_id }}}}",
            max_units="{{{{ 2 * 8 }}}}", **common,
        )
        KlingBatchOperator(
            task_id="templated", requests="{{{{ ti.xcom_pull(task_ids='products') | tojson }}}}",
            output_path="{tmp_path}/templated", **common,
        ) << listed
        KlingBatchOperator(
            task_id="collected", requests=product.expand(number=[1, 2, 3]).map(lambda row: row),
            output_path="{tmp_path}/collected", **common,
        )
        """
    )
    assert set(states.values()) == {"success"}
    assert [values[name]["done"] for name in ("listed", "templated", "collected")] == [2, 2, 3]
    assert len(kling_emulator.jobs) == 7
    (run_folder,) = (tmp_path / "listed").iterdir()
    assert json.loads((run_folder / "summary.json").read_text())["done"] == 2


@pytest.mark.airflow
def test_groups_of_rows_may_be_mapped(run_dag: Any, tmp_path: Path, kling_emulator: Emulator) -> None:
    states, _ = run_dag(
        f"""
        {IMPORT}

        @task
        def groups():
            return [[{{"prompt": f"{{group}}-{{number}}"}} for number in range(3)] for group in range(2)]

        KlingBatchOperator.partial(
            task_id="batch", endpoint="images/generations", output_path="{tmp_path}/out", poll_interval=0.2,
        ).expand(requests=groups())
        """
    )
    assert set(states.values()) == {"success"}
    assert len(kling_emulator.jobs) == 6
    parts = sorted(path.name for path in (tmp_path / "out").glob("part-*"))
    assert parts == ["part-0000", "part-0001"]
    assert len(list((tmp_path / "out").glob("*/manifest.json"))) == 6
    assert len(list((tmp_path / "out" / "_ledger").iterdir())) == 2


@pytest.mark.airflow
def test_the_example_runs(
    kling_emulator: Emulator, dags_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLING_EXAMPLE_OUTPUT", str(tmp_path / "catalogue"))
    shutil.copy(EXAMPLE, dags_folder)
    shutil.copytree(EXAMPLES / "assets", dags_folder / "assets")
    dag = runpy.run_path(str(EXAMPLE))["dag"]
    for name in ("image", "animate"):
        dag.get_task(name).poll_interval = 0.2
    run = dag.test()
    assert run.state == "success"
    (images,) = (tmp_path / "catalogue").glob("*/images")
    (videos,) = (tmp_path / "catalogue").glob("*/videos")
    assert len((images / "results.jsonl").read_text().splitlines()) == 6
    assert len(list(videos.glob("*/0-video.mp4"))) == 3
    assert (videos / "contact-sheet.jpg").exists()
    assert len(kling_emulator.jobs) == 9
    units = re.findall(r"(\d+) (image|video) units", EXAMPLE.read_text())
    charged = {folder: json.loads((folder / "summary.json").read_text()) for folder in (images, videos)}
    assert units == [(charged[folder]["units_charged"], charged[folder]["unit"]) for folder in charged]


def context(ti: TaskInstance, **values: Any) -> Any:
    """A context that templates can be rendered with."""
    return context_of(ti, dag=None, dag_run=SimpleNamespace(conf={}), params={}, **values)


def stored(operator: Any) -> str:
    """What Airflow stores as rendered template fields."""
    return str({name: getattr(operator, name) for name in operator.template_fields})


def test_airflow_stores_no_images_of_rows(kling: Emulator, batch: Batch) -> None:
    operator = batch.operator([{"image": IMAGE, "prompt": "{{ words }}"}] * 9)
    for _ in range(2):
        operator.render_template_fields(context(batch.ti, words="waves"))
        assert IMAGE[:200] not in stored(operator)
        assert "waves" in stored(operator)
        assert "4 more rows" in stored(operator)
        assert len(stored(operator)) < 3000


def test_the_rendered_rows_are_submitted_and_not_the_displayed_ones(kling: Emulator, batch: Batch) -> None:
    operator = batch.operator([{"prompt": "{{ words }} " + str(number)} for number in range(7)])
    operator.render_template_fields(context(batch.ti, words="waves"))
    operator.execute(context_of(batch.ti))
    assert sorted(job.body["prompt"] for job in kling.jobs) == [f"waves {number}" for number in range(7)]


def test_rows_changed_before_execution_are_submitted(kling: Emulator, batch: Batch) -> None:
    """As in pre_execute, or in a derived operator's execute: what is shown there is short of the rest."""
    operator = batch.operator([{"image": IMAGE, "prompt": f"row {number}"} for number in range(7)])
    operator.render_template_fields(context(batch.ti))
    operator.requests[0]["prompt"] = "changed"
    operator.requests.append({"prompt": "added"})
    assert operator.original("requests") == [
        {"image": IMAGE, "prompt": "changed"},
        *({"image": IMAGE, "prompt": f"row {number}"} for number in range(1, 7)),
        {"prompt": "added"},
    ]
    operator.render_template_fields(context(batch.ti))
    assert len(operator.original("requests")) == 8
    operator.requests = [{"prompt": "another list"}]
    operator.execute(context_of(batch.ti))
    assert [job.body["prompt"] for job in kling.jobs] == ["another list"]


@pytest.mark.parametrize(
    ("original", "change", "expected"),
    [
        ([{"prompt": "a"}], lambda displayed: displayed, [{"prompt": "a"}]),
        (
            [{"prompt": "a"}],
            lambda displayed: [*displayed, {"prompt": "b"}],
            [{"prompt": "a"}, {"prompt": "b"}],
        ),
        ([{"prompt": "a"}] * 9, lambda displayed: displayed[:2], [{"prompt": "a"}] * 2),
        ("s3://bucket/rows.jsonl", lambda displayed: displayed, "s3://bucket/rows.jsonl"),
        ("s3://bucket/rows.jsonl", lambda displayed: "/other.jsonl", "/other.jsonl"),
        ("s3://bucket/rows.jsonl", lambda displayed: [{"prompt": "a"}], [{"prompt": "a"}]),
        ([{"prompt": "a"}], lambda displayed: "/other.jsonl", "/other.jsonl"),
    ],
)
def test_the_original_rows_are_restored_unless_the_field_was_changed(
    original: Any, change: Any, expected: Any
) -> None:
    assert original_of(change(redacted_rows(original))) == expected


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_the_operator_do_not_share_rows(kling: Emulator, batch: Batch, copied: Any) -> None:
    original = batch.operator([{"prompt": "{{ day }}"}])
    for day in ("monday", "tuesday"):
        operator = copied(original)
        operator.render_template_fields(context(batch.ti, day=day))
        assert operator.original("requests") == [{"prompt": day}]
    operator.on_kill()


def test_paths_may_be_objects(kling: Emulator, batch: Batch, tmp_path: Path) -> None:
    (tmp_path / "rows-7.jsonl").write_text("\n".join(map(json.dumps, rows(3))))
    out = ObjectStoragePath(f"file://{tmp_path}/out-{{{{ day }}}}")
    operator = batch.operator(
        ObjectStoragePath(f"file://{tmp_path}/rows-{{{{ day }}}}.jsonl"), output_path=out
    )
    operator.render_template_fields(context(batch.ti, day="7"))
    assert "rows-7.jsonl" in stored(operator)
    summary = operator.execute(context_of(batch.ti))
    assert summary["done"] == 3
    assert summary["summary_path"].endswith("out-7/summary.json")


def test_the_operator_can_be_used_and_mapped_in_a_dag() -> None:
    with DAG("films", schedule=None) as dag:
        common = {"endpoint": "images/generations", "output_path": "/tmp/out"}
        operator = _operator()(task_id="batch", requests="s3://bucket/rows.jsonl", **common)
        mapped = _operator().partial(task_id="mapped", **common).expand(requests=["/a/1.jsonl", "/a/2.jsonl"])
    assert set(dag.task_ids) == {"batch", "mapped"}
    assert operator.template_fields[0] == "requests"
    assert mapped.operator_class is _operator()


def _operator() -> Any:
    from airflow_provider_kling.operators.batch import KlingBatchOperator

    return KlingBatchOperator
