# SPDX-License-Identifier: Apache-2.0
"""What the preview shows of each kind of task instance."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_kling.plugins.serializers import TaskInstanceRow, to_card

RUN = "manual__2026-11-20T10:00:00+00:00"
URL = "https://cdn.klingai.com/1?sign=2"


def instance(value: Any = None, **more: Any) -> TaskInstanceRow:
    xcoms = {} if value is None else {"return_value": value}
    defaults = {"dag_id": "films", "run_id": RUN, "task_id": "film", "map_index": -1, "xcoms": xcoms}
    return TaskInstanceRow(**{**defaults, **more})


def result(**arrays: Any) -> dict[str, Any]:
    return {"task_id": "842", "endpoint": "e", **arrays}


@pytest.mark.parametrize(
    ("arrays", "media"),
    [
        ({"videos": [{"url": URL}, {"url": URL}]}, ["video", "video"]),
        ({"images": [{"url": URL}], "series_images": [{"url": URL}]}, ["image", "image"]),
        ({"audios": [{"url_mp3": URL, "url_wav": URL}]}, ["audio"]),
        ({"voices": [{"voice_id": "v", "trial_url": URL}]}, ["audio"]),
        ({"images": [{"url_1": URL, "url_2": URL}]}, ["image", "image"]),
        ({"videos": [{"url": URL, "watermark_url": URL}]}, ["video"]),
        ({"faces": [{"face_id": "1", "face_image": URL}]}, []),
        ({"elements": [{"element_id": 1}]}, []),
        ({"videos": "nonsense", "images": [None, "nonsense"]}, []),
    ],
)
def test_each_file_is_shown_once(arrays: dict[str, Any], media: list[str]) -> None:
    card = to_card(instance(result(**arrays)))
    assert [item["media"] for item in card["items"]] == media


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"])
def test_only_web_urls_become_links(url: Any) -> None:
    card = to_card(instance(result(videos=[{"url": url, "path": "/stored/842/0-video.mp4"}])))
    assert card["items"][0]["url"] is None


def test_a_stored_file_is_named_by_its_task_instance_not_by_its_path() -> None:
    item = {"url": URL, "path": "s3://films/842/0-video.mp4"}
    card = to_card(instance(result(videos=[item]), dag_id="a/../b", map_index=3))
    parts = urlsplit(card["items"][0]["file"])
    assert parts.path == "dags/a%2F..%2Fb/file"
    assert parse_qs(parts.query) == {
        "run_id": [RUN],
        "task_id": ["film"],
        "map_index": ["3"],
        "item": ["videos[0].url"],
    }
    assert "films" not in card["items"][0]["file"]


def test_a_job_that_runs_is_shown_too() -> None:
    one = instance(state="deferred", xcoms={"task_id": "842", "external_task_id": "af-1"})
    card = to_card(one)
    assert (card["job"], card["external_id"], card["items"]) == ("842", "af-1", [])


@pytest.mark.parametrize(
    "value", ["s3://xcoms/1", 7, [], {}, {"task_id": "842"}, [{"task_id": "842", "endpoint": "e"}]]
)
def test_other_values_are_no_results(value: Any) -> None:
    card = to_card(instance(value))
    assert card["items"] == []


def test_the_prompt_is_what_was_rendered() -> None:
    card = to_card(instance(fields={"prompt": "A <b>", "model_name": "kling-v3"}))
    assert (card["prompt"], card["model"]) == ("A <b>", "kling-v3")
    card = to_card(instance(fields={"text": "Good evening", "model_name": "None"}))
    assert (card["prompt"], card["model"]) == ("Good evening", None)


def test_a_card_shows_charges_in_units_and_cash_and_nothing_that_is_none() -> None:
    units = {"type": "units", "amount": "3", "currency": None, "list_price": None, "package": "video"}
    cash = {"type": "cash", "amount": "0.35", "currency": "USD"}
    value = {
        "task_id": "8",
        "endpoint": "videos/text2video",
        "units": "3",
        "charges": [units, cash, {"type": "gold"}, 5, {"type": "cash"}],
    }
    card = to_card(TaskInstanceRow("d", "r", "t", -1, xcoms={"return_value": value}))
    assert card["charges"] == [
        {"type": "units", "amount": "3", "currency": None},
        {"type": "cash", "amount": "0.35", "currency": "USD"},
        {"type": "cash", "amount": None, "currency": None},
    ]
    assert (
        to_card(TaskInstanceRow("d", "r", "t", -1, xcoms={"return_value": {**value, "charges": 7}}))[
            "charges"
        ]
        == []
    )


JOB = "178901234567800001"


def failed(**error: Any) -> Any:
    note = {
        "type": "KlingTaskTimeout",
        "message": f"Still running at Kling; do not clear: if no retry follows, fetch {JOB}.",
        "task_id": JOB,
        "external_task_id": "af-1",
        "endpoint": "videos/text2video",
        "job": "exists",
    }
    return instance(state="failed", xcoms={"error": {**note, **error}})


def test_a_failed_task_shows_its_error_and_its_job() -> None:
    card = to_card(failed())
    assert card["error"].startswith("Still running at Kling")
    assert (card["job"], card["endpoint"], card["job_state"]) == (JOB, "videos/text2video", "exists")


def test_an_interrupted_task_shows_the_job_that_it_had_made() -> None:
    one = instance(state="failed", xcoms={"task_id": JOB, "request": {"endpoint": "videos/text2video"}})
    card = to_card(one)
    assert (card["error"], card["job"], card["endpoint"]) == (None, JOB, "videos/text2video")


@pytest.mark.parametrize("value", ["text", 7, [], {"message": "x"}, {"message": [1], "job": {}}])
def test_an_xcom_error_of_another_task_is_ignored(value: Any) -> None:
    assert to_card(instance(state="failed", xcoms={"error": value}))["error"] is None


def test_a_success_shows_no_error_of_an_earlier_try() -> None:
    one = failed()
    card = to_card(instance(state="success", xcoms=dict(one.xcoms)))
    assert card["error"] is None


REFUSAL = {
    **{
        "status": "refused",
        "reason": "Refused by the safety check.",
        "prompt": "a forbidden thing",
    },
    **{"task_id": None, "external_task_id": "af-1", "endpoint": "images/generations", "units": None},
    **{"charges": [], "labels": {}, "request": {"prompt": "a forbidden thing"}},
}


def test_refused_content_that_is_a_result_is_shown_with_reason_and_prompt() -> None:
    card = to_card(instance(REFUSAL, state="success"))
    assert (card["refused"], card["prompt"]) == (REFUSAL["reason"], "a forbidden thing")
    assert (card["job"], card["items"], card["error"]) == (None, [], None)
    # The rendered field is the whole prompt, where Airflow still has it.
    rendered = to_card(instance(REFUSAL, fields={"prompt": "a forbidden thing, as it was rendered"}))
    assert rendered["prompt"] == "a forbidden thing, as it was rendered"
    assert to_card(instance(result(videos=[])))["refused"] is None


@pytest.mark.parametrize("reason", [None, 7, ["x"], ""])
def test_a_refusal_without_a_reason_is_one_too(reason: Any) -> None:
    assert to_card(instance({**REFUSAL, "reason": reason}))["refused"] == "no reason was reported"
