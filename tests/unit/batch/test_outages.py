# SPDX-License-Identifier: Apache-2.0
"""Kling or a storage is in trouble: nothing is paid twice, nothing is lost, no outage burns rows."""

from __future__ import annotations

import inspect
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api import polling
from airflow_provider_kling.batch import circuit_breaker, ledger_writer
from airflow_provider_kling.batch import input as rows_module
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.hooks import flows
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.submission import submit
from scripts.local_airflow import wait_until
from tests.unit.batch.conftest import PATH, Batch, rows
from tests.unit.operators.conftest import context_of


@pytest.fixture(autouse=True)
def quick_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again after a tenth of a second whatever failed."""
    monkeypatch.setattr(submit, "LOOKUP_DELAYS", (0.05, 0.05, 0.05))
    monkeypatch.setattr(flows, "retry_delay", lambda error, attempt: 0.05)
    monkeypatch.setattr(polling, "MAX_BACKOFF", 0.5)


@contextmanager
def running(batch: Batch, requests: Any, **more: Any) -> Iterator[Future[dict[str, Any]]]:
    """Run a batch while the test does something to the world."""
    operator = batch.operator(requests, **more)
    # What Airflow 2 puts around it counts callers by thread, and works in the first one alone.
    execute = inspect.unwrap(type(operator).execute)
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(execute, operator, context_of(batch.ti))
        except BaseException:
            operator.on_kill()
            raise


def log_lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


class TestKling:
    @pytest.mark.parametrize(
        ("fault", "nth"),
        [
            ("lost_response", 2),
            ("late_error", 2),
            ("lost_request", 2),
            ("server_error", 3),
            ("proxy_page", 4),
        ],
    )
    def test_lost_responses_and_errors_cause_no_second_job(
        self, kling: Emulator, batch: Batch, fault: str, nth: int
    ) -> None:
        kling.faults.set({fault: nth})
        summary = batch.run(rows(20))
        assert len(kling.jobs) == summary["done"] == 20
        assert summary["made"] + summary["attached"] == 20
        assert kling.faults.fired

    def test_full_slots_and_throttling_only_delay_rows(self, kling: Emulator, batch: Batch) -> None:
        kling.faults.set({"slots_taken": 6, "rate_limited": 3})
        assert batch.run(rows(12))["done"] == 12
        assert len(kling.jobs) == 12

    def test_an_outage_fails_no_row(
        self, kling: Emulator, batch: Batch, caplog: pytest.LogCaptureFixture
    ) -> None:
        kling.faults.set({"proxy_page": 1})
        with running(batch, rows(30)) as run:
            wait_until(lambda: kling.requests.get(("POST", PATH, 502)), 120, "a create call to fail")
            wait_until(lambda: kling.faults.fired["proxy_page"] > 40, 120, "look-ups to fail")
            kling.faults.clear()
            wait_until(lambda: len(kling.jobs) >= 10, 120, "ten jobs")
            kling.faults.set({"proxy_page": 1})
            wait_until(lambda: kling.faults.fired["proxy_page"] > 20, 120, "polls to fail")
            kling.faults.clear()
            summary = run.result(60)
        assert (summary["done"], len(kling.jobs)) == (30, 30)
        assert log_lines(caplog, "Row ") == []

    def test_an_outage_releases_no_units_of_a_job_that_may_exist(
        self, kling: Emulator, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(circuit_breaker, "MAX_OUTAGE", 0.5)
        shared = KlingBudget("films", max_units=10, path=str(tmp_path / "budget"))
        ids = {"dag_id": batch.ti.dag_id, "run_id": batch.ti.run_id}
        kling.faults.set({"stall_after": 0.5, "late_error": 1})
        with running(batch, rows(1), budget=shared) as run:
            wait_until(lambda: kling.jobs, 120, "the job to be made")
            kling.faults.set({"proxy_page": 1})
            with pytest.raises(KlingServerError):
                run.result(60)
        assert shared.spent(**ids) == 8
        kling.faults.clear()
        batch.retry().run(rows(1), budget=shared)
        assert (len(kling.jobs), shared.spent(**ids)) == (1, 8)

    def test_a_retry_continues_after_a_long_outage(
        self, kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(circuit_breaker, "MAX_OUTAGE", 0.5)
        kling.faults.set({"proxy_page": 1})
        with pytest.raises(KlingServerError, match="0 of 12 rows are done and stored, 12 were not submitted"):
            batch.run(rows(12))
        assert kling.jobs == ()
        kling.faults.clear()
        assert batch.retry().run(rows(12))["made"] == 12

    def test_lost_responses_in_a_row_without_a_look_up_stop_the_batch(
        self, start: Callable[..., Emulator], batch: Batch
    ) -> None:
        kling = start(dialect="gateway")
        kling.faults.set({"lost_response": 1})
        with pytest.raises(KlingServerError, match="answers were lost in a row"):
            batch.run(rows(50), concurrency=2)
        assert len(kling.jobs) <= 5 + 2
        kling.faults.clear()
        with pytest.raises(KlingSubmissionUnknown):
            batch.retry().run(rows(50))
        assert len(kling.jobs) == 50

    def test_a_row_that_always_causes_server_errors_does_not_block_others(
        self, kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create = flows.create

        def choke(settings: Any, endpoint: Any, body: Any) -> Any:
            if body["prompt"] == "product 3":
                raise KlingServerError("internal error", code=5000)
            return (yield from create(settings, endpoint, body))

        monkeypatch.setattr(flows, "create", choke)
        with pytest.raises(KlingSubmissionUnknown, match=r"1 rows failed, 0 may; .*39 of 40"):
            batch.run(rows(40))
        assert batch.lines("failures.jsonl")[0]["row"] == 3


class TestOutput:
    def test_files_are_stored_after_an_outage_of_the_storage(
        self, kling: Emulator, batch: Batch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        out = Path(batch.output)
        with running(batch, rows(30), poll_interval=0.2) as run:
            wait_until(lambda: len(kling.jobs) >= 10, 120, "ten jobs")
            with out_of_reach(out):
                wait_until(lambda: log_lines(caplog, "Trying again"), 120, "a file that cannot be stored")
            summary = run.result(60)
        assert (summary["done"], len(kling.jobs)) == (30, 30)

    def test_nothing_is_submitted_while_the_ledger_cannot_be_written(
        self, kling: Emulator, batch: Batch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        ledger = Path(batch.output, "_ledger")
        with running(batch, rows(40), concurrency=2) as run:
            wait_until(lambda: len(kling.jobs) >= 4, 120, "four jobs")
            with out_of_reach(ledger):
                wait_until(
                    lambda: log_lines(caplog, "cannot be written"), 120, "a failed write of the ledger"
                )
                before = len(kling.jobs)
                assert not _within(lambda: len(kling.jobs) > before + 2, 1.0)
            summary = run.result(60)
        assert log_lines(caplog, "The ledger is written again")
        assert len(log_lines(caplog, "cannot be written")) == 1, "logged once, not with every attempt"
        assert (summary["done"], len(kling.jobs)) == (40, 40)
        assert batch.states() == ["done"] * 40

    def test_a_long_outage_of_the_ledger_stops_the_batch_without_second_charges(
        self, kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger_writer, "MAX_LEDGER_OUTAGE", 0.3)
        ledger = Path(batch.output, "_ledger")
        with running(batch, rows(40), concurrency=2) as run:
            wait_until(lambda: len(kling.jobs) >= 4, 120, "four jobs")
            with out_of_reach(ledger), pytest.raises(KlingServerError, match="ledger could not be written"):
                run.result(60)
        made = len(kling.jobs)
        assert made < 40
        summary = batch.retry().run(rows(40))
        assert summary["done"] == len(kling.jobs) == 40
        assert batch.states() == ["done"] * 40

    def test_the_last_lines_of_the_ledger_are_written_after_a_failure(
        self, kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger_writer, "outage_delay", lambda failures: 0.05)
        write, failed = Ledger._write, list[int]()

        def refuse_twice(self: Ledger, entries: list[LedgerEntry]) -> None:
            if len(failed) < 2 and any(entry.state is RowState.DONE for entry in entries):
                failed.append(len(entries))
                raise PermissionError("the token has expired")
            write(self, entries)

        monkeypatch.setattr(Ledger, "_write", refuse_twice)
        batch.run(rows(1))
        assert len(failed) == 2
        assert batch.states() == ["done"]

    def test_reports_that_cannot_be_written_are_written_by_a_retry(
        self, kling: Emulator, batch: Batch
    ) -> None:
        obstacle = Path(batch.output, "results.jsonl")
        obstacle.mkdir(parents=True)
        with pytest.raises(KlingServerError, match="cannot be written: it is a folder") as caught:
            batch.run(rows(2))
        assert not isinstance(caught.value, AirflowFailException)
        assert str(caught.value).endswith(
            "A retry continues with the jobs that exist, and pays for none of them again."
        )
        obstacle.rmdir()
        assert batch.retry().run(rows(2))["done"] == len(kling.jobs) == 2

    @pytest.mark.parametrize(
        ("max_outage", "timeout"),
        [pytest.param(0.5, 3600.0, id="a long outage"), pytest.param(3600.0, 1.5, id="the timeout")],
    )
    def test_jobs_whose_results_cannot_be_stored_are_not_resubmitted(
        self,
        kling: Emulator,
        batch: Batch,
        monkeypatch: pytest.MonkeyPatch,
        max_outage: float,
        timeout: float,
    ) -> None:
        monkeypatch.setattr(circuit_breaker, "MAX_OUTAGE", max_outage)
        kling.faults.set({"download_error": 10_000})
        monkeypatch.setattr(
            DownloadOptions,
            "for_host",
            classmethod(lambda cls, host, **more: cls(allow_private=True, attempts=1)),
        )
        with pytest.raises(KlingTaskTimeout, match=r"attach to 3 jobs\. They have not ended in time"):
            batch.run(rows(3), timeout=timeout)
        kling.faults.clear()
        assert batch.retry().run(rows(3))["attached"] == 3
        assert len(kling.jobs) == 3


class TestInput:
    def test_an_image_that_cannot_be_read_fails_only_its_row(
        self, kling: Emulator, batch: Batch, s3: Any, tmp_path: Path, images: list[bytes]
    ) -> None:
        (tmp_path / "a.jpg").write_bytes(images[0])
        good = [{"image": str(tmp_path / "a.jpg"), "prompt": str(number)} for number in range(25)]
        bad = {"image": s3.uri("a.jpg", "kling_test_s3_down")}
        with pytest.raises(KlingTaskFailed, match=r"1 rows failed, 0 may; .*25 of 26"):
            batch.run([*good[:5], bad, *good[5:]], endpoint="videos/image2video")
        assert batch.ledger()[6]["state"] == "failed"

    def test_a_retry_continues_after_a_long_outage_of_the_storage(
        self, kling: Emulator, batch: Batch, s3: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(circuit_breaker, "MAX_OUTAGE", 0.2)
        bad = [{"image": s3.uri(f"{number}.jpg", "kling_test_s3_down")} for number in range(12)]
        with pytest.raises(KlingServerError, match="12 were not submitted"):
            batch.run(bad, endpoint="videos/image2video")
        assert kling.jobs == ()

    def test_running_jobs_end_when_the_input_cannot_be_read_further(
        self, kling: Emulator, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows(30))))
        whole, calls = rows_module.iter_file, iter(range(10))

        def broken(uri: str) -> Iterator[Any]:
            breaks = next(calls) == 1
            for number, row in enumerate(whole(uri)):
                if breaks and number == 12:
                    raise KlingServerError("the storage went away")
                yield row

        monkeypatch.setattr(rows_module, "iter_file", broken)
        with pytest.raises(KlingServerError, match=r"went away .*12 of 30 rows are done"):
            batch.run(tmp_path / "rows.jsonl")
        assert batch.retry().run(tmp_path / "rows.jsonl")["made"] == 18
        assert len(kling.jobs) == 30


@contextmanager
def out_of_reach(folder: Path) -> Iterator[None]:
    """Remove a folder so that it cannot be created again."""
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.write_text("a file stands in the way")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


def _within(condition: Callable[[], bool], seconds: float) -> bool:
    try:
        wait_until(condition, seconds, "it", every=0.02)
    except TimeoutError:
        return False
    return True


def test_all_threads_of_a_run_end(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(5))
    wait_until(lambda: not _threads(), 120, "threads to end")


def _threads() -> list[str]:
    names = ("kling-batch", "kling-order", "kling-store_", "kling-ledger", "kling-rows")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]
