# SPDX-License-Identifier: Apache-2.0
"""``regenerate_on_fail``: another take while the stored files fail the media check."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator import responses
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingMediaCheckFailed, KlingRequestInvalid
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.results import media_check
from airflow_provider_kling.results.rejected_jobs import next_take
from tests.unit.operators.conftest import TaskInstance, context_of, fire, image_to_video

Make = Callable[..., Any]
Break = Callable[[int], None]


@pytest.fixture
def spoil(kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let the files of the first jobs count as black, whenever and however often they are checked."""

    def first(count: int) -> None:
        real = media_check._check

        def check(file: Any, rules: Any) -> Any:
            found = real(file, rules)
            invalid = [job.task_id for job in kling_emulator.jobs[:count]]
            if any(f"/{name}/" in file.uri for name in invalid):
                return replace(found, failures=("black frames: 100 %, maximum 25 %",))
            return found

        monkeypatch.setattr(media_check, "_check", check)

    return first


@pytest.fixture
def film(make: Make, tmp_path: Path) -> Make:
    defaults = {"output_path": str(tmp_path), "regenerate_on_fail": 1, "prompt": "waves", "duration": "5"}
    return lambda **arguments: make(**{**defaults, **arguments})


def run_all(make: Callable[[], Any], ti: TaskInstance) -> Any:
    """Run a task with as many deferrals as it takes; each part has an operator of its own, as in Airflow."""
    values = context_of(ti)
    step: Callable[[], Any] = lambda: make().execute(values)  # noqa: E731
    while True:
        try:
            return step()
        except TaskDeferred as deferred:
            method, event, more = deferred.method_name, fire(deferred), deferred.kwargs or {}
            operator = make()
            step = lambda: getattr(operator, method)(values, event=event, **more)  # noqa: B023, E731


