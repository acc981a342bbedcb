# SPDX-License-Identifier: Apache-2.0
"""For whom a job is made: where its labels and its task instance are to be found."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.labels import LabelsInvalid, read_labels
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.plugins.serializers import TaskInstanceRow, to_card
from airflow_provider_kling.version_compat import Asset

from .conftest import TaskInstance, image_to_video, posts, run

LABELS = {"team": "shop", "campaign": "spring"}


class Team(StrEnum):
    SHOP = "shop"


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (None, {}),
        ({}, {}),
        ("", {}),
        ("None", {}),
        (LABELS, LABELS),
        (json.dumps(LABELS), LABELS),
        ({"team": Team.SHOP}, {"team": "shop"}),
        ({"number": 7, "share": 0.5, "on": True}, {"number": "7", "share": "0.5", "on": "True"}),
        ({"number": Decimal("1.50")}, {"number": "1.50"}),
        ({"team": None, "campaign": "None", "owner": " ", "a": "b"}, {"a": "b"}),
    ],
)
def test_labels_are_text(values: Any, read: dict[str, str]) -> None:
    assert read_labels(values) == read


@pytest.mark.parametrize(
    "values",
    [
        ["team"],
        7,
        "team=shop",
        "[1]",
        {7: "a"},
        {"": "a"},
        {"a": ["b"]},
        {"a": {"b": "c"}},
        {"a" * 65: "b"},
        {"a": "b" * 257},
        {"a": "b\nc"},
        {str(number): "a" for number in range(51)},
    ],
)
def test_what_is_no_label_is_refused(values: Any, kling_emulator: Emulator, ti: TaskInstance) -> None:
    with pytest.raises(LabelsInvalid):
        read_labels(values)
    with pytest.raises(KlingRequestInvalid, match="Invalid value for 'labels': "):
        image_to_video(labels=values)
    # The same where it is known only after rendering.
    operator = image_to_video(labels="{{ var.value.labels }}")
    operator.labels = values
    with pytest.raises(KlingRequestInvalid, match="Invalid value for 'labels': "):
        run(operator, ti)
    assert posts(kling_emulator) == 0


@pytest.mark.parametrize("deferrable", [False, True])
def test_labels_are_stored_with_the_result(
    deferrable: bool, kling_emulator: Emulator, ti: TaskInstance, tmp_path: Path
) -> None:
    film = Asset("s3://films/spring")
    operator = image_to_video(
        labels=LABELS, output_path=str(tmp_path), deferrable=deferrable, outlets=[film], owner="ann"
    )
    ti.task = operator

    event = SimpleNamespace(extra={})
    result = run(operator, ti, outlet_events={film: event}, task=operator)
    me = {
        "dag_id": "films",
        "run_id": ti.run_id,
        "task_id": "film",
        "map_index": -1,
        "try_number": 1,
        "owner": "ann",
    }
    requested = ti.xcoms["request"]
    assert (requested["labels"], requested["airflow"]) == (LABELS, me)
    manifest = json.loads((tmp_path / result["task_id"] / "manifest.json").read_text())
    assert (manifest["labels"], manifest["airflow"]) == (LABELS, me)
    assert not {"labels", "airflow"} & set(manifest["request"])
    assert event.extra["labels"] == LABELS
    assert event.extra["airflow"] == me
    # Never sent.
    assert "spring" not in str(kling_emulator.jobs[0])


def test_the_card_shows_labels() -> None:
    location = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
    assert to_card(TaskInstanceRow(**location, xcoms={"request": {"labels": LABELS}}))["labels"] == LABELS
    assert to_card(TaskInstanceRow(**location, fields={"labels": LABELS}))["labels"] == LABELS
    assert to_card(TaskInstanceRow(**location, xcoms={"request": {"labels": [7]}}))["labels"] == {}
    assert to_card(TaskInstanceRow(**location))["labels"] == {}


def test_labels_are_templated() -> None:
    assert "labels" in KlingTaskOperator.template_fields
    operator = image_to_video(labels={"day": "{{ ds }}"})
    operator.render_template_fields({"ds": "2026-11-27"})
    assert operator.labels == {"day": "2026-11-27"}
