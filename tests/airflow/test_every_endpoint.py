# SPDX-License-Identifier: Apache-2.0
"""Every endpoint runs as a task of a DAG, in a real Airflow, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.emulator.options import Dialect
from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import EXAMPLES
from tests.support.dag_runs import run

__all__ = ["run"]

RAN = Path(__file__).with_name("ran.json")
"""Which endpoints ran as tasks, by the dialect of the host: the table in the README is made of it."""

Outcome = tuple[dict[str, str], dict[str, Any]]

pytestmark = pytest.mark.airflow

HEAD = f"""
PICTURE = {str(EXAMPLES / "assets" / "city.jpg")!r}

def of(task_id, where):
    return "{{{{ ti.xcom_pull(task_ids='%s')%s }}}}" % (task_id, where)

FILM, SPEECH = of("film", "['videos'][0]['id']"), of("speak", "['audios'][0]['id']")
quick = dict(poll_interval=0.2)
speak = KlingTextToSpeechOperator(
    task_id="speak", text="A text that is long enough. " * 8, voice_id="oversea_male1", voice_language="en"
)
film = KlingTextToVideoOperator(task_id="film", prompt="a woman speaks", sound="on", **quick)
"""

V1 = (
    HEAD
    + """
first = [speak, film]
made = [
    KlingImageToVideoOperator(task_id="animate", image=PICTURE, **quick),
    KlingOmniVideoOperator(
        task_id="omni", prompt="<<<image_1>>> wakes up", image_list=[{"image_url": PICTURE}],
        aspect_ratio="16:9", duration="5", **quick,
    ),
    KlingMotionControlOperator(
        task_id="move", image_url=PICTURE, video_url=of("film", "['videos'][0]['url']"),
        character_orientation="image", mode="std", **quick,
    ),
    KlingVideoEffectsOperator(
        task_id="effect", effect_scene="hug_pro", input={"images": [PICTURE, PICTURE]}, **quick
    ),
    KlingAvatarImageToVideoOperator(
        task_id="avatar", image=PICTURE, audio_id=SPEECH, prompt="She smiles", **quick
    ),
    KlingImageRecognizeOperator(task_id="recognize", image=PICTURE),
    KlingImageGenerationOperator(task_id="draw", prompt="a boat", n=2, **quick),
    KlingOmniImageOperator(
        task_id="series", model_name="kling-v3-omni", prompt="a boat", result_type="series", series_amount=3,
        **quick,
    ),
    KlingMultiImageToImageOperator(
        task_id="merge", prompt="a boat", subject_image_list=[{"subject_image": PICTURE}], **quick
    ),
    KlingImageExpandOperator(
        task_id="expand", image=PICTURE, up_expansion_ratio=0.1, down_expansion_ratio=0.1,
        left_expansion_ratio=0.2, right_expansion_ratio=0.2, **quick,
    ),
    KlingAiMultiShotOperator(task_id="turn", element_frontal_image=PICTURE, **quick),
    KlingTextToAudioOperator(task_id="rain", prompt="rain", duration=3.5, **quick),
    KlingVideoToAudioOperator(task_id="noises", video_id=FILM, **quick),
    KlingCustomVoiceOperator(
        task_id="clone", voice_name="Anna", voice_url=of("speak", "['audios'][0]['url']"), **quick
    ),
    KlingCustomElementOperator(
        task_id="keep", element_name="town", element_description="a town", reference_type="image_refer",
        element_image_list={"frontal_image": PICTURE, "refer_images": [{"image_url": PICTURE}]}, **quick,
    ),
]
faces = KlingIdentifyFaceOperator(task_id="faces", video_id=FILM)
"""
)
NEWEST = """
newest = [
    KlingTextToVideo2Operator(task_id="turbo", prompt="a boat", duration=3, **quick),
    KlingImageToVideo2Operator(
        task_id="wake", model_name="kling-3.0", first_frame=PICTURE, last_frame=PICTURE,
        prompt="she wakes up", audio="native", **quick,
    ),
    KlingOmniVideo2Operator(
        task_id="redo", prompt="make @film a drawing", audio="original",
        base_video={"url": of("film", "['videos'][0]['url']"), "id": "film"}, **quick,
    ),
    KlingMotionControl2Operator(
        task_id="dance", image=PICTURE, video=of("film", "['videos'][0]['url']"),
        character_orientation="image", **quick,
    ),
    KlingVirtualTryOn2Operator(
        task_id="dress", person_image="https://example.com/anna.jpg",
        product_image="https://example.com/coat.webp", **quick,
    ),
    KlingGoodsStudioOperator(
        task_id="advertise", ref_image=[PICTURE, PICTURE], goods_title="A town", resolution="720p",
        aspect_ratio="1:1", duration=15, **quick,
    ),
    KlingApparelReplicatorOperator(
        task_id="redress", product_info="a coat", source_video="https://example.com/walk.mp4",
        product_image=[PICTURE], voice="calm_sales_woman", **quick,
    ),
    KlingVideoCommerceOperator(
        task_id="sell", avatar_id="avatar_anna_female", speech_script="You can take it anywhere.",
        ref_image=[PICTURE], goods_title="A town", goods_selling_point=["old", "small"], **quick,
    ),
    KlingDramaSubtitleOperator(
        task_id="translate", source_video=of("film", "['videos'][0]['url']"), target_cps=15,
        glossary=[{"source": "\u5b8b\u68e0", "target": "Song Tang"}], **quick,
    ),
]
"""
V1_END = """
lips = KlingAdvancedLipSyncOperator(
    task_id="lips",
    session_id=of("faces", "['session_id']"),
    face_choose=[
        {
            "face_id": of("faces", "['faces'][0]['face_id']"),
            "audio_id": SPEECH,
            "sound_start_time": 0,
            "sound_end_time": 3000,
            "sound_insert_time": 500,
        }
    ],
    **quick,
)
mark = KlingMultiElementsSelectionOperator(
    task_id="mark", video_id=FILM, frames=[{"frame_index": 0, "points": [{"x": 0.5, "y": 0.5}]}]
)
edit = KlingMultiElementsOperator(
    task_id="edit", session_id=of("mark", "['session_id']"), duration=of("mark", "['duration']"),
    edit_mode="removal", prompt="Delete the boat from <<<video_1>>>", **quick,
)
forget = [
    KlingDeleteVoiceOperator(task_id="mute", voice_id=of("clone", "['voices'][0]['voice_id']")),
    KlingDeleteElementOperator(task_id="drop", element_id=of("keep", "['elements'][0]['element_id']")),
]
for task_ in [*made, faces, mark]:
    first >> task_
