# SPDX-License-Identifier: Apache-2.0
"""Values as people have them reach the wire as the vendor wants them, or are refused with the remedy."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy
import pytest
from pydantic import ValidationError

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.requests.coercion import to_builtin
from airflow_provider_kling.api.validation_errors import format_validation_error

URL = "https://a.example/a.png"
NEEDED: dict[str, dict[str, Any]] = {
    "videos/text2video": {"prompt": "a boat"},
    "videos/image2video": {"image": URL},
    "text-to-video": {"prompt": "a boat"},
    "images/generations": {"prompt": "a boat"},
    "videos/multi-image2video": {"image_list": [{"image": URL}], "prompt": "a boat"},
}
SHOTS = [{"index": 1, "prompt": "a boat", "duration": "5"}]
MESSAGES = {"multi_shot": True, "shot_type": "customize"}


class Mode(enum.StrEnum):
    """An enumeration of a DAG author's."""

    PRO = "pro"


OldMode = enum.Enum("OldMode", {"PRO": "pro"}, type=str)
"""The same as it was written before Python 3.11."""


class Seconds(enum.Enum):
    """An enumeration of numbers."""

    TEN = 10


class Lazy(Sequence[Any]):
    """Stands for what Airflow hands over for mapped tasks."""

    def __init__(self, *items: Any) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, location: Any) -> Any:
        return self._items[location]


TAKEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *(
        ("videos/text2video", {"duration": given}, {"duration": "5"})
        for given in (5, "5", " 5 ", "5.0", 5.0, Decimal(5), Decimal("5.0"), numpy.int64(5), numpy.float32(5))
    ),
    ("videos/text2video", {"duration": Seconds.TEN}, {"duration": "10"}),
    ("text-to-video", {"duration": Decimal(5)}, {"duration": 5}),
    ("text-to-video", {"duration": numpy.int64(5)}, {"duration": 5}),
    ("text-to-video", {"duration": " 5\n"}, {"duration": 5}),
    ("videos/text2video", {"mode": Mode.PRO}, {"mode": "pro"}),
    ("videos/text2video", {"mode": OldMode.PRO}, {"mode": "pro"}),
    ("videos/text2video", {"mode": numpy.str_("pro")}, {"mode": "pro"}),
    ("videos/text2video", {"mode": "pro\n"}, {"mode": "pro"}),
    *(
        ("videos/text2video", {"sound": given}, {"sound": "on"})
        for given in (True, "true", "True", "on", "ON", "yes", "1", numpy.True_)
    ),
    *(("videos/text2video", {"sound": given}, {"sound": "off"}) for given in (False, "false", "no", "0")),
    *(("videos/text2video", {"multi_shot": given}, {"multi_shot": False}) for given in ("off", numpy.False_)),
    ("videos/text2video", {"cfg_scale": Decimal("0.5")}, {"cfg_scale": 0.5}),
    ("videos/text2video", {"cfg_scale": numpy.float64(0.5)}, {"cfg_scale": 0.5}),
    ("videos/text2video", {"prompt": 1984}, {"prompt": "1984"}),
    ("videos/text2video", {"external_task_id": numpy.int64(7)}, {"external_task_id": "7"}),
    ("videos/text2video", {"external_task_id": " shot 1\n"}, {"external_task_id": "shot 1"}),
    ("images/generations", {"n": Decimal(2)}, {"n": 2}),
    ("images/generations", {"n": "2"}, {"n": 2}),
    ("videos/text2video", {**MESSAGES, "multi_prompt": SHOTS[0]}, {"multi_prompt": SHOTS}),
    ("videos/text2video", {**MESSAGES, "multi_prompt": json.dumps(SHOTS)}, {"multi_prompt": SHOTS}),
    ("videos/text2video", {**MESSAGES, "multi_prompt": str(SHOTS)}, {"multi_prompt": SHOTS}),
    ("videos/text2video", {**MESSAGES, "multi_prompt": json.dumps(SHOTS[0])}, {"multi_prompt": SHOTS}),
    ("videos/text2video", {**MESSAGES, "multi_prompt": Lazy(*SHOTS)}, {"multi_prompt": SHOTS}),
    (
        "videos/text2video",
        {**MESSAGES, "multi_prompt": [{"index": Decimal(1), "prompt": 7, "duration": numpy.int64(5)}]},
        {"multi_prompt": [{"index": 1, "prompt": "7", "duration": "5"}]},
    ),
    ("videos/text2video", {"watermark_info": '{"enabled": true}'}, {"watermark_info": {"enabled": True}}),
    ("videos/text2video", {"watermark_info": "{'enabled': True}"}, {"watermark_info": {"enabled": True}}),
    ("videos/text2video", {"prompt": "[a boat]"}, {"prompt": "[a boat]"}),
    ("videos/text2video", {"prompt": '{"a": 1}'}, {"prompt": '{"a": 1}'}),
    ("videos/multi-image2video", {"image_list": {"image": URL}}, {"image_list": [{"image": URL}]}),
    ("videos/text2video", {"negative_prompt": "\n None\n", "mode": "None"}, {}),
]

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "videos/text2video",
        {"aspect_ratio": 969},
        "Invalid value for 'aspect_ratio': 969; write \"16:9\" in quotes: YAML reads 16:9 without",
    ),
    ("videos/text2video", {"aspect_ratio": "556"}, 'write "9:16" in quotes'),
    ("videos/text2video", {"aspect_ratio": Decimal(61)}, 'write "1:1" in quotes'),
    (
        "videos/image2video",
        {"image": {"task_id": "1", "images": [{"url": URL}]}},
        "Invalid value for 'image': a dict; pass one file of it, such as img.output['images'][0]['url']",
    ),
    (
        "videos/image2video",
        {"image": {"task_id": "1", "videos": [{"url": URL}]}},
        "such as video.output['videos'][0]['url']",
    ),
    ("videos/image2video", {"image": [URL, URL]}, "'image': a list; pass one value, or map the task"),
    (
        "videos/multi-image2video",
        {"image_list": {"task_id": "1", "endpoint": "x", "images": [{"url": URL}]}},
        "'image_list': a dict; pass one file of it, such as img.output['images'][0]['url']",
    ),
    ("videos/text2video", {"external_task_id": "a\nb"}, "'external_task_id': 'a\\nb'; must be printable"),
    ("videos/text2video", {"external_task_id": 5.0}, "'external_task_id': 5.0; expected text"),
    ("videos/text2video", {"cfg_scale": True}, "'cfg_scale': 'True'; expected a number from 0 to 1"),
    ("images/generations", {"n": True}, "'n': 'True'; expected a whole number from 1 to 9"),
    ("videos/text2video", {"duration": 20}, "Invalid value for 'duration': '20'; expected 3 to 15 ("),
    ("videos/text2video", {"duration": True}, "Invalid value for 'duration': True; expected 3 to 15"),
    ("videos/multi-image2video", {"duration": "7"}, "Invalid value for 'duration': '7'; expected 5 or 10"),
    ("text-to-video", {"duration": 20}, "Invalid value for 'duration': 20; expected 3 to 15"),
    ("text-to-video", {"duration": Decimal("5.5")}, "'duration': 5.5; expected a whole number from 3 to 15"),
    (
        "text-to-video",
        {"duration": Decimal("NaN")},
        "'duration': 'NaN'; expected a whole number from 3 to 15",
    ),
    ("videos/text2video", {"mode": "Pro"}, "expected 'std', 'pro' or '4k'; did you mean 'pro'?"),
    ("videos/text2video", {"promt": "a"}, "promt is not a field of this request; did you mean 'prompt'?"),
    ("videos/text2video", {"prompt": "None"}, "prompt must be given"),
    (
        "videos/text2video",
        {**MESSAGES, "multi_prompt": [{**SHOTS[0], "prompt": "None"}]},
        "multi_prompt[0].prompt",
    ),
    ("videos/image2video", {"image": 5}, "Invalid value for 'image': 5; expected text"),
    ("videos/text2video", {"model_name": 5}, "Invalid value for 'model_name': 5; expected text"),
]


