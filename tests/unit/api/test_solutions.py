# SPDX-License-Identifier: Apache-2.0
"""Bodies of the solutions as the vendor's pages show them, and what is read of their answers."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.http import create_request, get_task_requests
from airflow_provider_kling.api.pricing import unit_type
from airflow_provider_kling.api.requests.solutions import CLOTHING_DUPE, GOODS_STUDIO
from airflow_provider_kling.api.requests.speech_solutions import DRAMA_SUBTITLE, TALKING_AGENT
from airflow_provider_kling.api.task import TaskStatus, parse_task

from .cases.common import AUDIO_URL, IMAGE_URL, VIDEO
from .cases.solutions import TERM, clothes, drama, goods, person, speech

NEW = (GOODS_STUDIO, CLOTHING_DUPE, TALKING_AGENT, DRAMA_SUBTITLE)


def _text(kind: str, expected_text: str) -> dict[str, str]:
    return {"type": kind, "text": expected_text}


def _url(kind: str, location: str) -> dict[str, str]:
    return {"type": kind, "url": location}


@pytest.mark.parametrize(
    ("endpoint", "values", "body"),
    [
        (
            GOODS_STUDIO,
            goods(goods_description="Fine", watermark={"enabled": True}, callback_url="https://a.b"),
            {
                "contents": [
                    _url("ref_image", IMAGE_URL),
                    _text("goods_title", "Umbrella"),
                    _text("goods_description", "Fine"),
                ],
                "settings": {"resolution": "1080p", "aspect_ratio": "16:9", "duration": 15},
                "options": {"callback_url": "https://a.b/", "watermark": {"enabled": True}},
            },
        ),
        (
            CLOTHING_DUPE,
            clothes(
                bgm=AUDIO_URL, voice="steady_sales_man", resolution="720p", watermark_info={"enabled": True}
            ),
            {
                "contents": [
                    _text("product_info", "A coat"),
                    _url("source_video", VIDEO),
                    _url("product_image", IMAGE_URL),
                    _url("bgm", AUDIO_URL),
                    {"type": "voice", "voice_id": "steady_sales_man"},
                ],
                "settings": {"resolution": "720p"},
                "options": {"watermark_info": {"enabled": True}},
            },
        ),
        (
            TALKING_AGENT,
            person(
                ref_image=IMAGE_URL,
                goods_title="Speaker",
                goods_price="399",
                goods_target_audience=["campers"],
                goods_selling_point=["small", "loud"],
                allow_polish=False,
            ),
            {
                "contents": [
                    _url("avatar_image", IMAGE_URL),
                    _url("ref_image", IMAGE_URL),
                    _text("goods_title", "Speaker"),
                    _text("goods_price", "399"),
                    _text("goods_target_audience", "campers"),
                    _text("goods_selling_point", "small"),
                    _text("goods_selling_point", "loud"),
                    _text("speech_script", "Slow down a little."),
                ],
                "settings": {"voice_id": "female_warm_rich", "allow_polish": False},
            },
        ),
        (
            TALKING_AGENT,
            speech(speech_rate="1.2"),
            {
                "contents": [
                    _text("avatar_id", "avatar_anna_female"),
                    _text("speech_script", "Slow down a little."),
                ],
                "settings": {"speech_rate": 1.2},
            },
        ),
        (
            DRAMA_SUBTITLE,
            drama(glossary=[TERM], target_cps=17, external_task_id="ep-1"),
            {
                "contents": [_url("source_video", VIDEO), {"type": "glossary", **TERM}],
                "settings": {"target_cps": 17},
                "options": {"external_task_id": "ep-1"},
            },
        ),
    ],
    ids=["goods", "clothes", "product", "speech", "drama"],
)
def test_what_is_sent(endpoint: Endpoint, values: dict[str, Any], body: dict[str, Any]) -> None:
    call = create_request(endpoint, endpoint.request.model_validate(values).wire())
    sent = {**body}
    if "callback_url" in sent.get("options", {}):
        sent["options"]["callback_url"] = call.body["options"]["callback_url"]
    assert (call.method, call.path, call.body) == ("POST", endpoint.path, sent)


@pytest.mark.parametrize("endpoint", NEW, ids=str)
def test_where_it_is_requested_and_what_pays(endpoint: Endpoint) -> None:
    assert [call.path for call in get_task_requests(endpoint, "8")] == ["/solutions", "/solutions"]
    assert unit_type(endpoint) == "video"
    assert ENDPOINTS[endpoint.slug] is endpoint


def test_subtitles_are_read_under_names_of_their_own() -> None:
    outputs = [
        {"type": "subbed_video", "url": "https://a/1.mp4", "duration": "12.5"},
        {"type": "srt", "url": "https://a/1.srt"},
        {"type": "ass", "url": "https://a/1.ass"},
    ]
    response = {"data": [{"id": "8", "status": "succeeded", "create_time": 1, "outputs": outputs}]}
    task = parse_task(response)
    assert task is not None
    assert (task.task_id, task.status) == ("8", TaskStatus.SUCCEED)
    assert {name: items[0]["url"] for name, items in task.result.items()} == {
        "subbed_videos": "https://a/1.mp4",
        "srts": "https://a/1.srt",
        "ass": "https://a/1.ass",
    }


@pytest.mark.parametrize("name", ["id", "task_id"])
def test_both_names_of_the_id_are_read(name: str) -> None:
    task = parse_task({"code": 0, "data": {name: "8", "status": "submitted"}})
    assert task is not None
    assert task.task_id == "8"
