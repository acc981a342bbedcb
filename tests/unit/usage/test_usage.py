# SPDX-License-Identifier: Apache-2.0
"""What the account was charged, joined with what Airflow knows."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.hooks import account
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.usage import KlingUsageOperator
from airflow_provider_kling.usage.charges import (
    CASH,
    UNITS,
    Sums,
    csv_cells,
    csv_columns,
    in_order,
    not_in_ledger,
    rows_of,
)
from airflow_provider_kling.usage.known_jobs import KnownJob, KnownJobs
from tests.unit.batch.conftest import Batch, rows
from tests.unit.operators.conftest import TaskInstance, context_of, image_to_video, run
from tests.unit.results.conftest import Shelf, shelf

__all__ = ["shelf"]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pause between account calls from the tests."""
    monkeypatch.setattr(account, "SECONDS_BETWEEN_CALLS", 0.0)


def usage(output: Any, **arguments: Any) -> KlingUsageOperator:
    now = int(time.time() * 1000)
    period = {"start": now - 3_600_000, "end": now + 60_000}
    return KlingUsageOperator(task_id="usage", output_path=output, **{**period, **arguments})


def read(path: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_sums_equal_the_charges_of_the_account(kling_emulator: Emulator, tmp_path: Path) -> None:
    films, shop, report = (str(tmp_path / name) for name in ("films", "shop", "report"))
    spring = {"team": "shop", "campaign": "spring"}
    ti = TaskInstance()
    for number, labels in enumerate([spring, {"team": "press"}]):
        run(image_to_video(output_path=films, labels=labels), replace(ti, run_id=f"run {number}", xcoms={}))
    speech = KlingTextToSpeechOperator(
        task_id="say", text="hello", voice_id="1", voice_language="en", output_path=films, labels=spring
    )
    speech.execute(context_of(TaskInstance(dag_id="news", task_id="say")))
    Batch(shop, labels=spring).run([{**row, "labels": {"sku": row["prompt"]}} for row in rows(3)])
    # A job whose files are not at these paths, and a stored one without a charge in the ledger.
    run(image_to_video(labels=spring), replace(ti, run_id="elsewhere", xcoms={}))
    strange = json.loads(next(Path(films).glob("*/manifest.json")).read_text())
    (tmp_path / "films" / "7").mkdir()
    (tmp_path / "films" / "7" / "manifest.json").write_text(json.dumps({**strange, "task_id": "7"}))

    summary = usage(report, paths=[films, shop]).execute({})  # type: ignore[arg-type]
    expected_total = kling_emulator.state.account.charged
    charged = read(summary["usage_path"])
    assert sum(Decimal(row["amount"]) for row in charged) == expected_total
    assert sum(map(Decimal, summary["units"].values())) == expected_total
    assert (summary["charges"], summary["unknown_to_airflow"], summary["stored_not_in_ledger"]) == (7, 1, 1)
    assert summary["complete"] is False
    by_kind = {job.unit_type: Decimal(0) for job in kling_emulator.jobs}
    for job in kling_emulator.jobs:
        by_kind[job.unit_type] += job.price
    assert {kind: Decimal(text) for kind, text in summary["units"].items()} == by_kind

    known = [row for row in charged if row["known"]]
    assert {(row["dag_id"], row["airflow_task_id"]) for row in known} == {
        ("films", "film"),
        ("news", "say"),
        ("shop", "batch"),
    }
    by_team = [row for row in known if row["labels"].get("team") == "shop"]
    assert sum(Decimal(row["amount"]) for row in by_team) == Decimal("3") + Decimal("0.05") + 3 * 8
    assert {row["labels"]["sku"] for row in known if row["dag_id"] == "shop"} == {
        "product 1",
        "product 2",
        "product 3",
    }
    (unknown,) = read(summary["unknown_path"])
    assert unknown["task_id"] == kling_emulator.jobs[-1].task_id
    (missing,) = read(summary["missing_path"])
    assert (missing["task_id"], missing["labels"]) == ("7", strange["labels"])
    with Path(summary["csv_path"]).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["amount"] for row in table] == [row["amount"] for row in charged]
    assert {row["label.team"] for row in table} == {"shop", "press", ""}
    assert {row["label.sku"] for row in table} >= {"product 1"}


