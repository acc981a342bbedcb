# SPDX-License-Identifier: Apache-2.0
"""A batch against the emulator: all rows are submitted, stored, counted and reported."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, KlingRequestInvalid, KlingTaskTimeout
from airflow_provider_kling.operators import batch as operator_module
from airflow_provider_kling.operators._batch_task import PROGRESS_KEY
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.version_compat import AirflowSkipException
from tests.unit.batch.conftest import PATH, SLUG, Batch, rows
from tests.unit.operators.conftest import Store
from tests.unit.results.conftest import Shelf


def test_every_row_is_submitted_once_stored_and_counted(kling: Emulator, batch: Batch) -> None:
    summary = batch.run(rows(25))
    assert len(kling.jobs) == 25
    assert len({job.external_task_id for job in kling.jobs}) == 25
    assert summary["rows"] == summary["done"] == summary["made"] == 25
    assert summary["failed"] == summary["running"] == summary["attached"] == 0
    assert summary["skipped"] == {}
    assert (summary["unit"], summary["units_estimated"], summary["units_charged"]) == ("image", "200", "200")
    files = batch.files()
    for job in kling.jobs:
        assert files[f"{job.task_id}/0-image.png"].startswith(b"\x89PNG")
        assert f"{job.task_id}/manifest.json" in files
    assert batch.states() == ["done"] * 25


def test_the_return_value_is_small_and_names_the_report_files(kling: Emulator, batch: Batch) -> None:
    summary = batch.run(rows(12))
    assert len(json.dumps(summary)) < 1000
    files = batch.files()
    written = json.loads(files["summary.json"])
    assert set(written.pop("airflow")) >= {"dag_id", "run_id", "task_id", "map_index"}
    assert written == summary
    assert {name for name in files if "/" not in name} == {"summary.json", "results.jsonl"}
    results = batch.lines("results.jsonl")
    assert [line["row"] for line in results] == list(range(1, 13))
    by_id = {job.task_id: job for job in kling.jobs}
    for line in results:
        job, (image,) = by_id[line["task_id"]], line["images"]
        assert job.body["prompt"] == f"product {line['row']}"
        assert line["external_task_id"] == job.external_task_id
        assert line["units"] == "8"
        assert Path(image["path"]).read_bytes()
        assert "url" not in image
    assert b"Signature" not in b"".join(text for name, text in files.items() if name.endswith("l"))


def test_manifests_of_a_batch_contain_the_request(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(1))
    (job,) = kling.jobs
    request = json.loads(batch.files()[f"{job.task_id}/manifest.json"])["request"]
    assert request["prompt"] == "product 1"
    assert request["estimate"] == "8"
    assert request["fingerprint"]


def test_rows_inputs_and_outputs_may_be_on_any_storage(
    kling: Emulator, shelf: Shelf, images: list[bytes]
) -> None:
    for number, image in enumerate(images):
        _put(f"{shelf.uri}/in/{number}.jpg", image)
    lines = [{"image": f"{shelf.uri}/in/{number}.jpg", "prompt": "turn it"} for number in range(len(images))]
    _put(f"{shelf.uri}/in/rows.jsonl", "\n".join(map(json.dumps, lines)).encode())
    batch = Batch(f"{shelf.uri}/out", endpoint="videos/image2video")
    summary = batch.run(f"{shelf.uri}/in/rows.jsonl")
    assert summary["done"] == len(images) == len(kling.jobs)
    for job in kling.jobs:
        assert batch.files()[f"{job.task_id}/0-video.mp4"][4:8] == b"ftyp"
    assert batch.retry().run(f"{shelf.uri}/in/rows.jsonl")["made"] == 0
    assert len(kling.jobs) == len(images)


def test_values_of_a_csv_are_converted_to_the_types_of_the_request(
    kling: Emulator, batch: Batch, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text('prompt,n,aspect_ratio\n"red, green",2,1:1\nblue,,16:9\n')
    summary = batch.run(str(tmp_path / "rows.csv"))
    assert [job.body.get("n") for job in sorted(kling.jobs, key=lambda job: job.body["prompt"])] == [None, 2]
    assert summary["units_charged"] == "24"
    assert len(batch.lines("results.jsonl")[0]["images"]) == 2


def test_equal_rows_are_separate_jobs(kling: Emulator, batch: Batch) -> None:
    assert batch.run([{"prompt": "the same"}] * 4)["made"] == 4
    assert len(kling.jobs) == 4
    assert batch.retry().run([{"prompt": "the same"}] * 6)["made"] == 2


def test_rows_with_equal_images_do_not_share_a_job(
    kling: Emulator, batch: Batch, tmp_path: Path, images: list[bytes]
) -> None:
    requests = []
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(images[0])
        requests.append({"image": str(tmp_path / name), "prompt": "turn"})
    assert batch.run(requests, endpoint="videos/image2video")["made"] == 2
    assert len(kling.jobs) == 2


def test_ids_of_the_user_are_used(kling: Emulator, batch: Batch) -> None:
    batch.run([{"prompt": "a", "external_task_id": "mine-1"}, {"prompt": "b"}])
    names = sorted(str(job.external_task_id) for job in kling.jobs)
    assert names[1] == "mine-1"
    assert names[0].startswith("af-")


@pytest.mark.parametrize("slug", ["audio/tts", "videos/image-recognize"])
def test_synchronous_endpoints_are_supported(
    kling: Emulator, batch: Batch, tmp_path: Path, images: list[bytes], slug: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(images[0])
    request = {"image": str(tmp_path / "a.jpg")}
    if slug == "audio/tts":
        request = {"text": "Good morning", "voice_id": "genshin_vindi2", "voice_language": "en"}
    summary = batch.run([request, {**request}], endpoint=slug)
    assert summary["done"] == 2
    assert ENDPOINTS[slug].result.value in batch.lines("results.jsonl")[0]
    assert batch.retry().run([request, {**request}], endpoint=slug)["made"] == 0


def test_one_mapped_instance_does_not_overwrite_anothers_reports(kling: Emulator, batch: Batch) -> None:
    for index in (0, 1):
        batch.ti.map_index = index
        batch.run(rows(1 + index))
    files = batch.files()
    assert json.loads(files["part-0000/summary.json"])["rows"] == 1
    assert json.loads(files["part-0001/summary.json"])["rows"] == 2
    assert len(kling.jobs) == 3


def test_another_run_of_the_dag_is_another_batch(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(2))
    batch.ti.run_id = "manual__2026-11-21"
    assert batch.run(rows(2))["made"] == 2
    assert len(kling.jobs) == 4


@pytest.fixture
def task_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log of the operator, which is not a logger of the standard library."""
    monkeypatch.setattr(KlingBatchOperator, "log", logging.getLogger("kling-tests"))
    return caplog