@pytest.mark.parametrize(("slug", "values", "sent"), TAKEN, ids=lambda each: str(each)[:60])
def test_it_is_accepted(slug: str, values: dict[str, Any], sent: dict[str, Any]) -> None:
    body = (
        ENDPOINTS[slug]
        .request.model_validate({**NEEDED[slug], **values})
        .model_dump(mode="json", exclude_none=True, include=set(values))
    )
    assert {name: body.get(name) for name in sent} == sent
    if not sent:
        assert body == {}


@pytest.mark.parametrize(("slug", "values", "expected_text"), REFUSED, ids=lambda each: str(each)[:60])
def test_it_is_refused_with_cause_and_remedy_first(
    slug: str, values: dict[str, Any], expected_text: str
) -> None:
    model = ENDPOINTS[slug].request
    with pytest.raises(ValidationError) as caught:
        model.model_validate({**NEEDED[slug], **values})
    assert expected_text in format_validation_error(slug, caught.value, model)


def test_what_is_native_stays_as_it_is() -> None:
    values = {"a": [1, 2.5, "x", None, True], "b": {"c": "d"}}
    assert to_builtin(values) == values
    marker = object()
    assert to_builtin(marker) is marker


def test_an_array_of_numpy_is_a_list() -> None:
    found = to_builtin({"x": numpy.array([[1, 2], [3, 4]]), "y": (numpy.float32(0.5), Decimal("1e400"))})
    assert found == {"x": [[1, 2], [3, 4]], "y": [0.5, "1E+400"]}
    assert type(found["x"][0][0]) is int
