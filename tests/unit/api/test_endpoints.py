# SPDX-License-Identifier: Apache-2.0
"""The table of endpoints, as the vendor documents it."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.requests.base import KlingObject

# slug: result, synchronous, can be found by external id, listed
TABLE = {
    "videos/text2video": ("videos", False, True, True),
    "videos/image2video": ("videos", False, True, True),
    "videos/multi-image2video": ("videos", False, True, True),
    "videos/omni-video": ("videos", False, True, True),
    "videos/motion-control": ("videos", False, True, True),
    "videos/video-extend": ("videos", False, False, True),
    "videos/effects": ("videos", False, True, True),
    "videos/multi-elements": ("videos", False, True, True),
    "videos/avatar/image2video": ("videos", False, True, True),
    "videos/avatar": ("videos", False, False, True),
    "videos/lip-sync": ("videos", False, False, True),
    "videos/identify-face": ("faces", True, False, False),
    "videos/advanced-lip-sync": ("videos", False, True, True),
    "videos/image-recognize": ("images", True, False, False),
    "images/generations": ("images", False, True, True),
    "images/omni-image": ("images", False, True, True),
    "images/multi-image2image": ("images", False, True, True),
    "images/editing/expand": ("images", False, True, True),
    "images/kolors-virtual-try-on": ("images", False, False, True),
    "general/ai-multi-shot": ("images", False, True, True),
    "audio/tts": ("audios", True, False, False),
    "audio/text-to-audio": ("audios", False, True, True),
    "audio/video-to-audio": ("audios", False, True, True),
    "general/custom-voices": ("voices", False, True, True),
    "general/advanced-custom-elements": ("elements", False, True, True),
    "text-to-video": ("videos", False, True, False),
    "image-to-video": ("videos", False, True, False),
    "omni-video": ("videos", False, True, False),
    "motion-control": ("videos", False, True, False),
    "solutions/virtual_try_on": ("images", False, True, False),
    "solutions/e-commerce/goods_studio": ("videos", False, True, False),
    "solutions/e-commerce/clothing_dupe": ("product_videos", False, True, False),
    "solutions/talking_agent": ("videos", False, True, False),
    "solutions/drama_subtitle": ("subbed_videos", False, True, False),
}


def test_every_documented_endpoint_is_declared() -> None:
    found = {
        slug: (str(endpoint.result), endpoint.synchronous, endpoint.external_id, endpoint.listable)
        for slug, endpoint in ENDPOINTS.items()
    }
    assert found == TABLE


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=str)
def test_request_reports_what_it_is(endpoint: Endpoint) -> None:
    assert f"``POST {endpoint.path}``" in (endpoint.request.__doc__ or "")
    # What the operator makes to submit exactly once must find its field.
    assert not endpoint.external_id or "external_task_id" in endpoint.request.model_fields
    assert endpoint.synchronous == ("callback_url" not in endpoint.request.model_fields)


def _subclasses(model: type[KlingObject]) -> list[type[KlingObject]]:
    below = [deeper for child in model.__subclasses__() for deeper in (child, *_subclasses(child))]
    return [child for child in below if child.__module__.startswith("airflow_provider_kling.api")]


@pytest.mark.parametrize("model", _subclasses(KlingObject), ids=lambda model: model.__name__)
def test_every_field_is_described(model: type[KlingObject]) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