@pytest.mark.parametrize(
    ("times", "day"),
    [
        (("2026-11-20T00:00", None, "2026-11-20T00:00:05"), 18),
        (("2026-11-20T00:00", "2026-11-20T00:00", "2026-11-25T09:00"), 18),
        (("2026-11-20T11:59", None, "2026-11-20T11:59"), 18),
        (("2026-11-20T12:00", None, "2026-11-20T12:00"), 19),
        (("2026-11-20T02:00+03:00", None, "2026-11-19T23:00"), 18),
        ((None, "2026-11-20T13:00", "2026-11-25T09:00"), 19),
        ((None, None, "2026-11-20T13:00"), 19),
    ],
    ids=["midnight", "late", "before_the_lag", "at_the_lag", "zone", "no_interval", "no_run_after"],
)
def test_the_default_period_is_the_last_complete_day(
    times: tuple[str | None, str | None, str], day: int, kling_emulator: Emulator, tmp_path: Path
) -> None:
    """The times are the end of the data interval, ``run_after`` and the start of the run."""

    def at(text: str | None) -> datetime | None:
        moment = datetime.fromisoformat(text) if text else None
        return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None

    interval_end, run_after, started = map(at, times)
    dag_run = SimpleNamespace(run_after=run_after, start_date=started)
    context: Any = {"dag_run": dag_run, "data_interval_end": interval_end}
    report = KlingUsageOperator(task_id="usage", output_path=str(tmp_path)).execute(context)
    first = datetime(2026, 11, day, tzinfo=UTC)
    assert datetime.fromisoformat(report["start"]) == first
    assert datetime.fromisoformat(report["end"]) == first + timedelta(days=1)


@pytest.mark.parametrize("name", ["start", "end"])
def test_start_and_end_must_be_set_together(name: str, tmp_path: Path) -> None:
    arguments: Any = {name: "2026-11-01"}
    with pytest.raises(KlingRequestInvalid, match="because only one of start and end is set"):
        KlingUsageOperator(task_id="usage", output_path=str(tmp_path), **arguments)


@pytest.mark.parametrize("kling_emulator_options", [{"cash": 100}])
def test_sums_of_cash_equal_the_charges_of_the_account(kling_emulator: Emulator, tmp_path: Path) -> None:
    films = str(tmp_path / "films")
    result = run(image_to_video(output_path=films, labels={"team": "shop"}), TaskInstance())
    assert result["units"] is None
    (charge,) = result["charges"]
    assert (charge["type"], charge["amount"]) == ("cash", "0.42")
    Batch(str(tmp_path / "shop"), labels={"team": "press"}).run(rows(2))

    summary = usage(str(tmp_path / "report"), paths=[films, str(tmp_path / "shop")]).execute({})  # type: ignore[arg-type]
    expected_total = kling_emulator.state.account.charged_cash
    assert expected_total == Decimal("0.42") + 2 * 8 * Decimal("0.0035")
    assert (summary["units"], {kind: Decimal(sum_) for kind, sum_ in summary["cash"].items()}) == (
        {},
        {"USD": expected_total},
    )
    assert Decimal(summary["usd_at_list_price"]) == expected_total
    charged = read(summary["usage_path"])
    assert {(row["type"], row["cash_type"], row["labels"]["team"]) for row in charged} == {
        ("cash", "balance", "shop"),
        ("cash", "balance", "press"),
    }
    assert sum(Decimal(row["amount"]) for row in charged) == expected_total


def test_a_second_report_of_a_period_is_equal(kling_emulator: Emulator, tmp_path: Path) -> None:
    films, report = str(tmp_path / "films"), tmp_path / "report"
    run(image_to_video(output_path=films), TaskInstance())
    operator = usage(str(report), paths=films)
    first = operator.execute({})  # type: ignore[arg-type]
    content = {file.name: file.read_bytes() for file in report.iterdir()}
    assert len(content) == 4
    assert operator.execute({}) == first  # type: ignore[arg-type]
    assert {file.name: file.read_bytes() for file in report.iterdir()} == content


