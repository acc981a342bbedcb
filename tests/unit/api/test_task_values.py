# SPDX-License-Identifier: Apache-2.0
"""What a task cost, when it was made, why it failed, and how it looks as JSON; lists of tasks."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from airflow_provider_kling.api.task import KlingTask, TaskStatus, parse_task, parse_task_list

VIDEO = {"id": "v1", "url": "https://cdn.example/v1.mp4", "duration": "5.1"}
CREATED, UPDATED = 1_777_385_361_501, 1_777_385_363_321


def official(**data: Any) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data}


def read(payload: dict[str, Any]) -> KlingTask:
    task = parse_task(payload)
    assert task is not None
    return task


@pytest.mark.parametrize(
    ("values", "units"), [("3.5", "3.5"), (2, "2"), (0, "0"), ("0", "0"), ("", None), (None, None)]
)
def test_units_are_never_made_up(values: Any, units: str | None) -> None:
    """An unknown charge is not a charge of nothing."""
    assert read(official(task_id="1", final_unit_deduction=values)).units == units


@pytest.mark.parametrize("row", [{}, {"amount": "much"}, {"amount": None}])
def test_a_bill_that_cannot_be_read_is_an_unknown_charge(row: dict[str, Any]) -> None:
    assert read({"id": "1", "status": "succeeded", "billing": [{"charge_type": "unit", **row}]}).units is None


@pytest.mark.parametrize(
    ("values", "milliseconds"),
    [(CREATED, CREATED), (1_777_385_361, 1_777_385_361_000), (str(CREATED), CREATED), ("soon", None)],
)
def test_times_are_milliseconds_whatever_the_host_sends(values: Any, milliseconds: int | None) -> None:
    assert read(official(task_id="1", created_at=values)).created_at == milliseconds


@pytest.mark.parametrize(
    "values", [0, -5, "-1", "NaN", "soon", "", math.nan, math.inf, 10**18, 10**19, 10**30, 1, True, [1]]
)
def test_a_time_that_is_none_is_unknown(values: Any) -> None:
    for name in ("created_at", "updated_at", "create_time", "update_time"):
        task = read(official(task_id="1", task_status="succeed", **{name: values}))
        assert (task.created_at, task.updated_at, task.expires_at) == (None, None, None)


@pytest.mark.parametrize(
    "values", [-1, "-0", "free", "nan", "inf", math.nan, {"unit": 3}, [3], True, "1e999"]
)
def test_a_charge_that_is_no_amount_is_unknown(values: Any) -> None:
    task = read(official(task_id="1", final_unit_deduction=values))
    assert (task.units, task.charges) == (None, [])
    billing = [{"charge_type": "unit", "amount": values}, {"charge_type": "cash", "amount": values}]
    task = read({"id": "1", "status": "succeeded", "billing": billing})
    assert (task.units, task.charges) == (None, [])


def test_charges_hold_units_and_cash_of_both_api_families() -> None:
    units = {"type": "units", "amount": "3.5", "currency": None, "list_price": None, "package": None}
    cash = {"type": "cash", "amount": "1.2", "currency": "USD", "list_price": "1.4", "package": None}
    first = read(
        official(
            task_id="1",
            final_unit_deduction="3.5",
            final_balance_deduction={"quota": "1.2", "list_price": "1.4", "currency": "USD"},
        )
    )
    assert first.charges == [units, cash]
    billing = [
        {"charge_type": "unit", "amount": 3.5, "package_type": "video"},
        {
            "charge_type": "cash",
            "cash_type": "balance",
            "amount": "1.2",
            "currency": "USD",
            "list_price": "1.4",
        },
    ]
    second = read({"id": "1", "status": "succeeded", "billing": billing})
    assert (second.units, second.charges) == ("3.5", [{**units, "package": "video"}, cash])


UNITS_0 = {"final_unit_deduction": "0"}
PARTLY_READ: dict[str, tuple[dict[str, Any], list[tuple[str, str | None]]]] = {
    "bare cash": ({**UNITS_0, "final_balance_deduction": "0.35"}, [("units", "0"), ("cash", "0.35")]),
    "cash as a number": ({**UNITS_0, "final_balance_deduction": 0.35}, [("units", "0"), ("cash", "0.35")]),
    "cash under another name": (
        {**UNITS_0, "final_balance_deduction": {"amount": "0.35"}},
        [("units", "0"), ("cash", "0.35")],
    ),
    "cash in words": ({**UNITS_0, "final_balance_deduction": "0.35 USD"}, [("units", "0"), ("cash", None)]),
    "cash below 0": (
        {**UNITS_0, "final_balance_deduction": {"quota": "-0.35"}},
        [("units", "0"), ("cash", None)],
    ),
    "cash that is NaN": (
        {**UNITS_0, "final_balance_deduction": {"quota": math.nan}},
        [("units", "0"), ("cash", None)],
    ),
    "no cash, in words": ({**UNITS_0, "final_balance_deduction": "None"}, [("units", "0")]),
    "no cash": ({**UNITS_0, "final_balance_deduction": {"quota": None, "currency": "USD"}}, [("units", "0")]),
    "no cash in a list": ({**UNITS_0, "final_balance_deduction": []}, [("units", "0")]),
    "units in words": (
        {"final_unit_deduction": "3 units", "final_balance_deduction": {"quota": "0.35"}},
        [("units", None), ("cash", "0.35")],
    ),
    "a part of a bill": (
        {"billing": [{"charge_type": "unit", "amount": 3}, {"charge_type": "cash", "amount": "x"}]},
        [("units", "3"), ("cash", None)],
    ),
}


@pytest.mark.parametrize(("stated", "expected"), PARTLY_READ.values(), ids=PARTLY_READ)
def test_a_part_of_a_charge_that_cannot_be_read_is_not_left_out(
    stated: dict[str, Any], expected: list[tuple[str, str | None]]
) -> None:
    task = read(official(task_id="1", task_status="succeed", **stated))
    assert [(row["type"], row["amount"]) for row in task.charges] == expected


@pytest.mark.parametrize("text", ["cancelled", "canceled", "expired", " FAILED\n", "Cancelled "])
def test_a_job_that_was_abandoned_has_ended(text: str) -> None:
    assert read(official(task_id="1", task_status=text)).status is TaskStatus.FAILED


@pytest.mark.parametrize("text", [" succeed", "SUCCEED", "Succeeded\n"])
def test_status_words_are_stripped(text: str) -> None:
    assert read(official(task_id="1", task_status=text)).status is TaskStatus.SUCCEED


def test_an_unknown_status_is_not_changed() -> None:
    task = read(official(task_id="1", task_status="Reviewing"))
    assert (task.status, task.raw_status, task.status.is_terminal) == (TaskStatus.UNKNOWN, "Reviewing", False)


def test_reasons_lose_signatures() -> None:
    message = "cannot fetch https://bucket.example/a.png?X-Amz-Signature=secret"
    task = read(official(task_id="1", task_status="failed", task_status_msg=message))
    assert task.message == "cannot fetch https://bucket.example/a.png"


def test_lists() -> None:
    rows = [{"task_id": "2", "task_status": "succeed"}, {"task_id": "1", "task_status": "failed"}]
    for payload in ({"data": rows}, {"data": {"result": rows}}, {"data": {"data": rows}}):
        assert [task.task_id for task in parse_task_list({"code": 0, **payload})] == ["2", "1"]
    assert parse_task_list({"data": [None, 1, {}, rows[0]]}) == [read(rows[0])]
    assert parse_task_list({"data": None}) == parse_task_list({}) == []


def test_plain_json_holds_what_operators_return() -> None:
    task = read(
        official(
            task_id="878",
            task_status="succeed",
            updated_at=UPDATED,
            task_result={"videos": [VIDEO]},
            final_balance_deduction={"quota": "1.2"},
        )
    )
    shown = json.loads(json.dumps(task.to_json("videos/image2video")))
    assert shown == {
        "task_id": "878",
        "external_task_id": None,
        "endpoint": "videos/image2video",
        "status": "succeed",
        "created_at": None,
        "updated_at": UPDATED,
        "expires_at": UPDATED + 2_592_000_000,
        "units": None,
        "charges": [{"type": "cash", "amount": "1.2", "currency": None, "list_price": None, "package": None}],
        "final_balance_deduction": {"quota": "1.2"},
        "videos": [VIDEO],
    }


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ("shot 1", "shot 1"),
        ("shot  1", "shot  1"),
        ("a\nWARNING forged", "aWARNING forged"),
        ("\x1b[31ma\x00", "[31ma"),
        ("x" * 5_000, "x" * 500),
        ({"a": 1}, None),
    ],
    ids=["plain", "blanks", "line", "control", "long", "object"],
)
@pytest.mark.parametrize("name", ["external_task_id", "session_id"])
def test_ids_that_are_logged_are_short_and_visible(name: str, values: object, read: str | None) -> None:
    row = {"task_id": "1", "task_status": "processing", name: values}
    task = parse_task({"data": row})
    assert task is not None
    assert getattr(task, name) == read