def test_an_empty_list_succeeds_with_a_warning(
    kling: Emulator, batch: Batch, task_log: pytest.LogCaptureFixture
) -> None:
    assert batch.run([])["rows"] == 0
    assert "0 rows in requests: it is an empty list. Nothing is submitted" in task_log.text
    assert batch.run([], on_empty="return")["rows"] == 0
    with pytest.raises(KlingRequestInvalid, match=r"^No rows in requests: .*it is an empty list"):
        batch.run("[]", on_empty="fail")
    assert kling.jobs == ()


@pytest.fixture(params=["", "\n \n", "prompt,n\r\n", "prompt\n\n,\n"])
def empty_file(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Files without rows."""
    path = tmp_path / ("rows.csv" if "prompt" in request.param else "rows.jsonl")
    path.write_text(request.param)
    return str(path)


def test_a_file_without_rows_fails_unless_it_is_allowed(
    kling: Emulator, batch: Batch, empty_file: str, task_log: pytest.LogCaptureFixture
) -> None:
    cause = f"No rows in requests: check the step before, or set on_empty='skip' or 'return' .*{empty_file}"
    for on_empty in (None, "fail"):
        with pytest.raises(KlingRequestInvalid, match=cause) as refusal:
            batch.run(empty_file, on_empty=on_empty)
        assert refusal.value.job is JobState.NOT_CREATED
    with pytest.raises(
        AirflowSkipException, match=rf"0 rows in requests: '{empty_file}' is empty, or has only"
    ):
        batch.run(empty_file, on_empty="skip")
    assert not [name for name in batch.files() if name.endswith(".json")], "reports of nothing"
    assert batch.run(empty_file, on_empty="return")["rows"] == 0
    assert "0 rows in requests" in task_log.text
    assert kling.jobs == ()


def test_a_dry_run_reports_a_file_without_rows(kling: Emulator, batch: Batch, empty_file: str) -> None:
    with pytest.raises(KlingRequestInvalid, match="No rows in requests"):
        batch.operator(empty_file).dry_run()
    for operator in (batch.operator(empty_file, on_empty="skip"), batch.operator([])):
        (warning,) = operator.dry_run()["warnings"]
        assert warning.startswith("0 rows in requests")


def test_a_shard_without_rows_of_a_file_with_some_succeeds(
    kling: Emulator, batch: Batch, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(rows(1)[0]))
    done = [batch.run(file, shard=f"{number}/2", on_empty="fail")["rows"] for number in (0, 1)]
    assert sorted(done) == [0, 1]
    file.write_text("")
    with pytest.raises(KlingRequestInvalid, match="No rows in requests"):
        Batch(str(tmp_path / "other")).run(file, shard="0/2")


def test_jobs_whose_rows_are_gone_are_stored_before_the_error(
    kling: Emulator, batch: Batch, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows(2)))
    with pytest.raises(KlingTaskTimeout):
        batch.run(file, timeout=0.1)
    assert set(batch.states()) == {"submitted"}
    file.write_text("")
    with pytest.raises(KlingRequestInvalid, match="No rows in requests") as refusal:
        batch.retry().run(file)
    assert refusal.value.job is JobState.ENDED
    assert set(batch.states()) == {"done"}


def test_the_contact_sheet_shows_first_frames(kling: Emulator, batch: Batch, images: list[bytes]) -> None:
    from PIL import Image

    summary = batch.run(rows(12), contact_sheet=True)
    with Image.open(summary["contact_sheet_path"]) as sheet:
        assert sheet.size == (1600, 2 * 174)
        colours = sheet.convert("RGB").getcolors(1 << 24)
        assert colours is not None
        assert len(colours) > 50


def test_the_progress_is_logged_and_in_airflows_store(
    kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(operator_module, "PROGRESS_SECONDS", 0.1)
    monkeypatch.setattr(KlingBatchOperator, "log", logging.getLogger("kling-tests"))
    caplog.set_level(logging.INFO)
    store = Store()
    batch.run(rows(12), {"task_state_store": store})
    progress_lines = [
        line for line in caplog.messages if re.match(r"\d+ of 12 done, \d+ running, 0 failed; ", line)
    ]
    assert len(progress_lines) >= 2
    assert store.values[PROGRESS_KEY]["rows"] == 12
    assert store.values[PROGRESS_KEY]["line"] in progress_lines
    assert not [line for line in caplog.messages if "anded" in line], (
        "a line for each job buries the progress"
    )
    assert len(caplog.messages) <= len(progress_lines) + 6


def test_a_failing_task_state_store_stops_no_row(
    kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Store):
        def set(self, key: str, value: Any) -> None:
            raise ConnectionError

    monkeypatch.setattr(operator_module, "PROGRESS_SECONDS", 0.1)
    assert batch.run(rows(3), {"task_state_store": Broken()})["done"] == 3


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"concurrency": 0}, "'concurrency': 0; expected at least 1"),
        ({"poll_interval": 0}, "'poll_interval': 0; expected "),
        ({"timeout": -1}, "'timeout': -1; expected "),
        ({"on_failure": "stop"}, "'on_failure': 'stop'; expected "),
        ({"max_failed": -0.5}, "'max_failed': -0.5; expected "),
    ],
)
def test_invalid_arguments_are_refused_when_the_dag_is_parsed(
    batch: Batch, argument: dict[str, Any], said: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=re.escape(said)):
        batch.operator(rows(1), **argument)


def test_an_unknown_endpoint_is_refused_when_the_dag_is_parsed(batch: Batch) -> None:
    with pytest.raises(KlingRequestInvalid, match="images/generation'"):
        batch.operator(rows(1), endpoint="images/generation")
    assert batch.operator(rows(1), endpoint=ENDPOINTS[SLUG]).endpoint == SLUG


@pytest.mark.parametrize("units", ["-1", "many", "nan"])
def test_a_budget_that_is_no_number_is_refused_before_payment(
    kling: Emulator, batch: Batch, units: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=f"'max_units': '{units}'; expected "):
        batch.run(rows(1), max_units=units)
    assert kling.count("POST", PATH) == 0


def test_an_unusable_output_path_is_refused_before_payment(kling: Emulator, batch: Batch, s3: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match="nobody"):
        batch.run(rows(1), output_path="s3://kling_test_s3@nobody/out")
    assert kling.count("POST", PATH) == 0


def _put(where: str, content: bytes) -> None:
    from airflow_provider_kling.utils.storage import resolve_path

    place = resolve_path(where)
    place.fs.makedirs(place.path.rpartition("/")[0], exist_ok=True)
    place.fs.pipe_file(place.path, content)


def test_two_tasks_with_one_output_path_have_separate_reports(kling: Emulator, batch: Batch) -> None:
    first = batch.run(rows(1))
    other = Batch(batch.output)
    other.ti = replace(other.ti, task_id="other")
    second = other.run(rows(2))
    assert first["summary_path"] != second["summary_path"]
    assert batch.summary()["rows"] == 1
    assert json.loads(Path(second["summary_path"].removeprefix("file://")).read_text())["rows"] == 2