faces >> lips
mark >> edit
made[-2] >> forget[0]
made[-1] >> forget[1]
"""
OFFICIAL = f"{V1}{NEWEST}{V1_END}\nfor task_ in newest:\n    first >> task_\n"

LEGACY = """
legacy = [
    KlingMultiImageToVideoOperator(
        task_id="several", prompt="a boat", image_list=[{"image": PICTURE}, {"image": PICTURE}], **quick
    ),
    KlingVideoExtendOperator(task_id="longer", video_id=FILM, **quick),
    KlingLipSyncOperator(
        task_id="old_lips", video_id=FILM, mode="text2video", text="Hello there", voice_id="oversea_male1",
        voice_language="en", **quick,
    ),
    KlingAvatarOperator(
        task_id="old_avatar", image=PICTURE, text="Hello there", voice_id="oversea_male1", **quick
    ),
    KlingVirtualTryOnOperator(task_id="old_dress", human_image=PICTURE, cloth_image=PICTURE, **quick),
]
for task_ in legacy:
    [speak, film] >> task_
"""
EVERYWHERE = f"{V1}{V1_END}{LEGACY}"
"""What has a path of the first API, which is what gateways hand on."""


@pytest.fixture
def kling_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator that answers like the host the test is for."""
    with Emulator(speed=100, dialect=request.param) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.mark.parametrize(
    ("body", "kling_emulator"),
    [(OFFICIAL, Dialect.KLING), (EVERYWHERE, Dialect.COMETAPI), (EVERYWHERE, Dialect.GATEWAY)],
    ids=["official", "cometapi", "gateway"],
    indirect=["kling_emulator"],
)
def test_it_runs(run: Callable[[str], Outcome], body: str, kling_emulator: Emulator) -> None:
    states, values = run(body)
    assert set(states.values()) == {"success"}, states
    ran = {task_id: value for task_id, value in values.items() if "endpoint" in value}
    for task_id, value in ran.items():
        # A series has an array of its own.
        assert value.get(ENDPOINTS[value["endpoint"]].result) or value.get("series_images"), (task_id, value)
    seen = sorted({value["endpoint"] for value in ran.values()})
    host = kling_emulator.options.dialect.value
    assert seen == json.loads(RAN.read_text())[host], (
        f"{RAN.name}, of which the README tells, is stale: {seen}"
    )


def test_every_endpoint_is_in_one_of_the_dags() -> None:
    from airflow_provider_kling.operators import audio, avatar, image, library, solutions, video2
    from airflow_provider_kling.operators import video as video_operators

    named = {
        operator.endpoint.slug
        for module in (audio, avatar, image, library, solutions, video2, video_operators)
        for name, operator in vars(module).items()
        if f"{name}(" in OFFICIAL + EVERYWHERE
    }
    assert set(ENDPOINTS) <= named
