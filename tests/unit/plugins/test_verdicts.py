# SPDX-License-Identifier: Apache-2.0
"""The tab shows the verdict of a media check where the file is shown."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.plugins.serializers import TaskInstanceRow, add_verdicts, to_card

FILM = "/kept/842/0-video.mp4"


def instance(task_id: str, value: Any) -> TaskInstanceRow:
    return TaskInstanceRow("d", "r", task_id, -1, xcoms={"return_value": value})


def shown(verdict: Any, **own: Any) -> list[Any]:
    film = {"task_id": "842", "endpoint": "e", "videos": [{"url": "https://h/1", "path": FILM}], **own}
    instances = [instance("film", film), instance("check", verdict)]
    return [card.get("check") for card in add_verdicts([to_card(each) for each in instances], instances)]


@pytest.mark.parametrize(
    ("failures", "text"), [([], "passed"), (["it is black", "it is mute"], "it is black\nit is mute")]
)
def test_the_card_of_the_job_has_the_verdict(failures: list[str], text: str) -> None:
    verdict = {"passed": not failures, "files": [{"path": FILM, "failures": failures}]}
    assert shown(verdict) == [text, None]


FAILED = {"task_id": "841", "take": "", "units": "3", "files": [{"path": "/kept/841/0-video.mp4"}]}


@pytest.mark.parametrize(
    ("own", "verdict", "text"),
    [
        ({"media_check": {"passed": True}}, None, "passed"),
        ({"media_check": {"passed": True}, "rejected": [FAILED]}, None, "passed, after 1 rejected job"),
        (
            {"media_check": {"passed": True}, "rejected": [FAILED, FAILED]},
            None,
            "passed, after 2 rejected jobs",
        ),
        ({"media_check": {"passed": True}}, ["it is mute"], "it is mute"),
        ({"media_check": {"passed": True}, "rejected": [FAILED]}, [], "passed, after 1 rejected job"),
        ({"media_check": {"passed": "yes"}}, None, None),
        ({"media_check": "passed"}, None, None),
        ({"media_check": {"passed": True}, "rejected": "many"}, None, "passed"),
    ],
)
def test_a_task_that_checks_its_own_files_shows_its_verdict(
    own: dict[str, Any], verdict: list[str] | None, text: str | None
) -> None:
    """With ``media_rules`` or ``regenerate_on_fail``; a later check of the same file counts instead."""
    check = None
    if verdict is not None:
        check = {"passed": not verdict, "files": [{"path": FILM, "failures": verdict}]}
    assert shown(check, **own) == [text, None]


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
