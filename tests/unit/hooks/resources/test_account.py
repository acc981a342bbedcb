# SPDX-License-Identifier: Apache-2.0
"""What is left and what was charged: asked gently, read to the end."""

from __future__ import annotations

import json
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.account import active_packs, package_type, remaining_units
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingAccountError,
    KlingError,
    KlingRateLimited,
    KlingRequestInvalid,
    KlingServerError,
)
from airflow_provider_kling.hooks import account
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.hooks.resources.conftest import Script

COSTS = "/account/costs"
DAY_MS = 86_400_000


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SECONDS_BETWEEN_CALLS", 0.0)


def make_audio(hook: KlingHook, count: int) -> set[str]:
    body = {"text": "Hello there", "voice_id": "oversea_male1", "voice_language": "en"}
    return {hook.submit("audio/tts", body).task_id for _ in range(count)}


def now_ms() -> int:
    return int(time.time() * 1000)


def test_packs_have_their_remaining_units(hook: KlingHook) -> None:
    packs = hook.account_costs()
    assert {package_type(pack) for pack in packs} == {"video", "image"}
    assert all(pack["remaining_quantity"] <= pack["total_quantity"] for pack in packs)
    only = hook.account.costs(resource_pack_name=packs[0]["resource_pack_name"])
    assert only == packs[:1]


