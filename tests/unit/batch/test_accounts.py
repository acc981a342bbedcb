# SPDX-License-Identifier: Apache-2.0
"""A batch with several accounts: who makes a row's job, and who is asked for it afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.batch.limiter import StopReason
from airflow_provider_kling.batch.submitter import Submitter
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingAccountError,
    KlingError,
    KlingRequestInvalid,
    KlingTaskFailed,
    KlingTaskTimeout,
    KlingWaitInterrupted,
)
from tests.unit.batch.conftest import PATH, Batch, rows
from tests.unit.operators.conftest import context_of, fire, meanwhile


@pytest.fixture(scope="session")
def _second_server() -> Iterator[Emulator]:
    with Emulator(speed=1, job_seconds=0.3, slots=10, scale=0.05) as emulator:
        yield emulator


@pytest.fixture
def second(_second_server: Emulator, kling: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The second account, which the connection ``second`` leads to."""
    _second_server.reset()
    monkeypatch.setenv("AIRFLOW_CONN_SECOND", _second_server.connection_json())
    return _second_server


@pytest.fixture
def two(batch: Batch, second: Emulator) -> Batch:
    """A batch with both accounts."""
    return Batch(batch.output, fallback_conn_ids=["second"], concurrency=3)


def accounts_of(batch: Batch) -> list[Any]:
    """The account of each row, in order."""
    return [line.get("kling_conn_id") for _, line in sorted(batch.ledger().items())]


