# SPDX-License-Identifier: Apache-2.0
"""What the preview shows of each kind of task instance."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_kling.plugins.cards import Instance, card_of

RUN = "manual__2026-11-20T10:00:00+00:00"
URL = "https://cdn.klingai.com/1?sign=2"


def instance(value: Any = None, **more: Any) -> Instance:
    xcoms = {} if value is None else {"return_value": value}
    defaults = {"dag_id": "films", "run_id": RUN, "task_id": "film", "map_index": -1, "xcoms": xcoms}
    return Instance(**{**defaults, **more})


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
    card = card_of(instance(result(**arrays)))
    assert [item["media"] for item in card["items"]] == media


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", 7])
def test_only_web_addresses_become_links(url: Any) -> None:
    card = card_of(instance(result(videos=[{"url": url, "path": "/kept/842/0-video.mp4"}])))
    assert card["items"][0]["url"] is None


def test_a_landed_file_is_named_by_its_place_not_by_its_path() -> None:
    item = {"url": URL, "path": "s3://films/842/0-video.mp4"}
    card = card_of(instance(result(videos=[item]), dag_id="a/../b", map_index=3))
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
    card = card_of(one)
    assert (card["job"], card["external_id"], card["items"]) == ("842", "af-1", [])


@pytest.mark.parametrize(
    "value", ["s3://xcoms/1", 7, [], {}, {"task_id": "842"}, [{"task_id": "842", "endpoint": "e"}]]
)
def test_other_values_are_no_results(value: Any) -> None:
    card = card_of(instance(value))
    assert card["items"] == []


def test_the_prompt_is_what_was_rendered() -> None:
    card = card_of(instance(fields={"prompt": "A <b>", "model_name": "kling-v3"}))
    assert (card["prompt"], card["model"]) == ("A <b>", "kling-v3")
    card = card_of(instance(fields={"text": "Good evening", "model_name": "None"}))
    assert (card["prompt"], card["model"]) == ("Good evening", None)
