# SPDX-License-Identifier: Apache-2.0
"""A limit over many tasks: it holds on concurrent workers, and no job that is paid is blocked."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling import budget as budget_module
from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.api.pricing import charged_units
from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator import responses
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    JobState,
    KlingBudgetSpent,
    KlingContentRefused,
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskFailed,
)
from airflow_provider_kling.hooks.connection import parse_connection
from airflow_provider_kling.operators import _shared_budget
from airflow_provider_kling.operators._task_run import describe_charge
from airflow_provider_kling.operators.avatar import KlingAvatarImageToVideoOperator
from airflow_provider_kling.results import media_check
from airflow_provider_kling.results.media_check import CheckedFile
from airflow_provider_kling.utils.storage import StorageTransientError, resolve_path
from tests.support.storages import S3Server
from tests.unit.batch.conftest import Batch, rows
from tests.unit.operators.conftest import IMAGE_URL, TaskInstance, context_of, image_to_video, run

VIDEO, IMAGE = "videos/image2video", "images/generations"
RUN = {"dag_id": "d", "run_id": "r"}


def budget(path: Any, units: Any = 25, **more: Any) -> KlingBudget:
    return KlingBudget("spring", max_units=units, path=str(path), **more)


def one(job: tuple[str, int], units: int = 25) -> bool:
    """Reserve one unit; whether there was one."""
    path, number = job
    try:
        budget(path, units).reserve(f"job {number}", Decimal(1), **RUN)
    except KlingBudgetSpent:
        return False
    return True


def test_forty_processes_make_exactly_twenty_five(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        created = list(pool.map(one, [(str(tmp_path), number) for number in range(40)]))
    assert sum(created) == 25
    assert budget(tmp_path).spent(**RUN) == 25
    assert not list(tmp_path.rglob("*.part"))


def test_concurrent_threads_never_exceed_the_budget_on_s3(s3: S3Server) -> None:
    # Each lost race reads and writes again, at a server in this process: few are enough for all cases.
    path = s3.uri(f"budgets/{time.monotonic_ns()}")
    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(lambda number: one((path, number), units=6), range(10)))
    assert sum(created) == 6
    assert budget(path).spent(**RUN) == 6


def test_a_listing_ahead_of_its_files_is_not_trusted(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    path = s3.uri(f"budgets/{time.monotonic_ns()}")
    assert one((path, 1))
    fs = resolve_path(path).fs
    real = fs.find
    monkeypatch.setattr(
        fs,
        "find",
        lambda location: [*real(location), f"{location}/00000002.json", f"{location}/00000003.json"],
    )
    assert one((path, 2))
    assert budget(path).spent(**RUN) == 2


def test_a_storage_that_overwrites_is_refused(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    path = s3.uri(f"overwriting/{time.monotonic_ns()}")
    fs = resolve_path(path).fs
    plain = fs.pipe_file
    monkeypatch.setattr(fs, "pipe_file", lambda location, data, mode="": plain(location, data))
    with pytest.raises(KlingRequestInvalid, match="overwrites"):
        budget(path).reserve("a", Decimal(1), **RUN)


def test_a_job_has_one_reservation_until_it_is_settled(tmp_path: Path) -> None:
    shared = budget(tmp_path, 10)
    for _ in range(3):
        shared.reserve("a", Decimal(6), **RUN)
    with pytest.raises(KlingBudgetSpent, match="has 4 of 10 units left for this run"):
        shared.reserve("b", Decimal("4.1"), **RUN)
    shared.settle("a", Decimal("5.5"), **RUN)
    shared.settle("a", Decimal(0), **RUN)
    shared.settle("never", Decimal(7), **RUN)
    shared.reserve("b", Decimal("4.5"), **RUN)
    # No job came of it: the same one may ask again, and counts.
    shared.settle("b", Decimal(0), **RUN)
    shared.reserve("c", Decimal("4.5"), **RUN)
    with pytest.raises(KlingBudgetSpent):
        shared.reserve("b", Decimal("0.1"), **RUN)
    # An unknown charge stays reserved; a charge may be higher than the estimate.
    shared.settle("c", None, **RUN)
    assert shared.spent(**RUN) == 10
    shared.settle("c", Decimal(9), **RUN)
    assert shared.spent(**RUN) == Decimal("14.5")


def test_periods_are_apart(tmp_path: Path, time_machine: Any) -> None:
    time_machine.move_to("2026-10-31T23:59:00Z", tick=False)
    shares = [budget(tmp_path, 1, per=per) for per in ("run", "day", "month")]
    for each in shares:
        each.reserve("a", Decimal(1), **RUN)
    time_machine.move_to("2026-11-01T00:01:00Z", tick=False)
    of_run, of_day, of_month = shares
    with pytest.raises(KlingBudgetSpent):
        of_run.reserve("b", Decimal(1), **RUN)
    of_run.reserve("b", Decimal(1), dag_id="d", run_id="r/2")
    # The charge of a job of yesterday is yesterday's.
    of_day.settle("a", Decimal(3), **RUN)
    for each in (of_day, of_month):
        each.reserve("b", Decimal(1), **RUN)
        assert each.spent() == 1


@pytest.mark.parametrize("run_id", ["r" * 250, "日" * 100, "../../x", "a/b:c+d"])
def test_any_id_of_a_run_is_a_folder_of_its_own(run_id: str, tmp_path: Path) -> None:
    ids = {"dag_id": "d" * 250, "run_id": run_id}
    budget(tmp_path).reserve("a", Decimal(3), **ids)
    for other in ({**ids, "run_id": f"{run_id}2"}, {**ids, "dag_id": "d" * 249}):
        assert budget(tmp_path).spent(**other) == 0
    assert budget(tmp_path).spent(**ids) == 3
    (folder,) = (tmp_path / "spring").iterdir()
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", "7", '{"kind": "reserve", "key": "a"}'),
        *(
            '{"kind": "reserve", "key": "a", "units": "-5"}',
            '{"kind": "reserve", "key": "a", "units": "NaN"}',
        ),
        *('{"kind": "free", "key": "a", "units": "5"}', '{"kind": "settle", "key": 7, "units": "5"}'),
    ],
)
def test_a_damaged_entry_decides_nothing(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_module, "MAX_CONTENTION_SECONDS", 0.3)
    shared = budget(tmp_path)
    shared.reserve("a", Decimal(1), **RUN)
    (first,) = tmp_path.rglob("*.json")
    first.with_name("00000002.json").write_text(content)
    with pytest.raises(KlingServerError, match=r"cannot be read or written now: .*its entry 2 is not whole"):
        shared.reserve("b", Decimal(1), **RUN)
    with pytest.raises(KlingServerError):
        shared.spent(**RUN)


def reserve_and_die(path: str) -> None:
    """Reserve as a worker that is killed before its create call."""
    budget(path).reserve("killed", Decimal(20), **RUN)
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_reservation_of_a_killed_worker_is_that_of_its_retry(tmp_path: Path) -> None:
    process = get_context("fork").Process(target=reserve_and_die, args=(str(tmp_path),))
    process.start()
    process.join()
    shared = budget(tmp_path)
    # Its job may exist, so its units are not free, and nothing has to expire before others go on.
    shared.reserve("other", Decimal(5), **RUN)
    with pytest.raises(KlingBudgetSpent, match="has 0 of 25 units left"):
        shared.reserve("third", Decimal(1), **RUN)
    # Its retry has the same external id.
    shared.reserve("killed", Decimal(20), **RUN)
    shared.settle("killed", Decimal(19), **RUN)
    assert shared.spent(**RUN) == 24


@pytest.mark.parametrize("units", ["-1", "NaN", "Infinity", "1e13"])
def test_no_implausible_amount_becomes_an_entry(units: str, tmp_path: Path) -> None:
    shared = budget(tmp_path)
    with pytest.raises(KlingRequestInvalid, match="cost is not known"):
        shared.reserve("a", Decimal(units), **RUN)
    shared.reserve("a", Decimal(3), **RUN)
    shared.settle("a", Decimal(units), **RUN)
    assert shared.spent(**RUN) == 3


def test_the_remaining_units_are_rounded_in_texts(tmp_path: Path) -> None:
    shared = budget(tmp_path, "25.0")
    shared.reserve("a", Decimal("0.05") / Decimal("0.0035"), **RUN)
    with pytest.raises(KlingBudgetSpent, match=r"has 10\.7143 of 25 units left .* costs about 11\."):
        shared.reserve("b", Decimal("11.0"), **RUN)


def test_two_storages_are_two_budgets(tmp_path: Path) -> None:
    first, second = budget(tmp_path / "a"), budget(tmp_path / "b")
    first.reserve("a", Decimal(25), **RUN)
    second.reserve("a", Decimal(25), **RUN)
    assert (first.spent(**RUN), second.spent(**RUN)) == (25, 25)


def test_thirds_of_units_use_up_a_budget_exactly(tmp_path: Path) -> None:
    shared, third = budget(tmp_path, 1), Decimal(1) / 3
    for number in range(3):
        shared.reserve(str(number), third, **RUN)
    with pytest.raises(KlingBudgetSpent):
        shared.reserve("more", Decimal("0.000001"), **RUN)
    for number in range(10):
        shared.settle(str(number), Decimal("0.1"), **RUN)
    assert shared.spent(**RUN) == Decimal("0.3")


@pytest.mark.parametrize("cleared", [False, True], ids=["retried", "cleared"])
def test_a_retry_reserves_nothing_and_a_clear_reserves_again(
    cleared: bool, kling_emulator: Emulator, tmp_path: Path
) -> None:
    shared = budget(tmp_path, 3 if not cleared else 5)
    first = TaskInstance()
    run(image_to_video(budget=shared), first)
    if not cleared:
        run(image_to_video(budget=shared), first.retried())
    else:
        second = first.retried()
        with pytest.raises(KlingBudgetSpent):
            run(image_to_video(budget=shared), replace(second, max_tries=second.try_number, xcoms={}))
    assert len(kling_emulator.jobs) == 1
    assert shared.spent(dag_id=first.dag_id, run_id=first.run_id) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "../a"},
        {"per": "year"},
        {"max_units": None},
        {"max_units": "x"},
        {"max_units": -1},
    ],
)
def test_what_cannot_be_a_budget_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(KlingRequestInvalid):
        KlingBudget(**{"name": "a", "max_units": 5, "path": "/nowhere", **wrong})


@pytest.mark.parametrize("path", ["memory://budgets", "http://a.example/b", None])
def test_a_storage_without_exclusive_creation_is_refused(path: Any) -> None:
    with pytest.raises(KlingRequestInvalid):
        KlingBudget("a", max_units=5, path=path).reserve("a", Decimal(1), **RUN)


@pytest.mark.parametrize("deferrable", [False, True])
def test_tasks_share_a_budget(deferrable: bool, kling_emulator: Emulator, tmp_path: Path) -> None:
    shared = budget(tmp_path, 7)
    first, second, third = (TaskInstance(task_id=name) for name in "abc")
    run(image_to_video(budget=shared, deferrable=deferrable), first)
    run(image_to_video(budget=shared, deferrable=deferrable), second)
    with pytest.raises(KlingBudgetSpent):
        run(image_to_video(budget=shared, deferrable=deferrable), third)
    assert len(kling_emulator.jobs) == 2
    # A retry finds its job, whatever is left.
    run(image_to_video(budget=shared, deferrable=deferrable), first.retried())
    assert len(kling_emulator.jobs) == 2
    assert shared.spent(dag_id="films", run_id=first.run_id) == 6


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_job_releases_its_units(deferrable: bool, kling_emulator: Emulator, tmp_path: Path) -> None:
    shared = budget(tmp_path, 3)
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": "the machine broke"})
    ti = TaskInstance()
    with pytest.raises(KlingTaskFailed):
        run(image_to_video(budget=shared, deferrable=deferrable), ti)
    assert shared.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 0
    kling_emulator.faults.clear()
    run(image_to_video(budget=shared, deferrable=deferrable), ti.retried())
    assert shared.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 3


@pytest.mark.parametrize("deferrable", [False, True], ids=["in_place", "deferred"])
@pytest.mark.parametrize("charged", [Decimal(2), None], ids=["charged", "unknown"])
def test_a_failed_job_costs_what_kling_reports(
    deferrable: bool,
    charged: Decimal | None,
    kling_emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared, ti = budget(tmp_path), TaskInstance()
    monkeypatch.setattr(_shared_budget, "charged_units", lambda *_: charged)
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": "the machine broke"})
    with pytest.raises(KlingTaskFailed):
        run(image_to_video(budget=shared, deferrable=deferrable), ti)
    assert shared.spent(dag_id=ti.dag_id, run_id=ti.run_id) == (3 if charged is None else charged)


@pytest.mark.parametrize("deferrable", [False, True], ids=["in_place", "deferred"])
@pytest.mark.parametrize("refused", [False, True], ids=["too_little_left", "refused"])
def test_a_second_take_that_is_not_made_releases_nothing_of_the_first(
    deferrable: bool,
    refused: bool,
    kling_emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kling does not say what the first one cost."""

    def reject(*_: Any, **__: Any) -> list[Any]:
        if refused:
            kling_emulator.faults.set({"refused_word": "waves"})
        return [CheckedFile("/films/1.mp4", ("black",), None)]

    monkeypatch.setattr(responses, "_charge", lambda job: {})
    monkeypatch.setattr(media_check, "check_files", reject)
    shared, ti = budget(tmp_path / "budget", 9 if refused else 5), TaskInstance()
    film = image_to_video(
        prompt="waves",
        budget=shared,
        deferrable=deferrable,
        output_path=str(tmp_path / "films"),
        regenerate_on_fail=1,
    )
    with pytest.raises(KlingContentRefused if refused else KlingBudgetSpent) as failed:
        run(film, ti)
    (job,) = kling_emulator.jobs
    assert shared.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 3
    assert (failed.value.job, failed.value.task_id) == (JobState.ENDED, job.task_id)
    assert f"earlier ones fail the media check, exist and are charged: {job.task_id}" in str(failed.value)
    assert "No job was made" not in str(failed.value)


