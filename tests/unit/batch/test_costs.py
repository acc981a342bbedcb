# SPDX-License-Identifier: Apache-2.0
"""A batch logs its estimate, respects its budget over all tries, and stops when the account refuses."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.api.hosts import DIALECTS
from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator import responses
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingAccountError,
    KlingAuthError,
    KlingBudgetSpent,
    KlingTaskFailed,
    KlingWaitInterrupted,
)
from airflow_provider_kling.inputs.prepared_request import prepare_request
from scripts.local_airflow import wait_until
from tests.unit.batch.conftest import PATH, Batch, rows


class LogRecorder(logging.Handler):
    """Stores log lines, and the number of create calls at that time."""

    def __init__(self, kling: Emulator) -> None:
        super().__init__()
        self._kling = kling
        self.said: list[tuple[str, int]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.getMessage(), self._kling.count("POST", PATH)))


def test_the_estimate_is_logged_before_anything_is_submitted(
    kling: Emulator, batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    recorded = LogRecorder(kling)
    logging.getLogger("airflow_provider_kling").addHandler(recorded)
    try:
        with pytest.raises(KlingBudgetSpent):
            batch.run(rows(3), max_units="16")
    finally:
        logging.getLogger("airflow_provider_kling").removeHandler(recorded)
    (plan, before), (warning, still_before) = recorded.said[:2]
    assert "All together cost about 24 image units, some 0.08 US dollars" in plan
    assert warning == "max_units=16 is below the estimate: not all rows will be submitted"
    assert before == still_before == 0
    assert len(kling.jobs) == 2


def test_the_estimate_for_another_host_is_labelled_as_klings_list_price(
    kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fields = {**kling.connection(), "extra": {"dialect": "cometapi", "base_path": "/"}}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    batch.run(rows(3))
    assert (
        "Kling's own list price of all together would be 24 image units, some 0.08 US dollars" in caplog.text
    )
    assert "cost about" not in caplog.text


def test_the_budget_stops_new_jobs_and_no_running_ones(kling: Emulator, batch: Batch) -> None:
    with pytest.raises(KlingBudgetSpent, match=r"5 of 12 rows are done and stored, 7 were not submitted"):
        batch.run(rows(12), max_units=47)
    assert len(kling.jobs) == 5
    summary = batch.summary()
    assert summary["skipped"] == {"budget": 7}
    assert (summary["units_estimated"], summary["units_charged"]) == ("96", "40")


def test_the_budget_is_for_all_tries_and_can_be_raised(kling: Emulator, batch: Batch) -> None:
    for _ in range(2):
        with pytest.raises(KlingBudgetSpent):
            batch.run(rows(6), max_units="24")
        batch.retry()
    assert len(kling.jobs) == 3
    assert batch.clear().run(rows(6), max_units="48")["done"] == 6
    assert len(kling.jobs) == 6


def test_removed_rows_count_for_the_budget(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(3))
    with pytest.raises(KlingBudgetSpent):
        batch.clear().run([{"prompt": "new 1"}, {"prompt": "new 2"}], max_units="32")
    assert len(kling.jobs) == 4


def test_failed_jobs_do_not_count_for_the_budget(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"failed_word": "product 2", "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed):
        batch.run(rows(3), max_units="24")
    kling.faults.clear()
    assert batch.retry().run(rows(3), max_units="24")["done"] == 3


def test_a_job_of_unknown_outcome_counts_for_the_budget(start: Callable[..., Emulator], batch: Batch) -> None:
    kling = start(dialect="gateway")
    kling.faults.set({"lost_response": 1})
    with pytest.raises(KlingBudgetSpent):
        # One outcome is unknown; what it may have cost leaves room for one more, which is unknown too.
        batch.run(rows(5), max_units="16", concurrency=1, max_failed=5)
    assert len(kling.jobs) == 2


def test_charges_replace_missing_estimates(
    start: Callable[..., Emulator], batch: Batch, images: list[bytes]
) -> None:
    kling = start()
    image = base64.b64encode(images[0]).decode()
    requests = [{"human_image": image, "cloth_image": image, "model_name": "kolors-virtual-try-on-v1-5"}] * 8
    with pytest.raises(KlingBudgetSpent):
        batch.run(requests, endpoint="images/kolors-virtual-try-on", max_units="70", concurrency=1)
    summary = batch.summary()
    assert summary["rows_without_estimate"] == 8
    assert len(kling.jobs) == 3
    assert summary["units_charged"] == "60"


@pytest.mark.parametrize(("fault", "code"), [("arrears_after", 1101), ("empty_after", 1102)])
def test_an_empty_account_stops_submission_and_a_clear_continues(
    start: Callable[..., Emulator], batch: Batch, fault: str, code: int
) -> None:
    kling = start(slots=4, job_seconds=0.5)
    kling.faults.set({fault: 6})
    with pytest.raises(KlingAccountError, match=r"6 of 40 rows are done and stored, 34 were not") as stopped:
        batch.run(rows(40), concurrency=4)
    assert stopped.value.code == code
    assert len(kling.jobs) == 6
    assert kling.requests["POST", PATH, 429] <= 4, "at most as many further calls as were under way"
    assert batch.summary()["skipped"] == {"account": 34}
    kling.faults.clear()
    summary = batch.clear().run(rows(40), concurrency=4)
    assert (summary["done"], summary["made"]) == (40, 34)
    assert len(kling.jobs) == 40


def test_refused_credentials_stop_the_batch(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"bad_credentials": 1000})
    with pytest.raises(KlingAuthError, match="10 were not submitted"):
        batch.run(rows(10), concurrency=3)
    assert kling.count("POST", PATH) <= 3
    kling.faults.clear()
    assert batch.clear().run(rows(10))["done"] == 10


def test_credentials_refused_while_jobs_run_lose_no_job(start: Callable[..., Emulator], batch: Batch) -> None:
    kling = start(job_seconds=1.0, slots=3)

    def refuse() -> None:
        wait_until(lambda: len(kling.jobs) == 3, 120, "three jobs to run", every=0.01)
        kling.faults.set({"bad_credentials": 1000})

    refuser = threading.Thread(target=refuse)
    refuser.start()
    # Whichever comes first: a wait that is refused, or a submission.
    with pytest.raises((KlingWaitInterrupted, KlingAuthError)):
        batch.run(rows(6), concurrency=3)
    refuser.join()
    kling.faults.clear()
    summary = batch.clear().run(rows(6))
    assert (summary["done"], summary["attached"], len(kling.jobs)) == (6, 3, 6)


@pytest.mark.parametrize("cash", [None, 1000], ids=["units", "cash"])
def test_jobs_of_unknown_cost_run_one_by_one_under_a_limit(
    start: Callable[..., Emulator], batch: Batch, images: list[bytes], cash: float | None
) -> None:
    kling = start(cash=cash)
    image = base64.b64encode(images[0]).decode()
    requests = [{"human_image": image, "cloth_image": image, "model_name": "kolors-virtual-try-on-v1-5"}] * 8
    with pytest.raises(KlingBudgetSpent):
        batch.run(requests, endpoint="images/kolors-virtual-try-on", max_units="70", concurrency=8)
    assert len(kling.jobs) == 3
    with pytest.raises(KlingBudgetSpent):
        batch.retry().run(requests, endpoint="images/kolors-virtual-try-on", max_units="70", concurrency=8)
    assert len(kling.jobs) == 3


BOTH = {
    "final_unit_deduction": "8",
    "final_balance_deduction": {"quota": "0.02", "list_price": "0.028"},
}
ONLY_CASH = {"final_balance_deduction": {"quota": "0.05", "list_price": "0.056"}}


@pytest.mark.parametrize("limit", [{"max_units": 39}, {"max_usd": "0.1365"}], ids=["units", "usd"])
@pytest.mark.parametrize("charge", [BOTH, ONLY_CASH], ids=["units_and_cash", "cash"])
def test_a_limit_counts_charges_in_units_and_cash(
    kling: Emulator,
    batch: Batch,
    monkeypatch: pytest.MonkeyPatch,
    charge: dict[str, Any],
    limit: dict[str, Any],
) -> None:
    # A job is worth 16 units, 0.056 US dollars, twice what its estimate says.
    monkeypatch.setattr(responses, "_charge", lambda job: charge)
    for _ in range(2):
        with pytest.raises(KlingBudgetSpent):
            batch.run(rows(6), concurrency=1, **limit)
        batch.retry()
    assert len(kling.jobs) == 2
    assert {line.get("total") for line in batch.ledger().values() if line["state"] == "done"} == {"16"}


def test_the_limit_is_not_exceeded_while_rows_reserve_in_a_shared_budget(
    kling: Emulator, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4)
    reserve = KlingBudget.reserve

    def reserve_together(*args: Any, **more: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            together.wait(timeout=2)
        reserve(*args, **more)

    monkeypatch.setattr(KlingBudget, "reserve", reserve_together)
    shared = KlingBudget("spring", max_units=1000, path=str(tmp_path / "budget"))
    with pytest.raises(KlingBudgetSpent):
        batch.run(rows(8), max_units=16, budget=shared, concurrency=4)
    assert len(kling.jobs) == 2
    assert shared.spent(dag_id=batch.ti.dag_id, run_id=batch.ti.run_id) == 16


def test_the_limit_counts_what_extra_body_adds(kling: Emulator, batch: Batch) -> None:
    with pytest.raises(
        KlingBudgetSpent, match=r"^Cost limit reached; raise max_units, max_usd or the budget: "
    ):
        batch.run(rows(4), max_units=16, extra_body={"n": 2})
    assert len(kling.jobs) == 1
    assert batch.summary()["units_estimated"] == "64"


@pytest.mark.parametrize(
    ("slug", "values", "extra", "right"),
    [
        ("videos/text2video", {"model_name": "kling-v3"}, {"duration": "15", "mode": "4k"}, "45.0"),
        ("videos/text2video", {"model_name": "kling-v3"}, {"duration": 10}, "6.0"),
        ("videos/text2video", {"model_name": "kling-v3"}, {"sound": "on"}, "4.5"),
        ("videos/text2video", {"model_name": "kling-v3"}, {"mode": "16k"}, None),
        ("videos/text2video", {"model_name": "kling-v3"}, {"new_key": 1}, "3.0"),
        ("text-to-video", {}, {"settings": {"duration": 10}}, "8.0"),
        ("text-to-video", {}, {"contents": [{"type": "base_video", "url": "https://x/y.mp4"}]}, None),
        ("images/generations", {}, {"n": 3}, "24"),
        ("images/generations", {}, {"n": "many"}, None),
    ],
)
def test_the_estimate_is_of_the_body_that_is_sent(
    slug: str, values: dict[str, str], extra: dict[str, Any], right: str | None
) -> None:
    order = prepare_request(get_endpoint(slug), {"prompt": "a boat", **values}, DIALECTS["kling"], extra)
    assert order.estimate == (None if right is None else Decimal(right))