def test_bad_files_are_made_again_once_and_stay(
    film: Make, spoil: Break, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    spoil(1)
    result = run_all(film, ti)
    first, second = kling_emulator.jobs
    assert result["task_id"] == second.task_id
    assert result["media_check"] == {"passed": True}
    (rejected,) = result["rejected"]
    assert (rejected["task_id"], rejected["take"], rejected["units"]) == (first.task_id, "", "3")
    (invalid,) = rejected["files"]
    assert invalid["failures"] == ["black frames: 100 %, maximum 25 %"]
    stored = Path(invalid["path"].removeprefix("file://"))
    assert stored.stat().st_size > 1000
    verdict = json.loads((stored.parent / "manifest.json").read_text())["media_check"]
    assert verdict["passed"] is False
    assert ti.xcoms["request"]["take"] == "2"
    assert ti.xcoms["task_id"] == second.task_id


def test_a_retry_makes_no_third(film: Make, spoil: Break, ti: TaskInstance, kling_emulator: Emulator) -> None:
    """The worker dies after the second job was made; the next try finds both."""
    spoil(1)
    result = run_all(film, ti)
    second = run_all(film, ti.retried())
    assert second["task_id"] == result["task_id"]
    assert second["rejected"][0]["task_id"] == kling_emulator.jobs[0].task_id
    assert len(kling_emulator.jobs) == 2


def test_if_the_last_take_fails_the_check_the_task_fails_without_a_retry(
    film: Make, spoil: Break, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    spoil(9)
    for _ in range(2):
        with pytest.raises(KlingMediaCheckFailed, match="2 jobs were made for it") as failed:
            run_all(film, ti)
        assert failed.value.task_id == kling_emulator.jobs[1].task_id
        ti = ti.retried()
    assert len(kling_emulator.jobs) == 2


def test_a_clear_starts_with_the_first_take(
    film: Make, spoil: Break, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    spoil(1)
    run_all(film, ti)
    result = run_all(film, ti.cleared())
    assert len(kling_emulator.jobs) == 3
    assert result["task_id"] == kling_emulator.jobs[2].task_id
    assert "rejected" not in result


@pytest.mark.parametrize("limits", [{"max_units": 6}, {"max_units": 5}, {"max_usd": 0.5}], ids=str)
def test_all_takes_together_stay_within_the_limit(
    spoil: Break, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path, limits: dict[str, Any]
) -> None:
    """A job costs 3 units, which are 0.42 US dollars."""
    spoil(9)
    task = image_to_video(
        output_path=str(tmp_path), regenerate_on_fail=3, prompt="waves", duration="5", **limits
    )
    with pytest.raises(KlingMediaCheckFailed, match="jobs could cost more than the limit of"):
        task.execute(context_of(ti))
    assert len(kling_emulator.jobs) == (2 if limits == {"max_units": 6} else 1)


@pytest.mark.parametrize(
    "charge",
    [
        {"final_balance_deduction": {"quota": "0.8", "list_price": "0.84"}},
        {
            "final_unit_deduction": "3",
            "final_balance_deduction": {"quota": "0.4", "list_price": "0.42"},
        },
    ],
    ids=["cash", "units_and_cash"],
)
def test_takes_that_are_charged_in_cash_stay_within_the_limit(
    spoil: Break,
    kling_emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    charge: dict[str, Any],
) -> None:
    """A job is charged what 6 units are worth, twice what its estimate says."""
    monkeypatch.setattr(responses, "_charge", lambda job: charge)
    spoil(9)
    task = image_to_video(
        output_path=str(tmp_path), regenerate_on_fail=3, prompt="waves", duration="5", max_units=8
    )
    with pytest.raises(KlingMediaCheckFailed, match="2 jobs could cost more than the limit of 8 units"):
        task.execute(context_of(TaskInstance()))
    assert len(kling_emulator.jobs) == 1


def test_a_shared_result_that_fails_the_check_is_replaced_once(
    film: Make, spoil: Break, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    spoil(1)
    first = run_all(lambda: film(idempotency_scope="inputs"), ti)
    other = TaskInstance(dag_id="other", run_id="tomorrow")
    second = run_all(lambda: film(idempotency_scope="inputs"), other)
    assert second["task_id"] == first["task_id"]
    assert second["units"] == "0"
    assert len(kling_emulator.jobs) == 2


def test_an_accepted_result_that_is_lost_after_thirty_days_is_made_again_with_a_warning(
    spoil: Break, ti: TaskInstance, kling_emulator: Emulator, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Its first take was rejected, so that is the first one to be made again; here it is rejected again."""

    def image() -> Any:
        return KlingImageGenerationOperator(
            task_id="film",
            prompt="waves",
            output_path=str(tmp_path),
            regenerate_on_fail=1,
            idempotency_scope="inputs",
            poll_interval=0.2,
        )

    spoil(1)
    run_all(image, ti)
    before = kling_emulator.jobs
    shutil.rmtree(tmp_path / before[1].task_id)
    spoil(3)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31)):
        created = run_all(image, TaskInstance(dag_id="other", run_id="a month later"))
    assert (created["task_id"], created["units"]) == (kling_emulator.jobs[3].task_id, "8")
    assert len(kling_emulator.jobs) == 4
    assert f"The stored result of job {before[1].task_id} is not complete" in caplog.text
    warned = [line for line in caplog.text.splitlines() if "has deleted the result of job" in line]
    for line, job in zip(warned, before, strict=True):
        assert f"job {job.task_id}" in line
        assert "a new job is made and charged" in line


def test_a_wait_for_a_slot_between_two_takes_pays_no_job_twice(
    spoil: Break, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    spoil(1)

    def task() -> Any:
        return image_to_video(
            output_path=str(tmp_path), regenerate_on_fail=1, prompt="waves", duration="5", deferrable=True
        )

    values = context_of(ti)
    with pytest.raises(TaskDeferred) as first:
        task().execute(values)
    event = fire(first.value)
    kling_emulator.faults.set({"slots_taken": 1})
    with pytest.raises(TaskDeferred) as full:
        task().execute_complete(values, event=event)
    assert full.value.method_name == "resume_submission"
    with pytest.raises(TaskDeferred) as second:
        task().resume_submission(values, event=fire(full.value))
    result = task().execute_complete(values, event=fire(second.value))
    assert result["task_id"] == kling_emulator.jobs[1].task_id
    assert len(kling_emulator.jobs) == 2


def test_a_refused_take_names_the_rejected_job_that_was_paid(
    spoil: Break, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    spoil(1)
    budget = KlingBudget("clips", 100, path=str(tmp_path / "budget"))

    def task() -> Any:
        return image_to_video(
            output_path=str(tmp_path / "out"),
            regenerate_on_fail=1,
            prompt="waves",
            duration="5",
            deferrable=True,
            on_refused="return",
            budget=budget,
        )

    with pytest.raises(TaskDeferred) as first:
        task().execute(context_of(ti))
    event = fire(first.value)
    kling_emulator.faults.set({"refused_word": "waves"})
    result = task().execute_complete(context_of(ti), event=event)
    (job,) = kling_emulator.jobs
    (rejected,) = result["rejected"]
    assert (result["status"], result["task_id"], result["units"]) == ("refused", None, "0")
    assert (rejected["task_id"], rejected["units"]) == (job.task_id, "3")
    assert budget.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 3


def test_rules_alone_check_and_submit_no_further_job(
    film: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    with pytest.raises(KlingMediaCheckFailed, match="height"):
        run_all(lambda: film(regenerate_on_fail=0, media_rules={"min_height": 5000}), ti)
    assert len(kling_emulator.jobs) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"regenerate_on_fail": -1},
        {"regenerate_on_fail": 1.5},
        {"regenerate_on_fail": 1, "output_path": None},
        {"media_rules": {"min_heigth": 1}},
        {"media_rules": {"max_black": 2}},
        {"media_rules": "strict"},
    ],
    ids=str,
)
def test_wrong_values_fail_when_the_dag_is_parsed(arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(KlingRequestInvalid, match="Invalid value for '"):
        image_to_video(**{"output_path": str(tmp_path), **arguments})


def test_the_next_take() -> None:
    assert [next_take(take) for take in ("", "2", "9", "b", "b-2", "shot-a")] == [
        "2",
        "3",
        "10",
        "b-2",
        "b-3",
        "shot-a-2",
    ]


def test_a_job_with_a_user_external_task_id_is_replaced_too(
    film: Make, spoil: Break, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    spoil(1)
    result = run_all(lambda: film(external_task_id="shot"), ti)
    first, second = kling_emulator.jobs
    assert result["task_id"] == second.task_id
    assert first.external_task_id == "shot"
    assert second.external_task_id.startswith("shot-")
    ti.try_number += 1
    assert run_all(lambda: film(external_task_id="shot"), ti)["task_id"] == second.task_id
    assert len(kling_emulator.jobs) == 2
