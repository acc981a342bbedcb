# SPDX-License-Identifier: Apache-2.0
"""The tab shows the verdict of a media check where the file is shown."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.plugins.serializers import TaskInstanceRow, add_verdicts, to_card

FILM = "/kept/842/0-video.mp4"


def instance(task_id: str, value: Any) -> TaskInstanceRow:
    return TaskInstanceRow("d", "r", task_id, -1, xcoms={"return_value": value})


def shown(verdict: Any) -> list[Any]:
    film = {"task_id": "842", "endpoint": "e", "videos": [{"url": "https://h/1", "path": FILM}]}
    instances = [instance("film", film), instance("check", verdict)]
    return [card.get("check") for card in add_verdicts([to_card(each) for each in instances], instances)]


@pytest.mark.parametrize(
    ("failures", "text"), [([], "passed"), (["it is black", "it is mute"], "it is black\nit is mute")]
)
def test_the_card_of_the_job_has_the_verdict(failures: list[str], text: str) -> None:
    verdict = {"passed": not failures, "files": [{"path": FILM, "failures": failures}]}
    assert shown(verdict) == [text, None]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {"files": [{"path": FILM, "failures": []}]},
        {"passed": True, "files": "all"},
        {"passed": True, "files": [None, {"path": 7, "failures": []}, {"path": FILM}]},
        {"passed": True, "files": [{"path": "/other.mp4", "failures": []}]},
    ],
)
def test_other_values_are_no_verdicts(value: Any) -> None:
    assert shown(value) == [None, None]
