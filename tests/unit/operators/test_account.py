# SPDX-License-Identifier: Apache-2.0
"""Whether a DAG goes on, by what is left in the account."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingAccountError, KlingRequestInvalid
from airflow_provider_kling.hooks import account
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.account import KlingAccountOperator
from tests.support.dag_runs import run

__all__ = ["run"]

Run = Callable[[str], tuple[dict[str, str], dict[str, Any]]]

TASKS = """
        look >> [task(lambda: 1, task_id="work")(), task(lambda: 2, task_id="call")()]
"""


@pytest.mark.airflow
@pytest.mark.parametrize(
    ("threshold", "on_low", "work", "call"),
    [
        (1, "'fail'", "success", "success"),
        (10**9, "'fail'", "upstream_failed", "upstream_failed"),
        (10**9, "'skip'", "skipped", "skipped"),
        (1, "['call']", "success", "skipped"),
        (10**9, "['call']", "skipped", "success"),
    ],
    ids=["enough", "fail", "skip", "branch_enough", "branch_low"],
)
def test_the_remaining_amount_decides(run: Run, threshold: int, on_low: str, work: str, call: str) -> None:
    states, values = run(
        f"""
        look = KlingAccountOperator(
            task_id="look", threshold_units="{{{{ {threshold} }}}}", package_type="video", on_low={on_low}
        )
        """
        + TASKS,
    )
    failed = work == "upstream_failed"
    assert states == {"look": "failed" if failed else "success", "work": work, "call": call}
    if failed:
        assert values["look"] is None
    else:
        report = values["look"]
        assert report["enough"] is (threshold == 1)
        assert Decimal(report["threshold_units"]) == threshold
        assert [pack["resource_pack_name"] for pack in report["packs"]] == ["Emulator video units"]
        assert Decimal(report["remaining_units"]) == Decimal(str(report["packs"][0]["remaining_quantity"]))


def operator(**values: Any) -> KlingAccountOperator:
    with DAG("d", schedule=None):
        return KlingAccountOperator(task_id="look", **values)


def test_too_little_credit_fails_without_a_retry_and_names_the_lag(kling_emulator: Emulator) -> None:
    with pytest.raises(KlingAccountError) as caught:
        operator(threshold_units=10**9, resource_pack_name="Emulator video units").execute({})  # type: ignore[arg-type]
    assert isinstance(caught.value, AirflowFailException)
    text = str(caught.value)
    assert f"{10**9} are required" in text
    assert "in 'Emulator video units';" in text
    assert "lags up to 12 hours" in text


def test_exactly_enough_is_enough(kling_emulator: Emulator) -> None:
    report = operator(threshold_units=0, package_type="video").execute({})  # type: ignore[arg-type]
    exactly = operator(threshold_units=report["remaining_units"], package_type="video")
    assert exactly.execute({})["enough"] is True  # type: ignore[arg-type]


def test_a_missing_pack_has_no_units(kling_emulator: Emulator) -> None:
    with pytest.raises(
        KlingAccountError,
        match=r"^Top up the account: 0 units are left in no pack that is in effect; 0\.5 are",
    ):
        operator(threshold_units="0.5", resource_pack_name="nobody's").execute({})  # type: ignore[arg-type]


def test_types_of_packs_are_not_added_up_silently(
    kling_emulator: Emulator, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        assert operator(threshold_units=0).execute({})["enough"] is True  # type: ignore[arg-type]
    # Airflow 3 writes an operator's log lines itself, Airflow 2 hands them to Python's logging.
    assert "set package_type or resource_pack_name" in caplog.text + capsys.readouterr().out


@pytest.mark.parametrize("kling_emulator_options", [{"cash": 10, "job_seconds": 0}])
def test_cash_that_the_last_charge_left_decides(
    kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "SECONDS_BETWEEN_CALLS", 0.0)
    for _ in range(3):
        KlingHook().submit(
            "videos/text2video", {"prompt": "waves", "model_name": "kling-v3", "duration": "5"}
        )
    report = operator(threshold_cash="8.74", currency="USD").execute({})  # type: ignore[arg-type]
    books = Decimal(10) - kling_emulator.state.account.charged_cash
    assert Decimal(report["remaining_cash"]) == books == Decimal("8.74")
    assert (report["enough"], report["currency"], report["threshold_cash"]) == (True, "USD", "8.74")
    assert [(each["cash_type"], each["balance"]) for each in report["balances"]] == [("balance", "8.74")]
    with pytest.raises(
        KlingAccountError, match=r"^Top up the account: 8\.74 USD is left in cash; 8\.75 is required\."
    ):
        operator(threshold_cash=8.75).execute({})  # type: ignore[arg-type]
    with pytest.raises(
        KlingAccountError, match=r"^Top up the account: 0 units are left in no pack that is in effect; 1 are"
    ):
        operator(threshold_cash=1, threshold_units=1).execute({})  # type: ignore[arg-type]


def test_an_unknown_balance_is_not_enough(kling_emulator: Emulator) -> None:
    with pytest.raises(
        KlingAccountError,
        match=r"^Use threshold_units if .*: the cash balance is not known: no charge in cash",
    ):
        operator(threshold_cash=0).execute({})  # type: ignore[arg-type]


def test_a_limit_that_renders_to_nothing_is_refused(kling_emulator: Emulator) -> None:
    both = operator(threshold_units=1, threshold_cash="{{ none }}")
    both.threshold_cash = None
    with pytest.raises(KlingRequestInvalid, match="'threshold_cash': None; expected "):
        both.execute({})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "'threshold_units': None; expected threshold_units or threshold_cash"),
        ({"threshold_cash": -1}, "'threshold_cash': -1; expected an amount of money, 0 or more"),
        ({"threshold_cash": 1, "currency": "EUR"}, "'currency': 'EUR'; expected 'USD' or 'CNY'"),
        ({"threshold_units": -1}, "'threshold_units': -1; expected a number of units, 0 or more"),
        ({"threshold_units": "lots"}, "'threshold_units': 'lots'; expected "),
        ({"threshold_units": float("nan")}, "'threshold_units': nan; expected "),
        (
            {"threshold_units": 1, "package_type": "audio"},
            "'package_type': 'audio'; expected 'video'",
        ),
        (
            {"threshold_units": 1, "on_low": "call"},
            "'on_low': 'call'; expected 'fail', 'skip' or a list",
        ),
        ({"threshold_units": 1, "on_low": []}, r"'on_low': \[\]; expected "),
        ({"threshold_units": 1, "on_low": [1]}, r"'on_low': \[1\]; expected "),
    ],
)
def test_a_wrong_argument_is_found_when_the_dag_is_parsed(values: dict[str, Any], named: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=f"Invalid value for {named}"):
        operator(**values)


@pytest.mark.parametrize(
    "values", [{"threshold_units": "{{ 1 }}"}, {"threshold_units": 1, "on_low": "{{ x }}"}]
)
def test_a_template_is_left_until_it_is_rendered(values: dict[str, Any]) -> None:
    assert operator(**values).task_id == "look"


def test_a_branch_to_a_task_that_is_not_next_is_refused(kling_emulator: Emulator) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"expected tasks directly after .* \(none\), not far"):
        operator(threshold_units=1, on_low=["far"]).execute({})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["currency", "package_type", "resource_pack_name", "kling_conn_id"])
@pytest.mark.parametrize("value", [None, "", "None", "nan"], ids=repr)
def test_a_filter_that_came_to_nothing_opens_no_gate(name: str, value: Any, kling_emulator: Emulator) -> None:
    check = operator(threshold_units=1, **{name: "{{ value }}"})
    check.render_template_fields({"value": value})  # type: ignore[arg-type]
    with pytest.raises(KlingRequestInvalid, match=name):
        check.execute({})  # type: ignore[arg-type]
    assert kling_emulator.requests == {}


@pytest.mark.parametrize("value", [0, False, [], {}, ["a"], " "], ids=repr)
def test_a_name_of_a_pack_is_text(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'resource_pack_name': .*; expected the name of a pack"):
        operator(threshold_units=1, resource_pack_name=value)