def test_the_same_query_is_cached_for_a_while(
    hook: KlingHook, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    first = hook.account.costs()
    first[0]["remaining_quantity"] = "changed by a caller"
    assert KlingHook().account.costs() != first
    assert kling_emulator.count("GET", COSTS) == 1
    monkeypatch.setattr(account, "CACHE_SECONDS", 0.0)
    hook.account.costs()
    assert kling_emulator.count("GET", COSTS) == 2


def test_threads_share_one_response(hook: KlingHook, kling_emulator: Emulator) -> None:
    responses: list[Any] = []
    threads = [
        threading.Thread(target=lambda: responses.append(KlingHook().account.costs())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(responses) == 8
    assert all(response == responses[0] for response in responses)
    assert kling_emulator.count("GET", COSTS) == 1


def test_no_more_than_one_call_a_second(hook: KlingHook) -> None:
    began = time.monotonic()
    hook.account.costs()
    hook.account.costs(resource_pack_name="another question")
    assert time.monotonic() - began >= account.SECONDS_BETWEEN_CALLS


def test_packs_bought_a_year_ago_are_still_found(scripted: Any, quick: None) -> None:
    hook, script = scripted
    script.add({"code": 0, "data": {"resource_pack_subscribe_infos": []}})
    with time_machine.travel(datetime(2026, 11, 20, tzinfo=UTC), tick=False):
        assert hook.account_costs() == []
        end = now_ms()
    assert script.requests == [(f"/account/costs?start_time={end - 400 * DAY_MS}&end_time={end}", None)]


def test_the_unit_ledger_is_read_to_its_end(hook: KlingHook, quick: None) -> None:
    created = make_audio(hook, 5)
    lines = list(hook.account.unit_ledger(now_ms() - DAY_MS, now_ms() + DAY_MS, page_size=2))
    assert {line["task_id"] for line in lines} == created
    assert len(lines) == 5
    assert {line["product_type"] for line in lines} == {"video"}


def test_the_unit_ledger_is_filtered_by_the_vendor(hook: KlingHook, quick: None) -> None:
    make_audio(hook, 2)
    window = now_ms() - DAY_MS, now_ms() + DAY_MS
    assert len(list(hook.account.unit_ledger(*window, product_types=["video"], page_size=1))) == 2
    assert list(hook.account.unit_ledger(*window, product_types=["image"])) == []


def test_the_ledger_is_lazy(hook: KlingHook, kling_emulator: Emulator, quick: None) -> None:
    make_audio(hook, 3)
    lines = hook.account.unit_ledger(now_ms() - DAY_MS, now_ms() + DAY_MS, page_size=1)
    next(lines)
    assert kling_emulator.count("POST", "/account/billing/package") == 1


def test_the_cash_ledger_takes_datetimes(hook: KlingHook) -> None:
    now = datetime.now(UTC)
    assert list(hook.account.cash_ledger(now - timedelta(days=1), now)) == []


def ledger_page(*names: str, cursor: str = "", more: bool = False) -> dict[str, Any]:
    detail = [{"task_id": name} for name in names]
    result = {"detail": detail, "count": len(detail)}
    return {"code": 0, "data": {"result": result, "next_cursor": cursor, "has_more": more}}


def test_a_cursor_is_sent_alone(scripted: Any, quick: None) -> None:
    hook, script = scripted
    script.add(ledger_page("a", cursor="c1", more=True))
    script.add(ledger_page("b", cursor="c2"))
    lines = hook.account.unit_ledger(1, 2, product_types=["video"], api_key_names=["mine"], page_size=7)
    assert [line["task_id"] for line in lines] == ["a", "b"]
    filters = [{"key": "product_type", "values": ["video"]}, {"key": "api_key_name", "values": ["mine"]}]
    assert [body for _, body in script.requests] == [
        {"start_time": 1, "end_time": 2, "limit": 7, "filters": filters},
        {"cursor": "c1"},
    ]


@pytest.mark.parametrize("cursor", ["", "c1"])
def test_a_cursor_that_leads_nowhere_is_no_end_of_the_ledger(scripted: Any, quick: None, cursor: str) -> None:
    hook, script = scripted
    script.add(ledger_page("a", cursor=cursor, more=True))
    with pytest.raises(KlingServerError, match="Charges are missing; a retry reads again"):
        list(hook.account.unit_ledger(1, 2))


def test_a_page_without_lines_ends_the_ledger(scripted: Any, quick: None) -> None:
    hook, script = scripted
    script.add(ledger_page("a", cursor="c1", more=True))
    script.add(ledger_page(cursor="c1", more=True))
    assert len(list(hook.account.unit_ledger(1, 2))) == 1


def test_a_page_without_lines_that_names_the_next_one_is_no_end(scripted: Any, quick: None) -> None:
    hook, script = scripted
    script.add(ledger_page(cursor="c1", more=True))
    script.add(ledger_page("a"))
    assert len(list(hook.account.unit_ledger(1, 2))) == 1


def test_a_page_that_comes_again_under_another_cursor_is_no_charge(scripted: Any, quick: None) -> None:
    hook, script = scripted
    for number in range(3):
        script.add(ledger_page("a", "b", cursor=f"c{number}", more=True))
    found: list[Any] = []
    with pytest.raises(KlingServerError, match="Charges are missing; a retry reads again"):
        found.extend(hook.account.unit_ledger(1, 2))
    assert len(found) == 2
    assert len(script.requests) == 2


def test_pages_without_lines_are_not_followed_for_ever(scripted: Any, quick: None) -> None:
    hook, script = scripted
    for number in range(100):
        script.add(ledger_page(cursor=f"c{number}", more=True))
    with pytest.raises(KlingServerError, match="Charges are missing; a retry reads again"):
        list(hook.account.unit_ledger(1, 2))


def test_a_flag_may_be_text(scripted: Any, quick: None) -> None:
    hook, script = scripted
    for more in ("True", "false"):
        page = ledger_page("a", cursor=f"c-{more}")
        page["data"]["has_more"] = more
        script.add(page)
    assert len(list(hook.account.unit_ledger(1, 2))) == 2


@pytest.mark.parametrize("data", [None, [], {}, "text", {"result": "x"}, {"result": {"detail": "x"}}])
def test_an_answer_without_lines_is_no_empty_ledger(scripted: Any, quick: None, data: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "message": "SUCCEED", "data": data})
    with pytest.raises(KlingServerError, match="No detail in the answer"):
        list(hook.account.unit_ledger(1, 2))


@pytest.mark.parametrize(
    "data", [None, {}, *({"resource_pack_subscribe_infos": x} for x in ("[]", {"a": 1}))]
)
def test_an_answer_without_packs_is_no_empty_account(scripted: Any, quick: None, data: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "message": "SUCCEED", "data": data})
    with pytest.raises(KlingServerError, match="No resource_pack_subscribe_infos in the answer"):
        hook.account.costs()


@pytest.mark.parametrize("listed", [[], None])
def test_an_account_may_have_no_packs(scripted: Any, quick: None, listed: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "data": {"resource_pack_subscribe_infos": listed}})
    assert hook.account.costs() == []


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"start_time": 5, "end_time": 5}, "'start_time': 5; expected a time before end_time=5"),
        ({"start_time": 1, "end_time": 2, "page_size": 501}, "'page_size': 501; expected 1 to 500"),
        (
            {"start_time": 1, "end_time": 2, "package_names": ["a"], "package_ids": ["b"]},
            "package_names is set too",
        ),
    ],
)
def test_an_impossible_question_is_not_sent(scripted: Any, values: dict[str, Any], named: str) -> None:
    hook, script = scripted
    with pytest.raises(KlingRequestInvalid, match=named):
        hook.account.unit_ledger(**values)
    assert script.requests == []


def test_a_gateway_has_no_account_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "kling", "host": "https://api.cometapi.com", "password": "key"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    with pytest.raises(KlingRequestInvalid, match="'kling_default': CometAPI has no account calls"):
        KlingHook().account.costs()