def test_rows_use_the_next_account_when_the_first_has_no_credit(
    kling: Emulator, second: Emulator, two: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    kling.faults.set({"empty_after": 4})
    summary = two.run(rows(10))
    assert summary["done"] == 10
    assert (len(kling.jobs), len(second.jobs)) == (4, 6)
    assert Counter(accounts_of(two)) == {"kling_default": 4, "second": 6}
    made = {line["kling_conn_id"] for line in two.lines("results.jsonl")}
    assert made == {"kling_default", "second"}
    assert caplog.text.count("refuses jobs; rows go on at 'second'") == 1
    manifests = [json.loads(text) for name, text in two.files().items() if name.endswith("manifest.json")]
    assert Counter(each["request"]["kling_conn_id"] for each in manifests) == {
        "kling_default": 4,
        "second": 6,
    }


def test_reports_of_a_batch_with_one_account_do_not_name_it(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(2))
    assert accounts_of(batch) == [None, None]
    assert "kling_conn_id" not in batch.lines("results.jsonl")[0]


def test_round_robin_uses_the_slots_of_both_accounts_at_once(
    kling: Emulator, second: Emulator, two: Batch
) -> None:
    summary = two.run(rows(12), spread="round_robin")
    assert summary["done"] == 12
    assert len(kling.jobs) >= 4
    assert len(second.jobs) >= 4
    assert len(kling.jobs) + len(second.jobs) == 12


def test_rows_of_an_account_without_credit_use_the_other(
    kling: Emulator, second: Emulator, two: Batch
) -> None:
    second.faults.set({"no_credit": True})
    assert two.run(rows(8), spread="round_robin")["done"] == 8
    assert (len(kling.jobs), len(second.jobs)) == (8, 0)


def test_a_batch_stops_when_all_accounts_refuse_and_a_retry_continues(
    kling: Emulator, second: Emulator, two: Batch
) -> None:
    kling.faults.set({"empty_after": 2})
    second.faults.set({"empty_after": 3})
    with pytest.raises(KlingAccountError, match="5 of 9 rows are done and stored, 4 were not submitted"):
        two.run(rows(9))
    kling.faults.clear()
    assert two.retry().run(rows(9))["done"] == 9
    assert (len(kling.jobs), len(second.jobs)) == (6, 3)


def test_a_retry_attaches_to_each_job_at_its_account(
    kling: Emulator, second: Emulator, two: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waits of the first try are given up; the second one finds every job at its account."""
    kling.faults.set({"empty_after": 2})
    with pytest.raises(KlingTaskTimeout):
        two.run(rows(6), timeout=0.01)
    kling.faults.clear()
    summary = two.retry().run(rows(6))
    assert summary["done"] == 6
    assert (len(kling.jobs), len(second.jobs)) == (2, 4)


def test_a_row_of_unknown_outcome_uses_no_other_account(
    kling: Emulator, second: Emulator, two: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first create call is lost and then refused. A retry asks that account first."""
    monkeypatch.setattr("airflow_provider_kling.submission.submit.LOOKUP_DELAYS", (0.01, 0.01, 0.01))
    kling.faults.set({"lost_request": 2, "no_credit": True})
    with pytest.raises(KlingAccountError):
        Batch(f"{two.output}-before").run(rows(1))
    with pytest.raises(KlingWaitInterrupted):
        two.run(rows(1))
    assert two.states() == ["unknown"]
    assert not second.count("POST", PATH)
    kling.faults.set({"lost_request": 0})
    assert two.retry().run(rows(1))["done"] == 1
    assert (len(kling.jobs), len(second.jobs)) == (0, 1)


def test_a_job_that_may_exist_at_the_second_account_is_looked_up_there(
    kling: Emulator, second: Emulator, two: Batch
) -> None:
    """The create call makes its job at the second account, and its answer is lost with the worker."""
    kling.faults.set({"no_credit": True})
    two.run(rows(1))
    name = next(name for name in two.files() if name.startswith("_ledger/") and name.endswith(".jsonl"))
    intent_lines = [line for line in two.files()[name].decode().splitlines() if '"planned"' in line]
    with open(f"{two.output}/{name}", "w", encoding="utf-8") as ledger:
        ledger.write(intent_lines[0] + "\n")
    kling.faults.clear()
    assert two.retry().run(rows(1))["done"] == 1
    assert (len(kling.jobs), len(second.jobs)) == (0, 1)


def test_a_row_with_an_id_of_one_account_uses_only_that_account(
    kling: Emulator, second: Emulator, two: Batch
) -> None:
    kling.faults.set({"no_credit": True})
    bound = {"prompt": "<<<element_1>>> in the sun", "element_list": [{"element_id": 160}]}
    with pytest.raises(KlingTaskFailed, match="1 rows failed"):
        two.run([*rows(2), bound], endpoint="images/omni-image")
    failed = two.ledger()[3]
    assert failed["error"].startswith(
        "Top up the account of 'kling_default': only it has what element_list names, so no other is tried."
    )
    assert two.states()[:2] == ["done", "done"]


def test_a_shared_row_is_looked_up_at_every_account(kling: Emulator, second: Emulator, two: Batch) -> None:
    """Yesterday's batch had its rows made at the second account; they are not made at the first one today."""
    kling.faults.set({"no_credit": True})
    two.run(rows(2), idempotency_scope="inputs")
    kling.faults.clear()
    tomorrow = Batch(f"{two.output}-tomorrow", fallback_conn_ids=["second"])
    summary = tomorrow.run(rows(2), idempotency_scope="inputs")
    assert summary["units_charged"] == "0"
    assert (len(kling.jobs), len(second.jobs)) == (0, 2)


def test_the_account_of_an_unfinished_job_must_not_be_removed(
    kling: Emulator, second: Emulator, two: Batch
) -> None:
    kling.faults.set({"no_credit": True})
    with pytest.raises(KlingTaskTimeout):
        two.run(rows(1), timeout=0.01)
    with pytest.raises(KlingRequestInvalid, match="'fallback_conn_ids': expected also 'second'"):
        two.retry().run(rows(1), fallback_conn_ids=None)


def test_a_deferred_batch_waits_for_the_jobs_of_each_account(
    second: Emulator, start: Any, two: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(job_seconds=60)
    third = start(job_seconds=60)
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", first.connection_json())
    monkeypatch.setenv("AIRFLOW_CONN_SECOND", third.connection_json())
    operator = two.operator(rows(4), spread="round_robin", concurrency=2, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context_of(two.ti))
    arguments = deferred.value.trigger.serialize()[1]
    assert Counter(job[3] for job in arguments["jobs"]) == {"kling_default": 2, "second": 2}
    first.advance(100)
    third.advance(100)
    event = fire(deferred.value)
    again = two.operator(rows(4), spread="round_robin", concurrency=2, deferrable=True)
    summary = again.execute_complete(context_of(two.ti), event=event, **deferred.value.kwargs)
    assert summary["done"] == 4
    assert (len(first.jobs), len(third.jobs)) == (2, 2)


def test_accounts_of_other_kinds_of_hosts_are_refused(
    kling: Emulator, two: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**kling.connection(), "extra": {"dialect": "cometapi", "base_path": "/"}}
    monkeypatch.setenv("AIRFLOW_CONN_SECOND", json.dumps(fields))
    with pytest.raises(
        KlingRequestInvalid, match="Invalid value for 'fallback_conn_ids': 'second'; expected"
    ):
        two.run(rows(1))


@pytest.mark.parametrize("arguments", [{"fallback_conn_ids": ["kling_default"]}, {"spread": "evenly"}])
def test_wrong_values_fail_when_the_dag_is_parsed(batch: Batch, arguments: dict[str, Any]) -> None:
    with pytest.raises(KlingRequestInvalid, match=f"Invalid value for '{next(iter(arguments))}'"):
        batch.operator(rows(1), **arguments)


ELEMENT = {"element_list": [{"element_id": 7}]}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"accounts": ["kling_default"]}),
        (
            {"fallback_conn_ids": ["second"]},
            {"accounts": ["kling_default", "second"], "spread": "in_order", "rows_account_bound": 1},
        ),
        (
            {"fallback_conn_ids": "second", "spread": "round_robin", "kling_conn_id": "kling_default"},
            {"accounts": ["kling_default", "second"], "spread": "round_robin", "rows_account_bound": 1},
        ),
        (
            {"fallback_conn_ids": ["second"], "extra_body": ELEMENT},
            {"accounts": ["kling_default", "second"], "spread": "in_order", "rows_account_bound": 2},
        ),
    ],
    ids=["one", "in_order", "round_robin", "all_rows_bound"],
)
def test_a_dry_run_lists_the_accounts(
    kling: Emulator, second: Emulator, batch: Batch, more: dict[str, Any], expected: dict[str, Any]
) -> None:
    own = {} if "extra_body" in more else ELEMENT
    report = batch.operator([rows(1)[0], {"prompt": "mine", **own}], **more).dry_run()
    names = ("accounts", "spread", "rows_account_bound")
    assert {name: report[name] for name in names if name in report} == expected
    assert (report["rows"], report["warnings"]) == (2, [])
    assert not kling.requests
    assert not second.requests


