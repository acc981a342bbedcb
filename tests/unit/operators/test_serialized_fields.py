# SPDX-License-Identifier: Apache-2.0
"""What Airflow stores of a task with the DAG: another value of a parameter makes another version of it."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.video import (
    KlingMultiElementsSelectionOperator,
    KlingTextToVideoOperator,
)


def stored(**arguments: Any) -> dict[str, Any]:
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serializer
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serializer

    with DAG("films", schedule=None) as dag:
        KlingTextToVideoOperator(task_id="film", **arguments)
    (task,) = Serializer.to_dict(dag)["dag"]["tasks"]
    return dict(task.get("__var", task))


def test_plain_words_and_numbers_are_stored_but_are_no_template_fields() -> None:
    task = stored(prompt="a boat", mode="pro", cfg_scale=0.5, max_units=3, multi_shot=False)
    assert (task["prompt"], task["mode"], task["cfg_scale"], task["max_units"]) == ("a boat", "pro", 0.5, 3)
    assert task["multi_shot"] is False
    assert task["template_fields"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("prompt", "a boat on {{ ds }}", id="a template"),
        pytest.param("labels", {"team": "shop"}, id="a dict"),
        pytest.param("output_path", f"/out{501 * '/long'}", id="a long text, which Airflow may truncate"),
    ],
)
def test_other_values_are_template_fields(name: str, value: Any) -> None:
    task = stored(**{"prompt": "a boat", name: value})
    assert task["template_fields"] == [name]
    assert task[name] == value


def test_a_long_text_is_truncated_as_airflow_does() -> None:
    assert len(stored(prompt="a boat", extra_body={"more": "x" * 50_000})["extra_body"]) < 10_000


def test_a_class_has_airflows_fields_only() -> None:
    assert KlingTextToVideoOperator.get_serialized_fields() == KlingTaskOperator.get_serialized_fields()


def test_operators_of_calls_have_them_too() -> None:
    call = KlingMultiElementsSelectionOperator(task_id="mark", video_id="7")
    assert {"video_id", "kling_conn_id"} <= call.get_serialized_fields()
    assert call.template_fields == ()