def test_a_busy_account_is_queried_again(scripted: Any, quick: None) -> None:
    hook, script = scripted
    script.add({"code": 1302, "message": "too fast"}, 429)
    script.add({"code": 0, "data": {"resource_pack_subscribe_infos": [{"status": "online"}]}})
    assert hook.account.costs() == [{"status": "online"}]


def refused_inside(code: int, text: str) -> dict[str, Any]:
    inner = {"code": code, "msg": text, "resource_pack_subscribe_infos": None}
    return {"code": 0, "message": "SUCCEED", "request_id": "r-1", "data": inner}


def test_a_refusal_inside_a_success_is_no_account_without_packs(scripted: Any, quick: None) -> None:
    hook, script = scripted
    script.add(refused_inside(1302, "request too frequent"))
    script.add(
        {"code": 0, "data": {"code": 0, "msg": "", "resource_pack_subscribe_infos": [{"status": "x"}]}}
    )
    assert hook.account.costs() == [{"status": "x"}]
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("code", "kind", "requested"), [(1302, KlingRateLimited, 2), (1103, KlingAccountError, 1)]
)
@pytest.mark.usefixtures("quick")
def test_a_refusal_inside_a_success_is_raised_like_any_other(
    scripted: Any, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[KlingError], requested: int
) -> None:
    hook, script = scripted
    monkeypatch.setattr(account, "READ_ATTEMPTS", 2)
    script.add(refused_inside(code, "request too frequent"))
    with pytest.raises(kind, match="request too frequent") as caught:
        hook.account.costs()
    assert (caught.value.code, caught.value.request_id) == (code, "r-1")
    assert len(script.requests) == requested
    assert isinstance(caught.value, AirflowFailException) == (code == 1103)


def test_repeated_calls_are_spaced(scripted: Any) -> None:
    hook, script = scripted
    script.add({"code": 5000, "message": "down"}, 500)
    script.add({"code": 0, "data": {"resource_pack_subscribe_infos": []}})
    began = time.monotonic()
    assert hook.account.costs() == []
    assert time.monotonic() - began >= account.SECONDS_BETWEEN_CALLS


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Video Generation - 10,000 entries", "video"),
        ("Image Generation Trial", "image"),
        ("Virtual Try-On", "try-on"),
        ("视频生成-1万条", "video"),
        ("图片生成", "image"),
        ("Starter", None),
        (None, None),
    ],
)
def test_the_type_of_a_pack_is_read_from_its_name(name: str | None, kind: str | None) -> None:
    assert package_type({"resource_pack_name": name}) == kind


def test_only_packs_in_effect_count() -> None:
    packs = [
        {"status": status, "remaining_quantity": 10.1}
        for status in ("online", "toBeOnline", "expired", "runOut", "online")
    ]
    assert remaining_units(active_packs(packs)) == Decimal("20.2")


def test_the_case_of_a_status_does_not_count() -> None:
    packs = [{"status": "ONLINE", "remaining_quantity": 3}, {"status": "RunOut", "remaining_quantity": 4}]
    assert remaining_units(active_packs(packs)) == 3


@pytest.mark.parametrize("odd", [None, "", "many", float("nan"), float("inf")])
def test_an_amount_that_is_none_counts_as_nothing(odd: Any) -> None:
    assert remaining_units([{"remaining_quantity": odd}, {"remaining_quantity": "1.50"}]) == Decimal("1.50")


@pytest.mark.parametrize(
    ("report", "remaining"),
    [
        (None, "0"),
        (["no pack", None, 5], "0"),
        ([{"status": "online", "remaining_quantity": math.nan, "invalid_time": math.inf}], "0"),
        ([{"status": "online", "remaining_quantity": -5, "resource_pack_name": ["x"]}], "0"),
        ([{"status": "online", "remaining_quantity": "1e999"}], "0"),
        ([{"status": "online", "remaining_quantity": "7.5"}, {"status": ["online"]}], "7.5"),
    ],
)
def test_what_is_no_amount_is_no_credit(
    scripted: tuple[KlingHook, Script], quick: None, report: Any, remaining: str
) -> None:
    hook, script = scripted
    script.add({"code": 0, "data": {"code": 0, "resource_pack_subscribe_infos": report}})
    packs = hook.account_costs()
    assert remaining_units(active_packs(packs)) == Decimal(remaining)
    assert json.dumps(packs, allow_nan=False)


@pytest.mark.parametrize("report", [None, [], {"detail": None}, {"detail": [5, None]}])
def test_a_ledger_of_nothing_has_no_lines(
    scripted: tuple[KlingHook, Script], quick: None, report: Any
) -> None:
    hook, script = scripted
    script.add({"code": 0, "data": {"code": 0, "result": report}})
    assert list(hook.account.cash_ledger(0, 1)) == []
