# SPDX-License-Identifier: Apache-2.0
"""Resource packs and records of charges."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from tests.unit.emulator.conftest import png

COSTS = "/account/costs"
PACKAGE = "/account/billing/package"


@pytest.fixture
def hours():
    now = round(time.time() * 1000)
    return {"start_time": now - 3_600_000, "end_time": now + 48 * 3_600_000}


def test_the_remaining_quantity_is_12_hours_old(start, hours):
    kling = start(units=1000)
    kling.finish(kling.create())
    left = kling.get(COSTS, **hours).json()["data"]
    assert (left["code"], left["msg"]) == (0, "success")
    video, image = left["resource_pack_subscribe_infos"]
    assert (video["total_quantity"], video["remaining_quantity"], video["status"]) == (
        1000,
        1000,
        "online",
    )
    assert image["resource_pack_name"] == "Emulator image units"
    kling.emulator.advance(13 * 3600)
    later = kling.get(COSTS, **hours).json()["data"]["resource_pack_subscribe_infos"]
    assert [pack["remaining_quantity"] for pack in later] == [997, 1000]


def test_a_pack_can_be_queried_by_name(kling, hours):
    response = kling.get(COSTS, **hours, resource_pack_name="Emulator video units").json()
    assert len(response["data"]["resource_pack_subscribe_infos"]) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start_time": ""}, "start_time is required"),
        ({"start_time": "yesterday"}, "start_time must be a time in milliseconds"),
        ({"start_time": 99, "end_time": 98}, "before end_time"),
    ],
)
def test_a_query_needs_a_valid_period(kling, hours, changes, words):
    assert words in kling.get(COSTS, **{**hours, **changes}).json()["message"]


def test_packs_may_be_queried_once_a_second(kling, hours):
    kling.emulator.faults.set({"costs_limited": True})
    assert kling.get(COSTS, **hours).json()["code"] == 0
    assert kling.get(COSTS, **hours).json()["code"] == 1302
    kling.emulator.advance(1)
    assert kling.get(COSTS, **hours).json()["code"] == 0


def test_an_empty_pack_refuses_jobs_of_its_kind(start):
    kling = start(units=5)
    kling.create()
    response = kling.post("/v1/videos/image2video", {"model_name": "kling-v3", "image": png()})
    assert (response.status_code, response.json()["code"]) == (429, 1102)
    assert response.json()["message"] == "Account balance not enough"
    assert (
        kling.post("/v1/images/generations", {"model_name": "kling-v2-1", "prompt": "x"}).status_code == 200
    )


def test_a_failed_job_is_not_charged(start):
    kling = start(units=5, faults={"failed_job": 1})
    kling.create()
    kling.create()


def test_charges_are_paginated_by_cursor(kling, hours):
    made = [kling.create() for _ in range(5)]
    kling.emulator.faults.set({"failed_job": 1})
    kling.create()
    kling.emulator.advance(60)
    page = kling.post(PACKAGE, {**hours, "limit": 3}).json()["data"]
    rest = kling.post(PACKAGE, {"cursor": page["next_cursor"], "limit": 3}).json()["data"]
    assert (page["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, "")
    details = page["result"]["detail"] + rest["result"]["detail"]
    assert [detail["task_id"] for detail in details] == made
    assert {detail["deduction_amount"] for detail in details} == {3.0}
    left = [detail["unit_after_deduction"] for detail in details]
    assert left == [detail["unit_before_deduction"] - 3 for detail in details]
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize(
    ("key", "value", "count"),
    [
        ("product_type", "image", 0),
        ("product_type", "video", 1),
        ("api_key_name", "emulator", 1),
        ("package_name", "Emulator video units", 1),
        ("package_id", "emulator-image", 0),
    ],
)
def test_charges_are_filtered(kling, hours, key, value, count):
    kling.finish(kling.create())
    filters = [{"key": key, "values": [value]}, {"key": "product_type", "values": []}]
    page = kling.post(PACKAGE, {**hours, "filters": filters}).json()["data"]
    assert page["result"]["count"] == len(page["result"]["detail"]) == count


def test_invalid_filters_are_refused(kling, hours):
    wrong = [{"key": "owner", "values": ["me"]}]
    both = [{"key": "package_name", "values": ["a"]}, {"key": "package_id", "values": ["b"]}]
    for filters in (wrong, both):
        assert kling.post(PACKAGE, {**hours, "filters": filters}).status_code == 400


def test_an_account_with_packs_has_no_cash_records(kling, hours):
    kling.finish(kling.create())
    response = kling.post("/account/billing/balance", hours).json()
    assert response["data"]["result"]["detail"] == []


BALANCE = "/account/billing/balance"


def test_an_account_with_cash_has_no_packs(start, hours):
    kling = start(cash=1, speed=1)
    kling.finish(kling.create())
    second = kling.create()
    third = kling.post("/v1/videos/text2video", {"prompt": "x", "model_name": "kling-v3"})
    assert (third.status_code, third.json()["code"]) == (429, 1102)
    task = kling.finish(second)
    assert task["final_balance_deduction"] == {"quota": "0.42", "list_price": "0.42"}
    assert "final_unit_deduction" not in task
    rows = kling.post(BALANCE, hours).json()["data"]["result"]["detail"]
    assert [row["task_id"] for row in rows][1] == second
    balances = [(row["balance_before_deduction"], row["balance_after_deduction"]) for row in rows]
    assert balances == [(1.0, 0.58), (0.58, 0.16)]
    assert {(row["cash_type"], row["currency"], row["list_price"]) for row in rows} == {
        ("balance", "USD", 0.42)
    }
    assert kling.post(PACKAGE, hours).json()["data"]["result"]["detail"] == []
    assert kling.emulator.state.account.charged == 0
    wrong = {**hours, "filters": [{"key": "product_type", "values": ["video"]}]}
    assert kling.post(BALANCE, wrong).status_code == 400


def test_task_objects_of_api_2_contain_cash_charges(start):
    kling = start(cash=5)
    body = {"prompt": "x", "settings": {"resolution": "720p", "duration": 5}}
    task_id = kling.post("/text-to-video/kling-3.0", body).json()["data"]["id"]
    kling.emulator.advance(3600)
    (task,) = kling.get(f"/tasks?task_ids={task_id}").json()["data"]
    (row,) = task["billing"]
    assert row == {
        "charge_type": "cash",
        "cash_type": "balance",
        "amount": row["amount"],
        "currency": "USD",
        "list_price": row["amount"],
    }
    assert Decimal(row["amount"]) == kling.emulator.state.account.charged_cash > 0


@pytest.mark.parametrize("wrong", [{}, {"cursor": "nonsense"}, {"start_time": 1}])
def test_invalid_periods_are_refused(kling, wrong):
    assert kling.post(PACKAGE, wrong).status_code == 400
