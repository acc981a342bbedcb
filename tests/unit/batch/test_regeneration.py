# SPDX-License-Identifier: Apache-2.0
"""``regenerate_on_fail`` of a batch: a row whose files fail the media check is made again, within limits."""

from __future__ import annotations

import datetime
import json
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import time_machine
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.batch.config import LEDGER_FOLDER
from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingBudgetSpent, KlingMediaCheckFailed, KlingRequestInvalid
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.operators.usage import KlingUsageOperator
from airflow_provider_kling.results import media_check
from scripts.local_airflow import wait_until
from tests.unit.batch.conftest import Batch, Tries, rows
from tests.unit.batch.test_deferral import Parts, quick
from tests.unit.batch.test_stored_rows import total
from tests.unit.batch.workers import FAILED
from tests.unit.operators.conftest import TaskInstance, context_of

__all__ = ["quick"]

BLACK = "100% of the frames are black; at most 25% allowed"
Spoil = Callable[..., None]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Let the files of the first jobs of some prompts count as black, however often they are checked."""

    real = media_check._check

    def first(kling: Emulator, **bad: int) -> None:
        def check(file: Any, rules: Any) -> Any:
            found = real(file, rules)
            for number, count in bad.items():
                prompt = f"product {number.removeprefix('row')}"
                jobs = [job.task_id for job in kling.jobs if job.body["prompt"] == prompt]
                if any(f"/{name}/" in file.uri for name in jobs[:count]):
                    return replace(found, failures=(BLACK,))
            return found

        monkeypatch.setattr(media_check, "_check", check)

    return first


@pytest.fixture
def checked(batch: Batch) -> Batch:
    """A batch that makes one more job of a row whose files are bad."""
    return Batch(batch.output, regenerate_on_fail=1)


def jobs_of(kling: Emulator) -> Counter[str]:
    return Counter(job.body["prompt"] for job in kling.jobs)


@pytest.mark.parametrize("deferrable", [False, True], ids=["in_place", "deferred"])
def test_a_row_with_rejected_files_is_resubmitted_once(
    start: Callable[..., Emulator], checked: Batch, spoil: Spoil, deferrable: bool
) -> None:
    kling = start(job_seconds=1.0)
    spoil(kling, row2=1)
    parts = Parts(checked)
    summary = parts.run(rows(3)) if deferrable else checked.run(rows(3))
    assert bool(parts.deferrals) is deferrable
    assert jobs_of(kling) == {"product 1": 1, "product 2": 2, "product 3": 1}
    assert (summary["done"], summary["rejected"], summary["made"]) == (3, 0, 4)
    assert summary["units_charged"] == "32"
    line = checked.lines("results.jsonl")[1]
    first, second = [job.task_id for job in kling.jobs if job.body["prompt"] == "product 2"]
    assert (line["task_id"], line["media_check"], line["units"]) == (second, {"passed": True}, "8")
    (rejected,) = line["rejected"]
    assert (rejected["task_id"], rejected["take"], rejected["units"]) == (first, "", "8")
    (file,) = rejected["files"]
    assert file["failures"] == [BLACK]
    stored_file = Path(file["path"].removeprefix("file://"))
    assert stored_file.stat().st_size > 1000
    assert json.loads((stored_file.parent / "manifest.json").read_text())["media_check"]["passed"] is False
    manifest = json.loads((stored_file.parents[1] / second / "manifest.json").read_text())
    assert manifest["request"]["take"] == "2"
    assert "rejected" not in checked.lines("results.jsonl")[0]


def test_a_row_fails_after_its_last_rejected_job_and_a_clear_resubmits_it(
    kling: Emulator, checked: Batch, spoil: Spoil
) -> None:
    spoil(kling, row1=9)
    for _ in range(2):
        with pytest.raises(KlingMediaCheckFailed, match="1 rows failed"):
            checked.run(rows(2))
        checked.retry()
    assert jobs_of(kling) == {"product 1": 2, "product 2": 1}
    assert checked.states() == ["rejected", "done"]
    (failure,) = checked.lines("failures.jsonl")
    assert failure["error"].startswith(f"1 of 1 files fail the media check: 0-image.png: {BLACK}.")
    assert "2 jobs were made for it." in failure["error"]
    assert (failure["state"], failure["media_check"]["passed"]) == ("rejected", False)
    assert len(failure["rejected"]) == 1
    assert checked.summary()["units_charged"] == "24"
    spoil(kling, row1=3)
    assert checked.clear().run(rows(2))["units_charged"] == "40"
    assert jobs_of(kling) == {"product 1": 4, "product 2": 1}
    takes = [job["take"] for job in checked.lines("results.jsonl")[0]["rejected"]]
    assert takes == ["", "2", "3"]


def test_a_batch_succeeds_with_at_most_max_failed_rejected_rows(
    kling: Emulator, checked: Batch, spoil: Spoil
) -> None:
    spoil(kling, row1=9)
    summary = checked.run(rows(3), max_failed=1, regenerate_on_fail=0, media_rules={"max_black": 0.5})
    assert (summary["done"], summary["rejected"]) == (2, 1)
    assert sum(jobs_of(kling).values()) == 3


def test_all_jobs_of_a_row_count_for_the_limit(kling: Emulator, checked: Batch, spoil: Spoil) -> None:
    """A job costs 8 units: three rows, and one more job, cost 32."""
    spoil(kling, row1=1)
    with pytest.raises(
        KlingBudgetSpent, match=r"max_usd or the budget: 2 of 3 rows .*, 1 were not submitted"
    ):
        checked.run(rows(3), max_units=31)
    assert sum(jobs_of(kling).values()) == 3
    assert checked.summary()["skipped"] == {"budget": 1}
    assert checked.states() == ["open", "done", "done"]
    summary = checked.clear().run(rows(3), max_units=32)
    assert (summary["done"], summary["units_charged"]) == (3, "32")
    assert jobs_of(kling) == {"product 1": 2, "product 2": 1, "product 3": 1}
    # What was rejected still counts.
    with pytest.raises(KlingBudgetSpent):
        checked.clear().run(rows(4), max_units=39)
    assert sum(jobs_of(kling).values()) == 4


def test_a_shared_budget_counts_all_jobs(
    kling: Emulator, checked: Batch, spoil: Spoil, tmp_path: Path
) -> None:
    spoil(kling, row1=1)
    shared = KlingBudget("spring", max_units=31, path=str(tmp_path / "budget"))
    with pytest.raises(KlingBudgetSpent):
        checked.run(rows(3), budget=shared)
    assert sum(jobs_of(kling).values()) == 3
    assert shared.spent(dag_id="shop", run_id=checked.ti.run_id) == 24
    more = KlingBudget("spring", max_units=32, path=str(tmp_path / "budget"))
    assert checked.clear().run(rows(3), budget=more)["done"] == 3
    assert more.spent(dag_id="shop", run_id=checked.ti.run_id) == 32


def test_a_resubmitted_row_with_its_own_id_gets_another_id(
    kling: Emulator, checked: Batch, spoil: Spoil
) -> None:
    spoil(kling, row1=1)
    assert checked.run(rows(1, external_task_id="mine"))["done"] == 1
    first, second = [job.external_task_id for job in kling.jobs]
    assert first == "mine"
    assert second.startswith("mine-2-")


def test_a_lost_ledger_causes_no_third_job(kling: Emulator, checked: Batch, spoil: Spoil) -> None:
    spoil(kling, row2=1)
    checked.run(rows(3))
    made = [job.task_id for job in kling.jobs]
    shutil.rmtree(Path(checked.output) / LEDGER_FOLDER)
    assert checked.retry().run(rows(3))["done"] == 3
    assert [job.task_id for job in kling.jobs] == made
    assert len(checked.lines("results.jsonl")[1]["rejected"]) == 1


def test_a_retry_attaches_to_the_second_job_of_a_killed_worker(
    start: Callable[..., Emulator], checked: Batch, spoil: Spoil
) -> None:
    kling = start(job_seconds=1.0)
    spoil(kling, row1=1)
    parts = Parts(checked)

    class Died(Exception):
        pass

    def die(_: TaskDeferred) -> None:
        if len(kling.jobs) == 2:
            raise Died

    with pytest.raises(Died):
        parts.run(rows(1), between=die)
    assert checked.retry().run(rows(1))["done"] == 1
    assert len(kling.jobs) == 2


@pytest.mark.parametrize("seed", range(2))
def test_kills_at_random_times_cause_no_third_job(
    start: Callable[..., Emulator], batch: Batch, tries: Callable[[Emulator], Tries], seed: int
) -> None:
    """All files are too small, so each row gets two jobs and then fails."""
    kling, chance = start(job_seconds=0.5, slots=20), random.Random(seed)
    kling.faults.set({"lost_response": 5, "late_error": 7})
    run, more = tries(kling), {"regenerate_on_fail": 1, "media_rules": {"min_height": 5000}}
    for _ in range(4):
        pid = run.start(rows(8), more=more)
        time.sleep(chance.uniform(0.3, 1.5))
        run.kill(pid)
    run.start(rows(8), more=more)
    assert run.workers.wait() == FAILED
    assert batch.states() == ["rejected"] * 8
    assert set(jobs_of(kling).values()) == {2}
    assert len({job.external_task_id for job in kling.jobs}) == 16
    assert batch.summary()["units_charged"] == "128"


def test_a_kill_during_the_second_create_call_causes_no_third_job(
    start: Callable[..., Emulator], batch: Batch, tries: Callable[[Emulator], Tries]
) -> None:
    kling = start(job_seconds=2.0)
    run, more = tries(kling), {"regenerate_on_fail": 1, "media_rules": {"min_height": 5000}}
    pid = run.start(rows(1), more=more)
    wait_until(lambda: kling.jobs, 120, "the first job", every=0.02)
    time.sleep(0.5)
    kling.faults.set({"stall_after": -1})
    wait_until(lambda: kling.stalled, 120, "the second call to be held")
    run.kill(pid)
    kling.release()
    kling.faults.clear()
    assert batch.ledger()[1]["rejected"], "the intent names the first job"
    run.start(rows(1), more=more)
    assert run.workers.wait() == FAILED
    assert len(kling.jobs) == 2
    assert batch.states() == ["rejected"]


def test_a_host_without_unique_ids_gets_no_second_job(
    start: Callable[..., Emulator], checked: Batch, spoil: Spoil
) -> None:
    kling = start(dialect="gateway")
    spoil(kling, row1=1)
    with pytest.raises(KlingMediaCheckFailed):
        checked.run(rows(1))
    assert len(kling.jobs) == 1
    assert (
        "No other is made: at this host or endpoint a retry could submit one more"
        in checked.ledger()[1]["error"]
    )


def test_the_usage_report_includes_rejected_jobs(
    kling: Emulator, checked: Batch, spoil: Spoil, tmp_path: Path
) -> None:
    spoil(kling, row1=1)
    checked.run(rows(1), labels={"team": "shop"})
    report = tmp_path / "usage"
    now = time.time()
    KlingUsageOperator(
        task_id="usage",
        start=int((now - 3600) * 1000),
        end=int((now + 3600) * 1000),
        paths=[checked.output],
        output_path=str(report),
    ).execute(context_of(checked.ti))
    lines = [json.loads(text) for path in report.rglob("*.jsonl") for text in path.read_text().splitlines()]
    assert len(lines) == 2
    assert all(line["known"] and line["labels"] == {"team": "shop"} for line in lines)


@pytest.fixture
def shared(batch: Batch) -> Batch:
    """The same, whose rows share their jobs with other tasks."""
    return Batch(batch.output, regenerate_on_fail=1, idempotency_scope="inputs")


def in_run(batch: Batch, name: str, **defaults: Any) -> Batch:
    """The same batch in another run."""
    other = Batch(batch.output, **{**batch._defaults, **defaults})
    other.ti = replace(batch.ti, run_id=name)
    return other


@pytest.mark.parametrize("deferrable", [False, True], ids=["in_place", "deferred"])
def test_later_runs_reuse_the_passing_take(
    start: Callable[..., Emulator], shared: Batch, spoil: Spoil, deferrable: bool
) -> None:
    kling = start(job_seconds=0.5)
    spoil(kling, row2=1)
    summary = Parts(shared).run(rows(3)) if deferrable else shared.run(rows(3))
    assert (summary["done"], summary["made"], summary["units_charged"]) == (3, 4, "32")
    bad, good = [job for job in kling.jobs if job.body["prompt"] == "product 2"]
    image = KlingImageGenerationOperator(
        task_id="one", prompt="product 2", output_path=shared.output, idempotency_scope="inputs", take="2"
    )
    one = image.execute(context_of(TaskInstance()))
    assert (one["task_id"], one["units"]) == (good.task_id, "0"), "a take has one name everywhere"
    asked = total(kling)

    for more in ({}, {"regenerate_on_fail": 0, "media_rules": None}, {"media_rules": {"min_height": 10}}):
        night = in_run(shared, f"night {more}", **more)
        again = night.run(rows(3))
        assert (again["done"], again["reused"], again["units_charged"]) == (3, 3, "0"), more
        assert [line["task_id"] for line in night.lines("results.jsonl")][1] == good.task_id
    assert total(kling) == asked, "only the storage is read"
    evidence = Path(shared.output) / bad.task_id
    assert json.loads((evidence / "manifest.json").read_text())["media_check"]["passed"] is False


def test_a_stored_verdict_is_used_only_for_the_same_rules(
    kling: Emulator, shared: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.run(rows(2))
    decoded: list[Any] = []
    real = media_check._check

    def check(*args: Any) -> Any:
        decoded.append(args)
        return real(*args)

    monkeypatch.setattr(media_check, "_check", check)
    in_run(shared, "same").run(rows(2))
    assert not decoded
    in_run(shared, "other", media_rules={"min_width": 1}).run(rows(2))
    assert len(decoded) == 2


def test_rejected_stored_results_count_for_the_limit_over_all_runs(
    kling: Emulator, shared: Batch, spoil: Spoil
) -> None:
    plain = in_run(shared, "plain", regenerate_on_fail=0)
    assert plain.run(rows(2))["made"] == 2
    spoil(kling, row1=2)
    with pytest.raises(KlingMediaCheckFailed):
        shared.run(rows(2))
    assert jobs_of(kling) == {"product 1": 2, "product 2": 1}
    assert [line["state"] for line in ledger_of(shared)] == ["rejected", "done"]
    error = ledger_of(shared)[0]["error"]
    assert "2 jobs were made for it." in error
    assert error.endswith(
        "Set take, raise regenerate_on_fail, or change the request, to pay for another one."
    )
    # Neither another run nor a clear pays for a third one.
    for batch in (in_run(shared, "next"), shared.clear()):
        with pytest.raises(KlingMediaCheckFailed):
            batch.run(rows(2))
        assert len(kling.jobs) == 3
    summary = shared.clear().run(rows(2), regenerate_on_fail=2)
    assert (summary["done"], len(kling.jobs)) == (2, 4)
    # The first job was another run's; the other two of the row are this one's.
    assert summary["units_charged"] == "16"
    line = ledger_of(shared)[0]
    assert [(job["take"], job["units"]) for job in line["rejected"]] == [("", "0"), ("2", "8")]
    last = in_run(shared, "last").run(rows(2))
    assert (last["reused"], last["units_charged"], len(kling.jobs)) == (2, "0", 4)


def test_changed_rules_are_applied_after_a_clear(kling: Emulator, shared: Batch, spoil: Spoil) -> None:
    spoil(kling, row1=9)
    with pytest.raises(KlingMediaCheckFailed):
        shared.run(rows(1))
    spoil(kling)
    summary = shared.clear().run(rows(1), media_rules={"max_black": 1})
    assert (summary["done"], len(kling.jobs), summary["units_charged"]) == (1, 2, "16")


@pytest.mark.parametrize("lost", ["entry", "files of the accepted job", "manifest of the accepted job"])
def test_a_job_without_ledger_entry_is_found_at_kling(
    kling: Emulator, shared: Batch, spoil: Spoil, lost: str
) -> None:
    spoil(kling, row1=1)
    shared.run(rows(1))
    accepted = Path(shared.output) / kling.jobs[1].task_id
    if lost == "entry":
        shutil.rmtree(Path(shared.output) / "_index")
    else:
        for path in accepted.iterdir():
            if (path.name == "manifest.json") == lost.startswith("manifest"):
                path.unlink()
    summary = in_run(shared, "later").run(rows(1))
    assert (summary["done"], summary["units_charged"], len(kling.jobs)) == (1, "0", 2)
    assert in_run(shared, "last").run(rows(1))["reused"] == 1


def test_an_expired_accepted_result_is_submitted_again_with_a_warning(
    kling: Emulator, shared: Batch, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(kling, row1=1)
    shared.run(rows(2))
    rejected, accepted = [job for job in kling.jobs if job.body["prompt"] == "product 1"]
    shutil.rmtree(Path(shared.output) / accepted.task_id)
    days = datetime.timedelta(days=31)
    kling.advance(days.total_seconds())
    with time_machine.travel(datetime.datetime.now(datetime.UTC) + days, tick=True):
        summary = in_run(shared, "a month later").run(rows(2))
    assert (summary["done"], summary["reused"], summary["made"], summary["units_charged"]) == (2, 1, 1, "8")
    assert f"The stored result of job {accepted.task_id} is not complete" in caplog.text
    (line,) = [line for line in caplog.text.splitlines() if "has deleted the result of job" in line]
    assert f"job {rejected.task_id}" in line
    assert "a new job is made and charged" in line


def test_a_host_without_unique_ids_reuses_stored_results(
    start: Callable[..., Emulator], shared: Batch, spoil: Spoil
) -> None:
    kling = start(dialect="gateway")
    plain = in_run(shared, "plain", regenerate_on_fail=0)
    assert plain.run(rows(2))["made"] == 2
    spoil(kling, row1=1)
    with pytest.raises(KlingMediaCheckFailed):
        shared.run(rows(2))
    assert len(kling.jobs) == 2
    assert "No other is made: at this host or endpoint" in ledger_of(shared)[0]["error"]


def ledger_of(batch: Batch) -> list[dict[str, Any]]:
    """The last line of each row of one run's ledger, in order."""
    found: dict[str, dict[str, Any]] = {}
    for name, content in sorted(batch.files().items()):
        if name.startswith("_ledger/batch-" + batch.ti.run_id):
            found |= {(line := json.loads(text))["key"]: line for text in content.decode().splitlines()}
    return sorted(found.values(), key=lambda line: line["number"])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"regenerate_on_fail": -1}, "'regenerate_on_fail': -1; expected a whole number, 0 to 10"),
        ({"regenerate_on_fail": "some"}, "'regenerate_on_fail': 'some'; expected a whole number"),
        ({"media_rules": {"min_heigth": 1}}, "'media_rules': .*; expected a dict with keys of"),
        ({"media_rules": {"max_black": 2}}, "'max_black': 2; expected a share, 0 to 1"),
    ],
    ids=["negative", "text", "unknown rule", "wrong rule"],
)
def test_wrong_values_fail_when_the_dag_is_parsed(
    batch: Batch, arguments: dict[str, Any], match: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=f"Invalid value for {match}"):
        batch.operator(rows(1), **arguments)