@pytest.mark.parametrize("deferrable", [False, True], ids=["in_place", "deferred"])
def test_files_that_cannot_be_checked_are_of_a_job_that_exists(
    deferrable: bool, kling_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise StorageTransientError("no answer")

    monkeypatch.setattr(responses, "_charge", lambda job: {})
    monkeypatch.setattr(media_check, "check_files", down)
    shared, ti = budget(tmp_path / "budget"), TaskInstance()
    film = image_to_video(
        budget=shared, deferrable=deferrable, output_path=str(tmp_path / "films"), media_rules={}
    )
    with pytest.raises(KlingServerError) as failed:
        run(film, ti)
    assert failed.value.job is JobState.ENDED
    assert shared.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 3


def test_a_worker_settles_it_despite_end_from_trigger(
    kling_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow.__version__", "3.0.0")
    film = image_to_video(deferrable=True, end_from_trigger=True, budget=budget(tmp_path))
    with pytest.raises(TaskDeferred) as deferred:
        film.execute(context_of(TaskInstance()))
    assert not deferred.value.trigger.end_from_trigger


def test_a_job_without_an_estimate_is_not_submitted(
    kling_emulator: Emulator, tmp_path: Path, ti: TaskInstance
) -> None:
    operator = KlingAvatarImageToVideoOperator(
        task_id="film", image=IMAGE_URL, audio_id="7", budget=budget(tmp_path)
    )
    with pytest.raises(KlingRequestInvalid, match="cost is not known"):
        operator.execute(context_of(ti))
    assert not kling_emulator.jobs


def test_a_batch_and_a_task_share_a_budget(kling_emulator: Emulator, tmp_path: Path) -> None:
    shared = budget(tmp_path / "budget", 8 * 3)
    batch = Batch(str(tmp_path / "out"), budget=shared)
    other = replace(batch.ti, task_id="film")
    run(image_to_video(budget=shared), other)
    with pytest.raises(KlingBudgetSpent):
        batch.run(rows(5))
    # The film costs 3 of 24, so two of 8 are left.
    assert len(kling_emulator.jobs) == 3
    assert shared.spent(dag_id=other.dag_id, run_id=other.run_id) == 19


CASH = {"type": "cash", "amount": "0.35", "currency": "USD", "list_price": "0.42", "package": None}
UNITS = {"type": "units", "amount": "2.5", "currency": None, "list_price": None, "package": "video"}
SUCCEED, FAILED = TaskStatus.SUCCEED, TaskStatus.FAILED
CHARGES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "units": (VIDEO, {"units": "2.5", "charges": [UNITS]}, "2.5"),
    "units only as a number": (VIDEO, {"units": "2.5"}, "2.5"),
    "cash by its list price": (VIDEO, {"charges": [CASH]}, "3"),
    "cash of an image": (IMAGE, {"charges": [{**CASH, "list_price": "0.028"}]}, "8"),
    "several parts in cash": (VIDEO, {"charges": [CASH, {**CASH, "list_price": "0.14"}]}, "4"),
    "units and cash": (VIDEO, {"units": "2.5", "charges": [UNITS, CASH]}, "5.5"),
    "cash of another currency": (VIDEO, {"charges": [{**CASH, "currency": "CNY"}]}, None),
    "cash without a list price": (VIDEO, {"charges": [{**CASH, "list_price": None}]}, None),
    "a list price of 0": (VIDEO, {"charges": [{**CASH, "list_price": "0"}]}, None),
    "units, and cash without a list price": (
        VIDEO,
        {"units": "2.5", "charges": [UNITS, {**CASH, "list_price": None}]},
        None,
    ),
    "a list price that is no number": (VIDEO, {"charges": [{**CASH, "list_price": "NaN"}]}, None),
    "units, and cash that cannot be read": (
        VIDEO,
        {"units": "0", "charges": [{**UNITS, "amount": "0"}, {**CASH, "amount": None}]},
        None,
    ),
    "cash, and units that cannot be read": (VIDEO, {"charges": [{**UNITS, "amount": None}, CASH]}, None),
    "a failed job with a charge that cannot be read": (
        VIDEO,
        {"status": FAILED, "charges": [{**UNITS, "amount": None}, CASH]},
        None,
    ),
    "no charge": (VIDEO, {}, None),
    "units that are no number": (VIDEO, {"units": "many"}, None),
    "a failed job without a charge": (VIDEO, {"status": FAILED}, "0"),
    "a failed job with a charge": (VIDEO, {"status": FAILED, "charges": [CASH]}, "3"),
}


@pytest.mark.parametrize("currency", [None, "USD", "CNY"])
@pytest.mark.parametrize(("slug", "facts", "expected"), CHARGES.values(), ids=CHARGES)
def test_a_charge_in_units(
    slug: str, facts: dict[str, Any], expected: str | None, currency: str | None
) -> None:
    task = KlingTask(**{"task_id": "1", "status": SUCCEED, "raw_status": "", **facts})
    found = charged_units(get_endpoint(slug), task, currency)
    assert found == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize("written", [None, ""])
@pytest.mark.parametrize(("currency", "expected"), [("USD", 3), ("CNY", None), (None, None)])
def test_cash_without_a_currency_is_in_that_of_the_account(
    currency: str | None, expected: int | None, written: str | None
) -> None:
    charges = [{**CASH, "currency": written}]
    task = KlingTask(task_id="1", status=SUCCEED, raw_status="", charges=charges)
    assert charged_units(get_endpoint(VIDEO), task, currency) == expected


@pytest.mark.parametrize(
    ("host", "dialect", "expected"),
    [
        ("https://api-singapore.klingai.com", None, "USD"),
        ("https://api.klingai.com", None, "USD"),
        ("https://api-beijing.klingai.com", None, "CNY"),
        ("http://127.0.0.1:8000", None, "USD"),
        ("http://127.0.0.1:8000", "gateway", None),
        ("https://api.cometapi.com", None, None),
        ("https://kling.example", None, None),
        # A proxy in front of either region.
        ("https://kling.example", "kling", None),
    ],
)
def test_the_currency_of_an_account(host: str, dialect: str | None, expected: str | None) -> None:
    connection = SimpleNamespace(
        conn_id="kling_default",
        conn_type="kling",
        host=host,
        login=None,
        password="key",
        port=None,
        schema=None,
    )
    settings = parse_connection(connection, {"dialect": dialect} if dialect else {})
    assert settings.currency == expected


CENTS = {**CASH, "amount": "0.35"}
DESCRIBED: dict[str, tuple[str | None, list[dict[str, Any]], str]] = {
    "units": ("3", [UNITS], "charged 3 units"),
    "cash": (None, [CENTS], "charged 0.35 USD"),
    "cash without a currency": (None, [{**CENTS, "currency": None}], "charged 0.35 in cash"),
    "both": ("3", [UNITS, CENTS], "charged 3 units and 0.35 USD"),
    "cash that cannot be read": (
        "0",
        [UNITS, {**CASH, "amount": None}],
        "charged 0 units and an unknown amount USD",
    ),
    "units that cannot be read": (
        None,
        [{**UNITS, "amount": None}, CENTS],
        "charged an unknown amount of units and 0.35 USD",
    ),
    "nothing": (None, [], "Kling reports no charge"),
}


@pytest.mark.parametrize(("units", "charges", "text"), DESCRIBED.values(), ids=DESCRIBED)
def test_the_log_names_every_charge(units: str | None, charges: list[dict[str, Any]], text: str) -> None:
    task = KlingTask(task_id="1", status=SUCCEED, raw_status="", units=units, charges=charges)
    assert describe_charge(task) == text


@pytest.fixture
def cash_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An account that pays in cash."""
    with Emulator(speed=1, job_seconds=0.3, cash=1000) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.mark.parametrize("deferrable", [False, True], ids=["in_place", "deferred"])
def test_cash_settles_a_job(deferrable: bool, cash_account: Emulator, tmp_path: Path) -> None:
    shared, ti = budget(tmp_path), TaskInstance()
    result = run(image_to_video(budget=shared, deferrable=deferrable), ti)
    assert (result["units"], result["charges"][0]["list_price"]) == (None, "0.42")
    (log,) = sorted(tmp_path.rglob("*2.json"))
    assert json.loads(log.read_text())["kind"] == "settle"
    assert shared.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 3


def test_cash_without_a_list_price_stays_reserved(
    cash_account: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "_charge", lambda job: {"final_balance_deduction": {"quota": "0.1"}})
    shared, ti = budget(tmp_path), TaskInstance()
    run(image_to_video(budget=shared), ti)
    assert [json.loads(log.read_text())["kind"] for log in tmp_path.rglob("*.json")] == ["reserve"]
    assert shared.spent(dag_id=ti.dag_id, run_id=ti.run_id) == 3


def test_cash_settles_the_rows_of_a_batch(cash_account: Emulator, tmp_path: Path) -> None:
    shared = budget(tmp_path / "budget")
    batch = Batch(str(tmp_path / "out"), budget=shared)
    batch.run(rows(2))
    kinds = [json.loads(log.read_text())["kind"] for log in (tmp_path / "budget").rglob("*.json")]
    assert sorted(kinds) == ["reserve", "reserve", "settle", "settle"]
    assert shared.spent(dag_id=batch.ti.dag_id, run_id=batch.ti.run_id) == 16


@pytest.fixture
def ti() -> TaskInstance:
    """A task instance at its first try."""
    return TaskInstance()
