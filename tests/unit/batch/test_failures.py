# SPDX-License-Identifier: Apache-2.0
"""Rows fail one by one: the others continue, and the reports say which, why and what was requested."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAccountError,
    KlingContentRefused,
    KlingRequestInvalid,
    KlingTaskFailed,
)
from airflow_provider_kling.hooks import flows
from airflow_provider_kling.hooks.connection import KlingSettings
from tests.unit.batch.conftest import PATH, Batch, rows


def test_one_failed_row_does_not_stop_others_and_fails_the_task(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"failed_word": "product 4", "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed, match=r"1 rows failed, 0 may; .*9 of 10 rows are done and stored"):
        batch.run(rows(10))
    assert len(kling.jobs) == 10
    (failure,) = batch.lines("failures.jsonl")
    assert failure["row"] == 4
    assert failure["state"] == "failed"
    assert "an internal error" in failure["error"]
    assert failure["request"] == {"prompt": "product 4"}
    assert failure["task_id"] == kling.jobs[3].task_id or len(failure["task_id"]) > 5
    assert len(batch.lines("results.jsonl")) == 9


def test_refused_rows_are_listed_in_a_separate_file(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"refused_word": "product 2", "failed_word": "product 5"})
    with pytest.raises(KlingContentRefused, match="2 rows failed"):
        batch.run(rows(6))
    refused = batch.lines("refused.jsonl")
    assert [line["row"] for line in refused] == [2, 5]
    assert "1301" in refused[0]["error"]
    assert "risk control" in refused[1]["error"]
    assert "failures.jsonl" not in batch.files()
    assert batch.summary()["refused"] == 2


def test_a_batch_succeeds_with_at_most_max_failed_failures(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"refused_word": "product 2"})
    summary = batch.run(rows(10), max_failed=0.1)
    assert (summary["done"], summary["refused"]) == (9, 1)
    assert summary["refused_path"].endswith("refused.jsonl")
    assert batch.retry().run(rows(10), max_failed=1)["done"] == 9


@pytest.mark.parametrize("allowed", [2, 0.1], ids=["count", "share"])
def test_more_than_max_failed_failures_stop_the_batch(
    start: Callable[..., Emulator], batch: Batch, allowed: float
) -> None:
    kling = start(slots=2)
    kling.faults.set({"failed_word": "product", "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed, match="2 may"):
        batch.run(rows(20), max_failed=allowed, concurrency=2)
    assert 3 <= len(kling.jobs) <= 3 + 2
    assert batch.summary()["skipped"] == {"failures": 20 - len(kling.jobs)}


def test_fail_stops_at_the_first_failure_and_lets_running_jobs_end(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(slots=2)
    kling.faults.set({"failed_word": "product 1", "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed):
        batch.run(rows(30), on_failure="fail", concurrency=2)
    assert len(kling.jobs) <= 4
    assert set(batch.states()) <= {"failed", "done", "open"}


def test_invalid_rows_are_reported_before_payment(kling: Emulator, batch: Batch, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        "\n".join(
            [
                '{"prompt": "good"}',
                "",
                '{"prompt": "bad", "n": 99}',
                '{"prompt": ',
                '{"prompt": "good", "external_task_id": "mine"}',
                '{"prompt": "twice", "external_task_id": "mine"}',
                '{"promt": "misspelt"}',
            ]
        )
    )
    with pytest.raises(KlingRequestInvalid) as refusal:
        batch.run(tmp_path / "rows.jsonl", on_failure="fail")
    text = str(refusal.value)
    assert text.startswith("4 of 6 rows cannot be sent, so nothing new was: Row 2 (line 3): ")
    for part in (
        "Invalid value for 'n': 99; expected 1 to 9",
        "Row 3 (line 4): it is no JSON: Expecting value at column 12",
        "Row 5 (line 6): external_task_id 'mine' is row 4's",
        "Row 6 (line 7): ",
        "promt",
    ):
        assert part in text
    assert kling.count("POST", PATH) == 0


def test_only_the_first_invalid_rows_are_listed(kling: Emulator, batch: Batch) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"40 of 40 rows cannot be sent.* And 30 more\.") as refusal:
        batch.run([{"prompt": f"{number}", "n": 99} for number in range(40)], on_failure="fail")
    assert len(str(refusal.value)) < 4000


def test_valid_rows_are_submitted_and_invalid_ones_reported(kling: Emulator, batch: Batch) -> None:
    requests: list[Any] = [*rows(3), {"prompt": "bad", "n": 99}, "no dict"]
    with pytest.raises(KlingRequestInvalid, match=r"2 rows failed, 0 may; .*3 of 5 rows are done"):
        batch.run(requests)
    assert [(line["row"], line["state"]) for line in batch.lines("failures.jsonl")] == [
        (4, "invalid"),
        (5, "invalid"),
    ]
    assert len(kling.jobs) == 3


def test_too_many_invalid_rows_stop_a_batch_before_payment(kling: Emulator, batch: Batch) -> None:
    faulty = [{"prompt": f"{number}", "n": 99} for number in range(3)]
    with pytest.raises(KlingRequestInvalid, match="3 rows failed, 2 may"):
        batch.run([*rows(5), *faulty], max_failed=2)
    assert kling.count("POST", PATH) == 0


def test_a_corrected_row_is_submitted_in_the_next_try(
    kling: Emulator, batch: Batch, tmp_path: Path, images: list[bytes]
) -> None:
    requests = [{"image": str(tmp_path / f"{name}.jpg"), "prompt": "turn"} for name in "ab"]
    (tmp_path / "a.jpg").write_bytes(images[0])
    with pytest.raises(KlingRequestInvalid, match="1 rows failed"):
        batch.run(requests, endpoint="videos/image2video")
    assert "b.jpg" in batch.lines("failures.jsonl")[0]["error"]
    (tmp_path / "b.jpg").write_bytes(images[1])
    assert batch.retry().run(requests, endpoint="videos/image2video")["done"] == 2
    assert len(kling.jobs) == 2


def test_a_row_that_kling_finds_invalid_fails_alone(start: Callable[..., Emulator], batch: Batch) -> None:
    kling = start(strict=True)
    with pytest.raises(KlingRequestInvalid, match="1 rows failed"):
        batch.run([*rows(2), {"prompt": "x", "model_name": "kling-v99"}])
    assert len(kling.jobs) == 2
    assert "kling-v99" in batch.lines("failures.jsonl")[0]["error"]


def test_reports_contain_no_images_and_no_signatures(
    kling: Emulator, batch: Batch, images: list[bytes]
) -> None:
    image = base64.b64encode(images[0] + bytes(3000)).decode()
    kling.faults.set({"failed_word": "turn", "fail_reason": "an internal error"})
    request = {"image": image, "prompt": "turn", "image_tail": "https://x.example/b.jpg?Signature=secret"}
    with pytest.raises(KlingTaskFailed):
        batch.run([request], endpoint="videos/image2video", extra_body=None)
    text = b"".join(content for name, content in batch.files().items() if name.endswith((".json", ".jsonl")))
    assert b"turn" in text
    assert image[:200].encode() not in text
    assert b"secret" not in text


def test_the_log_lists_only_the_first_failures(
    kling: Emulator, batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KlingRequestInvalid):
        batch.run([{"prompt": f"{number}", "n": 99} for number in range(300)])
    named = [record for record in caplog.records if record.getMessage().startswith("Row ")]
    assert len([record for record in named if record.levelname == "WARNING"]) == 20
    assert len(batch.lines("failures.jsonl")) == 300


def deny(monkeypatch: pytest.MonkeyPatch, *prompts: str) -> None:
    """Let Kling say of some rows that the account may not ask for that."""
    create = flows.create

    def deny_some(settings: KlingSettings, endpoint: Any, body: Any) -> flows.Flow[Any]:
        if body["prompt"] in prompts:
            raise KlingAccountError("not permitted", code=1103, job=JobState.NOT_CREATED)
        return create(settings, endpoint, body)

    monkeypatch.setattr(flows, "create", deny_some)


def test_a_row_without_permission_fails_alone(
    kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, "product 1", "product 6", "product 8")
    with pytest.raises(KlingTaskFailed, match=r"3 rows failed, 0 may; .*6 of 9"):
        batch.run(rows(9), concurrency=1)
    assert batch.summary()["skipped"] == {}


def test_an_account_without_any_permission_stops_the_batch(
    kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, *(row["prompt"] for row in rows(40)))
    with pytest.raises(KlingAccountError, match="0 of 40 rows are done"):
        batch.run(rows(40), concurrency=1)
    assert 30 < batch.summary()["skipped"]["account"] < 40