def test_a_report_may_be_on_any_storage(shelf: Shelf, kling_emulator: Emulator) -> None:
    run(image_to_video(output_path=shelf.uri, labels={"team": "shop"}), TaskInstance())
    summary = usage(f"{shelf.uri}/report", paths=[shelf.uri]).execute({})  # type: ignore[arg-type]
    assert (summary["charges"], summary["unknown_to_airflow"]) == (1, 0)
    (job,) = KnownJobs([shelf.uri]).jobs.values()
    assert job.labels == {"team": "shop"}
    assert job.source.startswith(shelf.uri)


def test_a_report_of_an_old_period_is_complete(kling_emulator: Emulator, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    summary = usage(str(tmp_path), start=now - timedelta(days=2), end=now - timedelta(days=1)).execute({})  # type: ignore[arg-type]
    assert (summary["complete"], summary["charges"], summary["units"]) == (True, 0, {})
    assert read(summary["usage_path"]) == []


@pytest.mark.parametrize(
    ("start", "stamp"),
    [
        ("2026-11-01T00:00:00Z", "20261101T000000Z"),
        ("2026-11-01 01:00:00+01:00", "20261101T000000Z"),
        ("2026-11-01", "20261101T000000Z"),
        (datetime(2026, 11, 1, tzinfo=UTC), "20261101T000000Z"),
        (1793491200000, "20261101T000000Z"),
        ("1793491200000", "20261101T000000Z"),
        ("1793491200001", "20261101T000000.001Z"),
    ],
)
def test_common_formats_of_times_are_accepted(
    start: Any, stamp: str, kling_emulator: Emulator, tmp_path: Path
) -> None:
    summary = usage(str(tmp_path), start=start, end="2026-11-02").execute({})  # type: ignore[arg-type]
    assert summary["usage_path"].endswith(f"/usage-{stamp}-20261102T000000Z.jsonl")


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "soon"},
        {"start": True},
        {"end": "None"},
        {"end": None},
        {"start": 5, "end": 5},
        {"output_path": "relative"},
        {"output_path": ""},
        {"paths": ["relative"]},
        {"paths": 7},
    ],
)
def test_invalid_parameters_are_refused(wrong: Mapping[str, Any], kling_emulator: Emulator) -> None:
    with pytest.raises(KlingRequestInvalid, match="Task 'usage'"):
        usage(**{"output": "/nowhere", **wrong}).execute({}) if "output_path" not in wrong else usage(
            wrong["output_path"]
        ).execute({})  # type: ignore[arg-type]


JOBS = {
    "1": KnownJob("1", "videos/image2video", labels={"team": "=cmd()"}, created_at=5, stored=True),
    "2": KnownJob("2", created_at=5, stored=True, units="3"),
    "3": KnownJob("3", created_at=5, stored=True, units="0"),
    "4": KnownJob("4", created_at=5),
    "6": KnownJob("6", created_at=5, stored=True, units="0", in_cash=True),
    "5": KnownJob("5", created_at=500, stored=True),
}
LINE = {"task_id": "1", "deduction_amount": 0.1, "product_type": "video", "deduction_time": "1793491200000"}


def test_amounts_are_exact_and_lines_count_once() -> None:
    again = {**LINE, "unit_before_deduction": 7}
    found = rows_of(UNITS, [LINE, LINE, again, {**LINE, "task_id": "9", "deduction_amount": 0.2}], JOBS)
    assert [(row["task_id"], row["amount"], row["known"]) for row in found] == [
        ("1", "0.1", True),
        ("1", "0.1", True),
        ("9", "0.2", False),
    ]
    cash = rows_of(CASH, [{**LINE, "deduction_amount": "0.3", "currency": "USD"}], JOBS)
    sums = Sums()
    for row in [*found, *cash]:
        sums.add(row)
    assert sums.to_json() == {
        "units": {"video": "0.4"},
        "cash": {"USD": "0.3"},
        "usd_at_list_price": "0.356",
        "charges_without_amount": 0,
    }


