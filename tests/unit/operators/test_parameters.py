# SPDX-License-Identifier: Apache-2.0
"""Flags, numbers, endpoints and paths as YAML, Variables and templates deliver them."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy
import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.inputs.cost_limits import lowest_units, parse_usd
from airflow_provider_kling.inputs.prepared_request import MAX_LIMIT, parse_units
from airflow_provider_kling.operators._parameters import (
    read_choice,
    read_conn_id,
    read_conn_ids,
    read_endpoint,
    read_flag,
    read_number,
    read_path,
    read_seconds,
    read_take,
    read_task_id,
)
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        ("true", True),
        ("True", True),
        (" false\n", False),
        ("False", False),
        ("no", False),
        ("off", False),
        ("0", False),
        ("1", True),
        ("yes", True),
    ],
)
def test_a_flag_is_read(value: Any, right: bool) -> None:
    assert read_flag("make", "regenerate", value) is right


@pytest.mark.parametrize("value", [None, "", "None", "perhaps", 2, 0.5, [], "{{ x }}", math.nan])
def test_what_is_no_flag_is_refused_by_name(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'regenerate': .*; expected True"):
        read_flag("make", "regenerate", value)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        *((5, 5), ("5", 5), (" 2.5 ", 2.5), (Decimal("0.5"), 0.5), (timedelta(minutes=1), 60)),
        (timedelta(days=365), 31_536_000),
    ],
)
def test_seconds_are_read(value: Any, right: float) -> None:
    assert read_seconds("make", "timeout", value) == right


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "None", 0, -1, "-1", "nan", math.inf, "inf", True, "soon", [5]),
        *(1e12, "1e300", 10**400, timedelta(days=366), timedelta.max),
    ],
)
def test_what_is_no_length_of_time_is_refused_by_name(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'timeout': .*; expected seconds, above 0 and at"):
        read_seconds("make", "timeout", value)


def test_a_whole_number_has_no_fraction() -> None:
    assert read_number("make", "concurrency", "5.0", "whole", minimum=1, whole=True) == 5
    with pytest.raises(KlingRequestInvalid, match=r"'concurrency': '2.5'; expected whole"):
        read_number("make", "concurrency", "2.5", "whole", minimum=1, whole=True)


def test_an_unknown_endpoint_is_refused() -> None:
    assert read_endpoint("make", "endpoint", "videos/text2video").slug == "videos/text2video"
    for value in ("videos/nothing", None, "", 7, ["videos/text2video"]):
        with pytest.raises(KlingRequestInvalid, match=r"'endpoint': .*; expected "):
            read_endpoint("make", "endpoint", value)


@pytest.mark.parametrize("value", ["/data", "s3://b/x", "file:///x", "s3://conn@bucket"])
def test_an_absolute_path_is_accepted(value: Any) -> None:
    assert read_path("make", "output_path", value) == value


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " ", "None", "\n None\n", "./None", "/data/None", "/a/None/b", 7),
        *("out", "./out", "../x", "~/x", "file://out"),
    ],
)
def test_a_path_that_names_no_certain_folder_is_refused(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'output_path': .*; expected "):
        read_path("make", "output_path", value)


@pytest.mark.parametrize("name", ["deferrable", "wait_for_completion", "end_from_trigger"])
def test_flags_of_job_operators_are_read_from_text(name: str) -> None:
    created = KlingTextToVideoOperator(task_id="make", prompt="a boat", **{name: "false"})
    assert getattr(created, name) is False
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': 'perhaps'; expected "):
        KlingTextToVideoOperator(task_id="make", prompt="a boat", **{name: "perhaps"})


def test_numbers_and_flags_of_the_sensor_are_read_from_text() -> None:
    common = {"task_id": "wait", "endpoint": "videos/text2video", "kling_task_id": "1"}
    created = KlingTaskSensor(
        **common, deferrable="false", end_from_trigger="no", poll_interval="3", timeout="60"
    )
    assert (created.deferrable, created.end_from_trigger, created.poke_interval, created.timeout) == (
        False,
        False,
        3,
        60,
    )
    for name in ("deferrable", "end_from_trigger", "poll_interval", "timeout"):
        with pytest.raises(KlingRequestInvalid, match=rf"'{name}': 'perhaps'; expected "):
            KlingTaskSensor(**{**common, name: "perhaps"})


@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
@pytest.mark.parametrize(
    "value", [60, "60", " 60.0 ", Decimal(60), numpy.int64(60), timedelta(minutes=1)], ids=repr
)
def test_seconds_of_job_operators_are_read(name: str, value: Any) -> None:
    created = KlingTextToVideoOperator(task_id="make", prompt="a boat", **{name: value})
    assert getattr(created, name) == 60.0


@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
@pytest.mark.parametrize("value", [None, "", "None", "{{ x }}", math.nan, True, numpy.True_, [60]], ids=repr)
def test_seconds_of_job_operators_that_are_no_number_are_refused(name: str, value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': .*; expected seconds"):
        KlingTextToVideoOperator(task_id="make", prompt="a boat", **{name: value})


COMMON = {"task_id": "make", "prompt": "a boat"}
ONLY_KLING = "the id of a connection; leave it out for 'kling_default'"
FOLDER = "an absolute path or a URI|a folder"
NO_LIMIT = "without a limit, leave it out"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("budget", value, "a KlingBudget") for value in ("", 0, False, {}, 5, "5", "{{ x }}")),
        *(("kling_conn_id", value, ONLY_KLING) for value in (None, "", "None", " \n", "\u200b", 0, [], True)),
        *(("kling_conn_id", value, ONLY_KLING) for value in ("nan", "null", "<NA>")),
        *(("output_path", value, FOLDER) for value in ("", " ", "None", 0, False, [], {}, (), "films")),
        *(("max_units", value, NO_LIMIT) for value in ("", " ", "None")),
        *(("max_usd", value, NO_LIMIT) for value in ("", " ", "None")),
        *(("take", value, "text or a number") for value in (math.nan, math.inf, [2], True)),
        *(("fallback_conn_ids", value, "a list of connection ids") for value in ('{"a": 1}', {"a": 1}, 5)),
        *(("regenerate_on_fail", value, "a whole number") for value in (numpy.True_, timedelta(1), "2.5")),
        *(("extra_body", value, "a mapping of JSON keys") for value in ("text", 5, ["a"], "[1]")),
        *(
            ("extra_body", value, "sent as JSON")
            for value in ({"a": "\ud83d"}, {"\ud83d": 1}, {"a": ["\ud83d"]})
        ),
        *(("cfg_scale", value, "a number from 0 to 1") for value in (True, False, numpy.True_)),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_what_would_be_no_limit_no_path_or_no_account_is_refused_at_parse(
    name: str, value: Any, expected: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=expected) as caught:
        KlingTextToVideoOperator(**{**COMMON, name: value})
    assert name in str(caught.value)
    assert "No job was made and nothing is charged" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "take"),
    [
        (2, "2"),
        (2.0, "2"),
        ("2.0", "2"),
        (Decimal("2.0"), "2"),
        (numpy.float64(2), "2"),
        ("nan", ""),
        ("b", "b"),
    ],
    ids=repr,
)
def test_equal_takes_have_one_name(value: Any, take: str) -> None:
    assert read_take("make", value) == take


@pytest.mark.parametrize(
    "value",
    ["a, b", ["a", "b"], ("a", " b"), '["a", "b"]', "['a', 'b']", "('a', 'b')", ["a", None, "b"]],
    ids=repr,
)
def test_further_accounts_are_read(value: Any) -> None:
    assert read_conn_ids("make", value, "first") == ("a", "b")


@pytest.mark.parametrize(
    ("values", "ident"),
    [
        (" 12\n", "12"),
        (12, "12"),
        ({"task_id": "12", "status": "succeed"}, "12"),
        ("{'task_id': '12', 'images': None}", "12"),
        ('{"task_id": 12}', "12"),
    ],
)
def test_the_id_of_one_job(values: Any, ident: str) -> None:
    assert read_task_id("wait", "kling_task_id", values) == ident


@pytest.mark.parametrize(
    "values",
    [
        *(["1"], ("1",), [{"task_id": "1"}], "['1', '2']", '["1"]'),
        *(12.0, 1.79e17, "1.79e+17", "179584818644400001.0"),
    ],
    ids=repr,
)
def test_several_ids_and_numbers_that_lost_digits_are_refused(values: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'kling_task_id': .*\.expand\("):
        read_task_id("wait", "kling_task_id", values)


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [({"on_clear": "atach"}, "attach"), ({"idempotency_scope": "input"}, "inputs")],
)
def test_a_misspelled_word_gets_a_suggestion(arguments: dict[str, str], suggestion: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=f"did you mean '{suggestion}'"):
        KlingTextToVideoOperator(task_id="make", prompt="a boat", **arguments)


class Word(Enum):
    """A choice as projects keep them."""

    FAIL = "fail"


@pytest.mark.parametrize("value", ["fail", " Fail\n", Word.FAIL, numpy.str_("fail")], ids=repr)
def test_a_choice_is_read(value: Any) -> None:
    assert read_choice("make", "on_failure", value, ("continue", "fail")) == "fail"


@pytest.mark.parametrize(
    "value", [None, "", "None", 1, True, ["fail"], ("fail",), numpy.array(["fail", "x"])], ids=repr
)
def test_what_is_no_choice_is_refused_by_name(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'on_failure': .*; expected 'continue' or 'fail'"):
        read_choice("make", "on_failure", value, ("continue", "fail"))


ARRAY = numpy.array(["/a", "/b"])
AT = "<generator object at 0x7f21d8>"


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        *((read_path, "output_path", value) for value in (ARRAY, {"/a"}, b"/a")),
        *((read_task_id, "kling_task_id", value) for value in (ARRAY, {"1"}, AT, "1\n2", "\ud800")),
        *((read_take, "take", value) for value in (ARRAY, {"1"}, AT, "\ud800")),
        *((read_conn_id, "kling_conn_id", value) for value in (ARRAY, {"a"})),
        *((read_flag, "regenerate", value) for value in (ARRAY, {True}, AT)),
        *((read_seconds, "timeout", value) for value in (ARRAY, {5}, AT)),
    ],
    ids=lambda each: getattr(each, "__name__", ascii(each)),
)
def test_a_value_of_another_kind_is_refused_by_name(read: Any, name: str, value: Any) -> None:
    arguments = ("make", value) if read is read_take else ("make", name, value)
    with pytest.raises(KlingRequestInvalid, match=rf"^Invalid value for '{name}': "):
        read(*arguments)


@pytest.mark.parametrize("value", ["1e400", "9" * 5000, Decimal("1e30")], ids=lambda each: str(each)[:9])
def test_a_limit_that_no_job_reaches_is_a_limit(value: Any) -> None:
    assert parse_units("max_units", value) == parse_usd("max_usd", value) == MAX_LIMIT
    assert lowest_units(ENDPOINTS["images/generations"], None, parse_usd("max_usd", value))


def test_a_model_of_another_endpoint_is_named_with_it() -> None:
    with pytest.warns(UserWarning, match="it is a model of videos/omni-video"):
        KlingTextToVideoOperator(task_id="make", prompt="a boat", model_name="kling-v3-omni")
