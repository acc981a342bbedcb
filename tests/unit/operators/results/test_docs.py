# SPDX-License-Identifier: Apache-2.0
"""What docs/results.md says is true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.operators import results, video
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.results.manifest import read_task_manifest
from airflow_provider_kling.results.sweep import MAX_CONSECUTIVE_FAILURES, MAX_LISTED, SweepReport
from scripts.local_airflow import ROOT
from tests.support.storages import S3Server
from tests.unit.operators.conftest import TaskInstance, run
from tests.unit.operators.results.conftest import context

PAGE = (ROOT / "docs" / "results.md").read_text("utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.M | re.S)


def table(heading: str) -> set[str]:
    """The names in the first column of the table under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}


@pytest.fixture
def tasks(kling_emulator: Emulator, tmp_path: Any) -> dict[str, Any]:
    """The tasks of the page, by id; its bucket is a folder here, and its jobs end at once."""
    with DAG("page", schedule=None) as dag:
        for source in snippets("python"):
            local = source.replace("s3://aws_default@my-videos", str(tmp_path)).replace(
                "{{ ds }}", "2026-11-20"
            )
            names = {**vars(results), **vars(video), "task": task}
            exec(local, names)
            if "print_manifests" in names:
                names["print_manifests"]()
    return {each.task_id: each for each in dag.tasks}


@pytest.fixture
def kling_emulator_options() -> dict[str, Any]:
    return {"scale": 0.1}


def test_the_tasks_of_the_page_run(
    tasks: dict[str, Any], tmp_path: Any, ti: TaskInstance, capsys: pytest.CaptureFixture[str]
):
    assert set(tasks) == {"video", "fetch", "sweep", "print_manifests"}
    tasks["video"].poll_interval = 0.2
    created = run(tasks["video"], ti)
    (shown,) = (json.loads(text) for text in snippets("json") if "videos" in text)
    assert set(shown) <= set(created)
    assert set(shown["videos"][0]) == set(created["videos"][0])
    assert created["videos"][0]["path"].startswith(f"{tmp_path}/kling/2026-11-20/")
    tasks["fetch"].render_template_fields({"params": {"job": created["task_id"]}})
    assert tasks["fetch"].execute(context())["task_id"] == created["task_id"]
    assert tasks["sweep"].execute(context())["landed_before"] == 1

    capsys.readouterr()
    tasks["print_manifests"].python_callable()
    assert capsys.readouterr().out == f"{tasks['video'].prompt} {created['units']} 0-video.mp4\n"

    manifest = read_task_manifest(f"{tmp_path}/kling/2026-11-20", created["task_id"])
    assert table("The manifest") == set(manifest)
    described = PAGE.split("| `request` |")[1].split("\n")[0]
    assert set(re.findall(r"`(\w+)`", described)) == set(manifest["request"])


def test_the_report_is_described_in_full():
    assert table("Store everything that is not stored yet") == set(SweepReport(0).to_json())


def test_s3_accepts_the_lifecycle_rule_of_the_page(s3: S3Server):
    (rule,) = (json.loads(text) for text in snippets("json") if "Rules" in text)
    client = s3.client()
    client.put_bucket_lifecycle_configuration(Bucket=s3.bucket, LifecycleConfiguration=rule)
    (stored,) = client.get_bucket_lifecycle_configuration(Bucket=s3.bucket)["Rules"]
    assert stored["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_its_numbers_are_those_of_the_code():
    rules = DownloadOptions()
    assert "tried five times" in PAGE
    assert rules.attempts == 5
    assert f"backoff of up to {rules.max_retry_delay:.0f} seconds" in PAGE
    assert "at most five redirects" in PAGE
    assert rules.max_redirects == 5
    assert f"at most {rules.max_bytes >> 30} GB a file" in PAGE
    assert f"at most {MAX_LISTED} jobs each" in PAGE
    assert PAGE.count(f"{MAX_CONSECUTIVE_FAILURES} failures in a row") == 2