def test_a_dry_run_warns_of_a_connection_that_cannot_be_used(kling: Emulator, batch: Batch) -> None:
    report = batch.operator(rows(1), fallback_conn_ids=["unknown"]).dry_run()
    assert report["accounts"] == ["kling_default", "unknown"]
    (warning,) = report["warnings"]
    assert warning.startswith("Connection 'unknown' cannot be used: ")


def test_a_dry_run_refuses_an_account_at_another_kind_of_host(
    kling: Emulator, second: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**second.connection(), "extra": {"dialect": "cometapi", "base_path": "/"}}
    monkeypatch.setenv("AIRFLOW_CONN_SECOND", json.dumps(fields))
    with pytest.raises(KlingRequestInvalid, match="expected connections to"):
        batch.operator(rows(1), fallback_conn_ids=["second"]).dry_run()


def test_rows_whose_extra_body_names_an_element_stay_at_the_first_account(
    kling: Emulator, second: Emulator, two: Batch
) -> None:
    kling.faults.set({"no_credit": True})
    with pytest.raises(KlingTaskFailed, match="2 rows failed"):
        two.run(rows(2), extra_body=ELEMENT)
    assert all("only it has what element_list names" in line["error"] for line in two.ledger().values())
    assert not second.jobs


def test_a_job_that_may_exist_is_not_made_again_when_its_account_stops(
    kling: Emulator, second: Emulator, two: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_error = Submitter._on_server_error

    def stop_too(submitter: Submitter, *args: Any) -> None:
        on_error(submitter, *args)
        # As when the account refuses another row for lack of credit.
        submitter._account_run.limiter.stop(StopReason.ACCOUNT)

    monkeypatch.setattr(Submitter, "_on_server_error", stop_too)
    kling.faults.set({"stall_after": 0.5, "late_error": 1})
    watch = meanwhile(lambda: bool(kling.jobs), lambda: kling.faults.set({"proxy_page": 1}))
    with pytest.raises(KlingError):
        two.run(rows(1))
    watch.join()
    assert (len(kling.jobs), len(second.jobs)) == (1, 0)
