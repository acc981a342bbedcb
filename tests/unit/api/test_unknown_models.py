# SPDX-License-Identifier: Apache-2.0
"""A model that the provider does not know is sent as it is, with whatever length, mode and size."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.pricing import estimate
from airflow_provider_kling.api.requests.base import BY_MODEL
from airflow_provider_kling.api.requests.rules import TEMPLATED

URL = "https://a.example/a.png"
NEW: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("videos/text2video", {"duration": 20}, {"duration": "20"}),
    ("videos/text2video", {"duration": "30.0"}, {"duration": "30"}),
    ("videos/text2video", {"duration": Decimal(60), "mode": "8k"}, {"duration": "60", "mode": "8k"}),
    ("videos/text2video", {"aspect_ratio": "21:9"}, {"aspect_ratio": "21:9"}),
    ("videos/image2video", {"image": URL, "mode": "ultra"}, {"mode": "ultra"}),
    ("videos/multi-image2video", {"image_list": [{"image": URL}], "duration": "7"}, {"duration": "7"}),
    ("videos/omni-video", {"aspect_ratio": "4:5", "duration": 25}, {"duration": "25"}),
    ("images/generations", {"resolution": "8k"}, {"resolution": "8k"}),
    ("text-to-video", {"duration": "20", "resolution": "8k"}, {"duration": 20, "resolution": "8k"}),
    ("text-to-video", {"duration": 2, "audio": "spatial"}, {"duration": 2, "audio": "spatial"}),
]


@pytest.mark.parametrize(("slug", "values", "sent"), NEW, ids=lambda each: str(each)[:60])
@pytest.mark.parametrize("name", ["kling-v9", TEMPLATED], ids=["unknown", "template"])
def test_whatever_the_value(name: Any, slug: str, values: dict[str, Any], sent: dict[str, Any]) -> None:
    model = ENDPOINTS[slug].request
    request = model.model_validate({"prompt": "a boat", **values, "model_name": name})
    if name is TEMPLATED:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        body = request.wire()
    assert {key: body[key] for key in sent} == sent
    assert any("'kling-v9' is unknown" in advice for advice in request.warnings())
    assert estimate(ENDPOINTS[slug], request) is None


@pytest.mark.parametrize(("slug", "values", "sent"), NEW, ids=lambda each: str(each)[:60])
def test_of_a_known_model_only_what_is_listed(
    slug: str, values: dict[str, Any], sent: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        ENDPOINTS[slug].request.model_validate({"prompt": "a boat", **values})


@pytest.mark.parametrize(
    "values",
    [
        *({"duration": value} for value in (0, -5, 5.5, "x", True, [5], 10**6)),
        *({"mode": value} for value in ({"a": 1}, True, "x" * 65, "a\nb")),
        {"cfg_scale": 2},
        {"prompt": "x" * 2501},
    ],
    ids=lambda each: str(each)[:40],
)
def test_types_and_ranges_hold_for_every_model(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ENDPOINTS["videos/text2video"].request.model_validate(
            {"prompt": "a boat", "model_name": "kling-v9", **values}
        )


def test_the_model_is_read_before_what_depends_on_it() -> None:
    for slug, endpoint in ENDPOINTS.items():
        fields = list(endpoint.request.model_fields)
        if "model_name" in fields:
            of_model = [fields.index(name) for name in BY_MODEL if name in fields]
            assert all(fields.index("model_name") < at for at in of_model), slug