@pytest.mark.parametrize("amount", [None, "", "NaN", "1,000", "1_000", "\uff11\uff12", True, [1]])
def test_an_unreadable_amount_is_counted_and_not_estimated(amount: Any) -> None:
    (row,) = rows_of(UNITS, [{**LINE, "deduction_amount": amount}], JOBS)
    sums = Sums()
    sums.add(row)
    assert (row["amount"], sums.unreadable, sums.units) == (None, 1, {})


REFUNDS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "units": (UNITS, {"deduction_amount": "-0.1"}, "-0.1", "-0.014"),
    "a number": (UNITS, {"deduction_amount": -0.1}, "-0.1", "-0.014"),
    "cash": (CASH, {"deduction_amount": "-0.3", "currency": "USD", "list_price": "-0.4"}, "-0.3", "-0.4"),
    "list price without a sign": (
        CASH,
        {"deduction_amount": "-0.3", "currency": "USD", "list_price": "0.4"},
        "-0.3",
        "-0.4",
    ),
}


@pytest.mark.parametrize(("kind", "line", "amount", "usd"), REFUNDS.values(), ids=REFUNDS)
def test_a_refund_reduces_the_sums(kind: str, line: dict[str, Any], amount: str, usd: str) -> None:
    (row,) = rows_of(kind, [{**LINE, **line}], JOBS)
    assert (row["amount"], row["usd_at_list_price"]) == (amount, usd)
    paid = {**row, "amount": amount[1:], "usd_at_list_price": usd[1:]}
    sums = Sums()
    for each in (paid, paid, row):
        sums.add(each)
    summary = sums.to_json()
    assert (summary["units"] | summary["cash"], summary["usd_at_list_price"]) == (
        {"video" if kind == UNITS else "USD": amount[1:]},
        usd[1:],
    )
    assert csv_cells(row, ["amount"]) == [amount], "a number, no text of a formula"


def test_amounts_of_other_currencies_and_kinds_are_not_added() -> None:
    cash = [{**LINE, "deduction_amount": "2.5", "currency": name} for name in ("USD", "CNY", "", None)]
    units = [{**LINE, "product_type": name} for name in ("video", "image", "try-on", None)]
    sums = Sums()
    for row in [*rows_of(CASH, cash, JOBS), *rows_of(UNITS, units, JOBS)]:
        sums.add(row)
    assert sums.to_json() == {
        "cash": {"CNY": "2.5", "USD": "2.5", "unknown": "5"},
        "units": {"image": "0.1", "try-on": "0.1", "unknown": "0.1", "video": "0.1"},
        "usd_at_list_price": "2.51435",
        "charges_without_amount": 0,
    }


def test_charges_without_a_job_are_counted() -> None:
    lines = [{**LINE, "task_id": name, "deduction_time": str(name)} for name in (None, "", "9")]
    rows = rows_of(UNITS, lines, JOBS)
    assert [(row["task_id"], row["amount"], row["known"], row["charged_at"]) for row in rows[:2]] == [
        ("", "0.1", False, None),
        ("", "0.1", False, None),
    ]
    assert len(rows) == 3


def test_a_job_on_the_boundary_of_two_periods_is_in_the_later_one() -> None:
    # A server may list it in both: JOBS["5"] was created at 500.
    line = {**LINE, "task_id": "5"}
    assert rows_of(UNITS, [line], JOBS, end=500) == []
    assert [row["task_id"] for row in rows_of(UNITS, [line], JOBS, end=501)] == ["5"]
    assert not list(not_in_ledger({"5": JOBS["5"]}, [], 0, 500))
    assert [row["task_id"] for row in not_in_ledger({"5": JOBS["5"]}, [], 500, 1000)] == ["5"]


def test_stored_jobs_without_charges_are_reported() -> None:
    assert [row["task_id"] for row in not_in_ledger(JOBS, ["1"], 0, 10)] == ["2", "6"]
    assert [row["task_id"] for row in not_in_ledger(JOBS, [], 0, 1000)] == ["1", "2", "5", "6"]