def end(kling: Emulator, *prompts: str) -> None:
    """Let the running jobs of some prompts end now."""
    for job in kling.jobs:
        if job.body["prompt"] in prompts:
            now = time.time()
            job.started_at, job.ended_at = min(job.started_at, now), min(job.ended_at, now)


def made_before_the_end_of_the_other(kling: Emulator, summary: dict[str, Any]) -> bool:
    """Whether the first row's second job was made while that of the second row was running."""
    assert (summary["done"], summary["made"]) == (2, 3)
    (other,) = [job for job in kling.jobs if job.body["prompt"] == "product 2"]
    return bool(kling.jobs[2].created_at < other.ended_at)


def test_a_rejected_row_does_not_wait_for_the_other_jobs(
    start: Callable[..., Emulator], checked: Batch, spoil: Spoil
) -> None:
    kling = start(job_seconds=60.0)
    spoil(kling, row1=1)

    def end_in_turn() -> None:
        wait_until(lambda: len(kling.jobs) == 2, 120, "the first two jobs")
        end(kling, "product 1")
        wait_until(lambda: len(kling.jobs) == 3, 50, "the second job of the first row")
        end(kling, "product 1", "product 2")

    ending = threading.Thread(target=end_in_turn, daemon=True)
    ending.start()
    summary = checked.run(rows(2))
    ending.join(60)
    assert made_before_the_end_of_the_other(kling, summary)


def test_a_rejected_row_of_a_deferred_batch_does_not_wait_for_the_other_jobs(
    start: Callable[..., Emulator], checked: Batch, spoil: Spoil
) -> None:
    kling, parts = start(job_seconds=600.0), Parts(checked)
    spoil(kling, row1=1)
    # One job ends in each deferral, before its trigger polls: the number of deferrals is not by chance.
    ends = iter([("product 1",), ("product 1",), ("product 2",)])
    summary = parts.run(rows(2), lambda _: end(kling, *next(ends)))
    assert made_before_the_end_of_the_other(kling, summary)
    assert [len(each.trigger.jobs) for each in parts.deferrals] == [2, 2, 1]
