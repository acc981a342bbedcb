# SPDX-License-Identifier: Apache-2.0
"""What the vendor does not refuse is sent with a warning; what it refuses is never sent."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.image import KlingOmniImageOperator
from airflow_provider_kling.operators.library import KlingCustomElementOperator
from airflow_provider_kling.operators.video import (
    KlingImageToVideoOperator,
    KlingMotionControlOperator,
    KlingTextToVideoOperator,
)
from airflow_provider_kling.operators.video2 import KlingImageToVideo2Operator, KlingTextToVideo2Operator
from tests.unit.operators.conftest import TaskInstance, context_of

WEB, FILM = "https://files.example.org/1.png", "https://files.example.org/1.mp4"
ELEMENT = {
    "element_name": "mug",
    "element_description": "a mug",
    "reference_type": "image_refer",
    "element_image_list": {"frontal_image": WEB, "refer_images": [{"image_url": WEB}]},
}


class Case(NamedTuple):
    """A task, and words of the warning or refusal."""

    operator: type[KlingTaskOperator]
    given: Mapping[str, Any]
    words: str


WARNED = {
    "series_amount with single": Case(
        KlingOmniImageOperator,
        {"model_name": "kling-v3-omni", "prompt": "a cat", "result_type": "single", "series_amount": 3},
        "series_amount",
    ),
    "element_video_list with image_refer": Case(
        KlingCustomElementOperator,
        {**ELEMENT, "element_video_list": {"refer_videos": [{"video_url": FILM}]}},
        "element_video_list",
    ),
    "orientation image with an element": Case(
        KlingMotionControlOperator,
        {
            "model_name": "kling-v3",
            "image_url": WEB,
            "video_url": FILM,
            "character_orientation": "image",
            "mode": "std",
            "element_list": [{"element_id": 870000000000000001}],
        },
        "character_orientation",
    ),
    "a shot that is too short": Case(
        KlingTextToVideo2Operator,
        {
            "model_name": "kling-3.0",
            "duration": 5,
            "prompt": "shot 1, 0, a cat; shot 2, 5, a dog;",
        },
        "shot",
    ),
    "shots of another length than the film": Case(
        KlingTextToVideo2Operator,
        {"model_name": "kling-3.0", "duration": 5, "prompt": "shot 1, 2, a cat; shot 2, 2, a dog;"},
        "shot",
    ),
    "seven shots": Case(
        KlingTextToVideo2Operator,
        {
            "model_name": "kling-3.0",
            "duration": 7,
            "prompt": " ".join(f"shot {n}, 1, a cat;" for n in range(1, 8)),
        },
        "shot",
    ),
    "a shot of 513 characters": Case(
        KlingTextToVideo2Operator,
        {"model_name": "kling-3.0", "duration": 5, "prompt": f"shot 1, 5, {'x' * 513};"},
        "512",
    ),
}
REFUSED = {
    "2,501 characters for 3.0 Turbo": Case(
        KlingImageToVideo2Operator,
        {"model_name": "kling-3.0-turbo", "first_frame": WEB, "prompt": "x" * 2501},
        "2,?500",
    ),
}


@pytest.mark.parametrize("name", WARNED)
def test_what_the_vendor_takes_is_sent_with_a_warning(
    name: str, kling_emulator: Emulator, log_lines: Any
) -> None:
    case = WARNED[name]
    case.operator(task_id="t", wait_for_completion=False, **case.given).execute(context_of(TaskInstance()))
    assert len(list(kling_emulator.jobs)) == 1
    assert log_lines(case.words)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_vendor_refuses_is_not_sent(name: str, kling_emulator: Emulator) -> None:
    case = REFUSED[name]
    with pytest.raises(KlingRequestInvalid, match=case.words):
        case.operator(task_id="t", **case.given).execute(context_of(TaskInstance()))
    assert list(kling_emulator.jobs) == []


def test_a_camera_that_does_not_move_is_warned_of_on_a_gateway(
    monkeypatch: pytest.MonkeyPatch, log_lines: Any
) -> None:
    still = dict.fromkeys(("horizontal", "vertical", "pan", "tilt", "roll", "zoom"), 0)
    with Emulator(dialect="gateway") as gateway:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", gateway.connection_json())
        KlingTextToVideoOperator(
            task_id="t",
            model_name="kling-v1",
            prompt="a cat",
            camera_control={"type": "down_back", "config": still},
            wait_for_completion=False,
        ).execute(context_of(TaskInstance()))
        assert len(list(gateway.jobs)) == 1
    assert log_lines("camera_control")


def _image(folder: Path, name: str, width: int, height: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, "PNG")
    (folder / name).write_bytes(out.getvalue())
    return str(folder / name)


@pytest.mark.parametrize(
    ("static", "moving", "expected_text"),
    [
        ((640, 400), None, None),
        ((480, 300), (480, 300), None),
        ((400, 400), None, "static_mask.*a mask needs the ratio of image, 640 x 400"),
        ((480, 300), (640, 400), "dynamic_masks.*all masks need one size, as static_mask has 480 x 300"),
    ],
)
def test_a_mask_has_the_shape_of_its_image(
    static: tuple[int, int],
    moving: tuple[int, int] | None,
    expected_text: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    masks: dict[str, Any] = {"static_mask": _image(tmp_path, "m.png", *static)}
    if moving:
        path = [{"x": 1, "y": 1}, {"x": 2, "y": 2}]
        masks["dynamic_masks"] = [{"mask": _image(tmp_path, "d.png", *moving), "trajectories": path}]
    with Emulator(dialect="gateway") as gateway:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", gateway.connection_json())
        operator = KlingImageToVideoOperator(
            task_id="t",
            model_name="kling-v1",
            image=_image(tmp_path, "a.png", 640, 400),
            wait_for_completion=False,
            **masks,
        )
        if expected_text is None:
            operator.execute(context_of(TaskInstance()))
        else:
            with pytest.raises(KlingRequestInvalid, match=expected_text):
                operator.execute(context_of(TaskInstance()))
        assert len(list(gateway.jobs)) == (expected_text is None)


def test_an_unknown_model_is_sent_unchanged(kling_emulator: Emulator, log_lines: Any) -> None:
    operator = KlingTextToVideoOperator(task_id="t", model_name="kling-v9", prompt="a cat", duration="7")
    with pytest.raises(KlingRequestInvalid, match="Kling refused"):
        operator.execute(context_of(TaskInstance()))
    assert kling_emulator.count("POST", "/v1/videos/text2video") == 1