def test_cells_are_no_formulas() -> None:
    found = rows_of(UNITS, [{**LINE, "model_name": "=HYPERLINK()"}], JOBS)
    columns = csv_columns(found)
    cells = dict(zip(columns, csv_cells(found[0], columns), strict=True))
    assert cells["model"] == "'=HYPERLINK()"
    assert cells["label.team"] == "'=cmd()"
    assert json.loads(cells["labels"]) == {"team": "=cmd()"}


def test_rows_have_a_fixed_order() -> None:
    found = rows_of(UNITS, [{**LINE, "task_id": str(number)} for number in (3, 1, 2)], {})
    assert in_order(found) == in_order(found[::-1])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', "{", '{"version": 1, "task_id": []}'])
def test_unreadable_files_are_counted(content: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "manifest.json").write_text(content)
    known = KnownJobs([str(tmp_path)])
    assert (known.jobs, known.unreadable) == ({}, 1)


def test_a_missing_path_has_no_jobs(tmp_path: Path) -> None:
    assert KnownJobs([str(tmp_path / "none")]).jobs == {}


def test_times_in_seconds_are_not_read_as_milliseconds(tmp_path: Path) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'start': 1767225600; expected .*milliseconds"):
        usage(tmp_path, start=1_767_225_600, end="2026-01-02")


WRITTEN: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "milliseconds": ({"deduction_time": 1793491200000}, "1", "2026-11-01T00:00:00.000+00:00"),
    "seconds": ({"deduction_time": 1793491200}, "1", "2026-11-01T00:00:00.000+00:00"),
    "a float": ({"deduction_time": 1793491200000.0}, "1", "2026-11-01T00:00:00.000+00:00"),
    "digits of another script": ({"deduction_time": "\uff11\uff12"}, "1", None),
    "a time of 1970": ({"deduction_time": 9}, "1", None),
    "NaN": ({"deduction_time": float("nan")}, "1", None),
    "an id as a number": ({"task_id": 1}, "1", "2026-11-01T00:00:00.000+00:00"),
    "an id as JavaScript writes it": ({"task_id": 1.0}, "1", "2026-11-01T00:00:00.000+00:00"),
    "blanks around an id": ({"task_id": " 1 "}, "1", "2026-11-01T00:00:00.000+00:00"),
}


@pytest.mark.parametrize(("line", "task_id", "charged_at"), WRITTEN.values(), ids=WRITTEN)
def test_ids_and_times_are_read_as_text_or_numbers(
    line: dict[str, Any], task_id: str, charged_at: str | None
) -> None:
    (row,) = rows_of(UNITS, [{**LINE, **line}], JOBS)
    assert (row["task_id"], row["known"], row["charged_at"]) == (task_id, True, charged_at)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")], ids=["payer_first", "payer_last"])
def test_a_job_is_attributed_to_the_task_that_submitted_it(names: tuple[str, str], tmp_path: Path) -> None:
    """Another task attached to it, and stored its files at a path of its own."""
    paid, reused = (tmp_path / name / "7" for name in names)
    for folder, dag_id, request in (
        (paid, "payer", {}),
        (reused, "guest", {"reused_from": {"kling_task_id": "7"}}),
    ):
        folder.mkdir(parents=True)
        manifest = {"version": 1, "task_id": "7", "endpoint": "videos/image2video", "request": request}
        of = {"airflow": {"dag_id": dag_id}, "labels": {"team": dag_id}, "units": "3", "files": []}
        (folder / "manifest.json").write_text(json.dumps({**manifest, **of}))
    (row,) = rows_of(UNITS, [{**LINE, "task_id": "7"}], KnownJobs([str(tmp_path)]).jobs)
    assert (row["dag_id"], row["labels"]) == ("payer", {"team": "payer"})
    (row,) = rows_of(UNITS, [{**LINE, "task_id": "7"}], KnownJobs([str(reused.parent)]).jobs)
    assert (row["known"], row["dag_id"], row["labels"]) == (True, None, {})
