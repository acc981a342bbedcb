# SPDX-License-Identifier: Apache-2.0
"""Warnings instead of errors: unknown and retired models, fields without effect."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.models import MODELS as TABLE
from airflow_provider_kling.api.models import active_models
from airflow_provider_kling.api.requests.avatar import LipSync
from airflow_provider_kling.api.requests.base import KlingRequest
from airflow_provider_kling.api.requests.image import (
    ImageGeneration,
    MultiImageToImage,
    OmniImage,
    VirtualTryOn,
)
from airflow_provider_kling.api.requests.library import CustomElement
from airflow_provider_kling.api.requests.omni_video import OmniVideo
from airflow_provider_kling.api.requests.rules import TEMPLATED, Rule
from airflow_provider_kling.api.requests.solutions import ClothingDupe, GoodsStudio
from airflow_provider_kling.api.requests.speech_solutions import DramaSubtitle, TalkingAgent
from airflow_provider_kling.api.requests.video import ImageToVideo, MultiImageToVideo, TextToVideo
from airflow_provider_kling.api.requests.video_editing import (
    MotionControl,
    MultiElements,
    VideoEffects,
    VideoExtend,
)
from airflow_provider_kling.api.requests.video_v2 import (
    ImageToVideo2,
    MotionControl2,
    OmniVideo2,
    TextToVideo2,
)
from tests.unit.api.cases import ACCEPTED, MODELS
from tests.unit.api.cases.api2 import motion2, omni2, picture2, text2
from tests.unit.api.cases.audio import FILM, VIEWS, element
from tests.unit.api.cases.common import AUDIO_URL, IMAGE_URL, VIDEO, mask, shots
from tests.unit.api.cases.edit import edit, motion
from tests.unit.api.cases.faces import sound, words
from tests.unit.api.cases.generation import (
    CUSTOM,
    SIMPLE_CAMERA,
    V1_CAMERA,
    V15,
    VOICES,
    image_case,
    several,
    text,
)
from tests.unit.api.cases.images import image, merge
from tests.unit.api.cases.omni import BASE, omni
from tests.unit.api.cases.solutions import clothes, drama, goods, person, speech

INTELLIGENT = {"multi_shot": True, "shot_type": "intelligence"}
NEW = {"model_name": "kling-v9"}

IDLE_CAMERA = {"type": "down_back", "config": {"pan": 0, "zoom": 0}}
ADVISED: list[tuple[type[KlingRequest], dict[str, Any], str]] = [
    (TextToVideo, text(**NEW), "'kling-v9' is unknown to this version"),
    (TextToVideo, text(model_name="kling-3.0"), "v1 calls this model 'kling-v3'"),
    (
        TextToVideo,
        text(model_name="kling-3.0-turbo"),
        "API 2.0, not to the /v1/ paths used here: see text-to-video and image-to-video",
    ),
    (TextToVideo, text(model_name="kling-v1"), "retired by Kling on 2026-09-15"),
    (TextToVideo, text(**CUSTOM, multi_prompt=shots(5)), "prompt has no effect"),
    (TextToVideo, text(**INTELLIGENT, multi_prompt=shots(5)), "multi_prompt has no effect"),
    (OmniImage, image(model_name="kling-v3-omni", series_amount=2), "series_amount has no effect"),
    (
        CustomElement,
        element("image_refer", element_image_list=VIEWS, element_video_list=FILM),
        "element_video_list has no effect",
    ),
    (TextToVideo, text(cfg_scale=0.3), "cfg_scale has no effect: kling-v3 ignores it"),
    (TextToVideo, text(model_name="kling-v1", camera_control=IDLE_CAMERA), "config has no effect"),
    (ImageToVideo, {**V15, "camera_control": IDLE_CAMERA}, "config has no effect"),
    (TextToVideo, text(sound="on", voice_list=VOICES), "without an image"),
    (ImageToVideo, image_case(**NEW), "is unknown"),
    (ImageToVideo, image_case(model_name="kling-v2-1"), "instead: kling-v3"),
    (ImageToVideo, image_case(**CUSTOM, multi_prompt=shots(5), prompt="x"), "prompt has no effect"),
    (
        ImageToVideo,
        image_case(**INTELLIGENT, multi_prompt=shots(5), prompt="x"),
        "multi_prompt has no effect",
    ),
    (ImageToVideo, image_case(cfg_scale=0.3), "cfg_scale has no effect"),
    (MultiImageToVideo, several(), "kling-v3-omni at videos/omni-video"),
    (MultiImageToVideo, several(**NEW), "is unknown"),
    (OmniVideo, omni(**NEW), "is unknown"),
    (OmniVideo, omni(**NEW, **CUSTOM, multi_prompt=shots(5)), "prompt has no effect"),
    (OmniVideo, omni(**NEW, **INTELLIGENT, multi_prompt=shots(5)), "multi_prompt has no effect"),
    (OmniVideo, omni(video_list=BASE, duration=5), "duration has no effect"),
    (MotionControl, motion(**NEW), "is unknown"),
    (MultiElements, edit("swap", 1, **NEW), "is unknown"),
    (MultiElements, edit("swap", 1, model_name="kling-v1-6"), "leave model_name unset"),
    (VideoExtend, {"video_id": "8"}, "retired on 2026-09-15"),
    (VideoEffects, {"effect_scene": "tiger_hug", "input": {"image": IMAGE_URL}}, "2026-01-30"),
    (VideoEffects, {"effect_scene": "hug_pro", "input": {"image": IMAGE_URL}}, "two images"),
    (ImageGeneration, image(**NEW), "is unknown"),
    (ImageGeneration, image(model_name="kling-v2"), "retired"),
    (
        ImageGeneration,
        image(model_name="kling-v2-1", image=IMAGE_URL, human_fidelity=0.5, image_reference="face"),
        "human_fidelity has no effect",
    ),
    (OmniImage, image(**NEW), "is unknown"),
    (OmniImage, image(model_name="kling-v3-omni", result_type="series", n=2), "n has no effect"),
    (MultiImageToImage, merge(1, **NEW), "is unknown"),
    (MultiImageToImage, merge(1, model_name="kling-v2"), "instead: kling-v2-1"),
    (VirtualTryOn, {"human_image": IMAGE_URL}, "instead: solutions/virtual_try_on"),
    (TextToVideo2, text2(model_name="kling-4"), "'kling-4' is unknown to this version"),
    (ImageToVideo2, picture2(model_name="kling-4"), "is unknown"),
    (OmniVideo2, omni2(model_name="kling-4"), "is unknown"),
    (OmniVideo2, omni2(base_video=VIDEO, duration=5), "duration has no effect"),
    (MotionControl2, motion2(model_name="kling-4"), "is unknown"),
    (VirtualTryOn, {"human_image": IMAGE_URL, **NEW}, "is unknown"),
    (
        MotionControl,
        motion(model_name="kling-v3", element_list=[{"element_id": 1}], character_orientation="image"),
        "character_orientation has no effect with element_list",
    ),
    (
        MotionControl2,
        motion2(elements=[{"element_id": "1", "id": "a"}]),
        "character_orientation has no effect with elements",
    ),
    (TextToVideo2, text2(prompt="shot 1, 2, a boat; shot 2, 2, a gull;"), "add up to 4, duration is 5"),
    (
        TextToVideo2,
        text2(prompt="shot 1, 5, a boat; shot 2, 5, a gull", duration=15),
        "their seconds add up to 10, duration is 15",
    ),
    (TextToVideo2, text2(prompt="shot 1, 0, a boat; shot 2, 5, a gull"), "shot 1 is shorter than 1 s"),
    (
        TextToVideo2,
        text2(prompt=";".join(f"shot {n}, 1, a" for n in range(1, 8)), duration=7),
        "7 shots, at most 6 are possible",
    ),
    (
        ImageToVideo2,
        picture2(prompt=f"Shot 1, 3, {'x' * 513}; shot 2, 2, y", duration=5),
        "shot 1 has more than 512 characters",
    ),
    (OmniVideo2, omni2(prompt="shot 1, 1, a"), "their seconds add up to 1, duration is 5"),
    (ClothingDupe, clothes(voice="new_voice"), "voice 'new_voice' is not in the documented list of voices"),
    (TalkingAgent, speech(avatar_id="somebody"), "avatar_id 'somebody' is not in the documented list"),
    (TalkingAgent, person(voice_id="sweet"), "voice_id 'sweet' is not in the documented list of voices"),
    (DramaSubtitle, drama(target_language="fr"), "target_language 'fr' is not in the documented list"),
    (OmniImage, image(model_name="kling-v3-omni", aspect_ratio="auto"), "only with image_list"),
    (OmniVideo, omni(video_list=BASE, duration="15"), "duration has no effect"),
    (LipSync, sound(text="x"), "text has no effect unless mode is text2video"),
    (LipSync, sound(voice_id="v"), "voice_id has no effect"),
    (LipSync, sound(voice_language="en"), "voice_language has no effect"),
    (LipSync, sound(voice_speed=1), "voice_speed has no effect"),
    (LipSync, words(audio_type="url"), "audio_type has no effect unless mode is audio2video"),
    (LipSync, sound(audio_file="SUQz"), "mode is audio2video and audio_type is file"),
    (LipSync, words(audio_url=AUDIO_URL), "mode is audio2video and audio_type is url"),
]

MISPLACED: list[tuple[type[KlingRequest], dict[str, Any], str]] = [
    (
        TextToVideo,
        text(model_name="kling-video-o1"),
        "is of videos/omni-video; use kling-v3, kling-v2-6 or kling-v2-5-turbo here; it is a model of "
        "videos/omni-video, not of videos/text2video",
    ),
    (
        ImageToVideo,
        image_case(model_name="kling-v3-omni"),
        "is of videos/omni-video; use kling-v3, kling-v2-6",
    ),
    (MultiImageToVideo, several(model_name="kling-v2-6"), "not of videos/multi-image2video"),
    (OmniVideo, omni(model_name="kling-v3"), "not of videos/omni-video"),
    (MotionControl, motion(model_name="kling-v2-5-turbo"), "not of videos/motion-control"),
    (MultiElements, edit("swap", 1, model_name="kling-v3"), "not of videos/multi-elements"),
    (
        ImageGeneration,
        image(model_name="kling-v3-omni"),
        "is of images/omni-image; use kling-v3 or kling-v2-1 here",
    ),
    (OmniImage, image(model_name="kling-v3"), "not of images/omni-image"),
    (MultiImageToImage, merge(1, model_name="kling-v3"), "not of images/multi-image2image"),
    (VirtualTryOn, {"human_image": IMAGE_URL, "model_name": "kling-v3"}, "not of images/kolors"),
]
"""Models that Kling has elsewhere. A gateway may route them, as CometAPI says of multi-image2video."""

TAIL = {"image_tail": IMAGE_URL}
BEYOND_RETIRED: list[tuple[type[KlingRequest], dict[str, Any], str]] = [
    # CometAPI recommends this model and documents mode std and pro.
    (
        ImageToVideo,
        image_case(model_name="kling-v2-master", mode="std"),
        "kling-v2-master does not accept mode",
    ),
    (TextToVideo, text(model_name="kling-v2-master", mode="std"), "kling-v2-master does not accept mode"),
    (TextToVideo, text(model_name="kling-v1-6", duration=7), "accepts duration 5 or 10"),
    (TextToVideo, text(model_name="kling-v1-6", sound="on"), "cannot use sound='on'"),
    (TextToVideo, text(model_name="kling-v1-6", camera_control=SIMPLE_CAMERA), "cannot use camera_control"),
    (TextToVideo, text(**V1_CAMERA, mode="pro"), "only with mode std"),
    (TextToVideo, text(**V1_CAMERA, duration=10), "only with duration 5"),
    (
        ImageToVideo,
        image_case(model_name="kling-v2-1", voice_list=VOICES, sound="on"),
        "cannot use voice_list",
    ),
    (ImageToVideo, image_case(model_name="kling-v2-master", **TAIL), "cannot use image_tail"),
    (ImageToVideo, image_case(model_name="kling-v1", **TAIL, duration=10), "only with duration 5"),
    (ImageToVideo, {**TAIL, "model_name": "kling-v1-6"}, "only with mode pro"),
    (ImageToVideo, {**V15, "static_mask": IMAGE_URL, "mode": "std"}, "only with mode pro"),
    (ImageToVideo, {**V15, "static_mask": IMAGE_URL, "duration": "10"}, "only with duration 5"),
    (ImageToVideo, {**V15, "dynamic_masks": [mask()], "mode": "std"}, "only with mode pro"),
    (ImageToVideo, {**V15, "dynamic_masks": [mask()], "duration": "10"}, "only with duration 5"),
    (ImageToVideo, {**V15, "camera_control": SIMPLE_CAMERA, "mode": "std"}, "only with mode pro"),
    (ImageToVideo, {**V15, "camera_control": SIMPLE_CAMERA, "duration": 10}, "only with duration 5"),
    (ImageToVideo, image_case(model_name="kling-v1-6", **TAIL, mode="std"), "only with mode pro"),
    (ImageToVideo, {**V15, "camera_control": {"type": "down_back"}}, "camera_control.type simple"),
    (
        ImageGeneration,
        image(model_name="kling-v2", image=IMAGE_URL, image_fidelity=1),
        "cannot use image_fid",
    ),
]
"""What a retired model could not do at Kling: a gateway that still has it may do more."""

ADVISED += MISPLACED + BEYOND_RETIRED


def test_a_gateway_may_have_a_misplaced_model() -> None:
    (advice, *_) = MultiImageToVideo.model_validate(several(model_name="kling-v3")).warnings()
    assert advice.endswith("a gateway may have it here, too")


def test_what_is_a_template_stays_out_of_a_retired_models_advice() -> None:
    body = {"model_name": "kling-v1-6", "mode": "4k", "duration": TEMPLATED, "sound": "on"}
    (beyond,) = [words for words in TextToVideo.model_validate(text(**body)).warnings() if "accepts" in words]
    assert "accepts mode std or pro" in beyond
    assert "cannot use sound" in beyond
    assert "duration" not in beyond


QUIET: list[tuple[type[KlingRequest], dict[str, Any]]] = [
    (TextToVideo, text(duration=15, sound="on", mode="4k")),
    (TextToVideo, text(model_name="kling-v2-5-turbo")),
    (ImageToVideo, image_case(image_tail=IMAGE_URL, prompt="turns")),
    (OmniVideo, omni()),
    (OmniVideo, omni(video_list=[{"video_url": VIDEO, "refer_type": "feature"}], duration=7)),
    (MotionControl, motion()),
    (MultiElements, edit("swap", 1)),
    (VideoEffects, {"effect_scene": "hug_pro", "input": {"images": [IMAGE_URL] * 2}}),
    (ImageGeneration, image()),
    (OmniImage, image(n=3)),
    (TextToVideo2, text2(prompt="shot 1, 3, a boat; shot 2, 2, a gull looks down;", duration=5)),
    (TextToVideo2, text2(prompt="shot 1, 9, a", model_name="kling-2.6")),
    (TextToVideo2, text2(prompt="shot 1, 9, a", model_name="kling-3.0", multi_shot=False)),
    (TextToVideo2, text2(prompt="A shot of 3, 4 boats; one is red")),
    (TextToVideo2, text2(prompt=f"shot 1, 5, {'x' * 512}")),
    (OmniVideo2, omni2(prompt="shot 1, 9, a", base_video=VIDEO)),
    (GoodsStudio, goods()),
    (ClothingDupe, clothes(voice="calm_sales_man")),
    (TalkingAgent, person()),
    (DramaSubtitle, drama(target_language="en")),
    (MultiImageToImage, merge(2)),
]


@pytest.mark.parametrize(("model", "body", "text"), ADVISED)
def test_advice(model: type[KlingRequest], body: dict[str, Any], text: str) -> None:
    assert any(text in advice for advice in model.model_validate(body).warnings())


@pytest.mark.parametrize(("model", "body"), QUIET)
def test_no_advice(model: type[KlingRequest], body: dict[str, Any]) -> None:
    assert model.model_validate(body).warnings() == []


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        pytest.param(model, hint, id=f"{model.__name__}-{hint.text}")
        for model in MODELS
        for hint in model.warning_rules
    ],
)
def test_every_hint_can_be_heard(model: type[KlingRequest], hint: Rule) -> None:
    assert any(hint.violation(model.model_validate(body)) for advised, body, _ in ADVISED if advised is model)


@pytest.mark.parametrize("slug", list(TABLE))
def test_default_model_is_known_and_lives_where_any_does(slug: str) -> None:
    default = ENDPOINTS[slug].request.model_fields["model_name"].default
    if slug == "videos/multi-elements":
        assert default is None
    elif active_models(slug):
        assert default in active_models(slug)
    else:
        assert default == next(iter(TABLE[slug]))


@pytest.mark.parametrize("slug", list(TABLE))
def test_model_table_is_complete(slug: str) -> None:
    fields = ENDPOINTS[slug].request.model_fields
    for model in TABLE[slug].values():
        assert bool(model.retired) == bool(model.successor)
        assert set(model.allowed) <= set(fields)


@pytest.mark.parametrize("slug", [slug for slug in TABLE if slug != "videos/multi-elements"])
def test_model_name_is_always_sent(slug: str) -> None:
    endpoint = ENDPOINTS[slug]
    case = next(case for case in ACCEPTED if case.model is endpoint.request)
    for unset in ({}, {"model_name": None}, {"model_name": ""}):
        body = {name: value for name, value in case.body.items() if name != "model_name"}
        wire = endpoint.request.model_validate({**body, **unset}).wire()
        assert wire["model_name"] == endpoint.request.model_fields["model_name"].default


@pytest.mark.parametrize("case", [case for case in ACCEPTED if "model_name" in case.model.model_fields][:20])
def test_unknown_models_may_do_what_known_ones_cannot(case: Any) -> None:
    request = case.model.model_validate({**case.body, "model_name": "kling-v9"})
    assert any("is unknown" in advice for advice in request.warnings())
