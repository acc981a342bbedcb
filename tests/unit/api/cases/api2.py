# SPDX-License-Identifier: Apache-2.0
"""Bodies of API 2.0 and of the solutions."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.solutions import VirtualTryOn2
from airflow_provider_kling.api.requests.video_v2 import (
    ImageToVideo2,
    MotionControl2,
    OmniVideo2,
    TextToVideo2,
)

from .common import IMAGE_URL, LONG, OTHER_IMAGE_URL, VIDEO, Accepted, Refused

V3, V26, V25, O1 = "kling-3.0", "kling-2.6", "kling-2.5-turbo", "kling-o1"
ANNA = {"element_id": 163, "id": "anna"}
SWEET = {"voice_id": "829", "id": "sweet"}
NAMED = {"url": IMAGE_URL, "id": "coat"}


def text2(**values: Any) -> dict[str, Any]:
    return {"prompt": "a boat", **values}


def picture2(**values: Any) -> dict[str, Any]:
    return {"first_frame": IMAGE_URL, **values}


def omni2(**values: Any) -> dict[str, Any]:
    return {"prompt": "they dance", **values}


def motion2(**values: Any) -> dict[str, Any]:
    return {"image": IMAGE_URL, "video": VIDEO, "character_orientation": "image", **values}


def dress2(**values: Any) -> dict[str, Any]:
    return {"person_image": IMAGE_URL, "product_image": OTHER_IMAGE_URL, **values}


ACCEPTED = [
    Accepted(TextToVideo2, text2()),
    Accepted(TextToVideo2, text2(duration="15", resolution="1080p", aspect_ratio="9:16", prompt="x" * 3072)),
    Accepted(TextToVideo2, text2(model_name=V3, audio="native", resolution="4k", multi_shot=False)),
    Accepted(TextToVideo2, text2(model_name=V3, audio=False, duration=7.0)),
    Accepted(TextToVideo2, text2(model_name=V26, audio="native", resolution="1080p", duration=10)),
    Accepted(TextToVideo2, text2(model_name=V25, external_task_id="night-7/shot#2")),
    Accepted(ImageToVideo2, picture2()),
    Accepted(ImageToVideo2, picture2(prompt="", last_frame="", watermark_info={"enabled": True})),
    Accepted(
        ImageToVideo2, picture2(model_name=V3, last_frame=OTHER_IMAGE_URL, elements=[ANNA], prompt="@anna")
    ),
    Accepted(
        ImageToVideo2,
        picture2(model_name=V26, voices=[SWEET], audio="native", resolution="1080p", prompt="@sweet speaks"),
    ),
    Accepted(ImageToVideo2, picture2(model_name=V25, last_frame=OTHER_IMAGE_URL, resolution="1080p")),
    Accepted(OmniVideo2, omni2()),
    Accepted(OmniVideo2, {"refer_images": [IMAGE_URL, NAMED]}),
    Accepted(
        OmniVideo2, omni2(first_frame=NAMED, last_frame=OTHER_IMAGE_URL, elements=[ANNA], audio="native")
    ),
    Accepted(OmniVideo2, omni2(feature_video={"url": VIDEO, "id": "dance"}, multi_shot=True, audio="off")),
    Accepted(OmniVideo2, omni2(base_video=VIDEO, audio="original", refer_images=[IMAGE_URL] * 4)),
    Accepted(OmniVideo2, omni2(model_name=O1, first_frame=IMAGE_URL, duration=10)),
    Accepted(OmniVideo2, omni2(model_name=O1, refer_images=[IMAGE_URL], duration=4)),
    Accepted(OmniVideo2, omni2(model_name=O1, base_video=VIDEO, duration=15)),
    Accepted(MotionControl2, motion2()),
    Accepted(MotionControl2, motion2(elements=[ANNA], prompt="@anna", audio=False, resolution="1080p")),
    Accepted(MotionControl2, motion2(model_name=V26, character_orientation="video", audio="original")),
    Accepted(VirtualTryOn2, dress2()),
    Accepted(VirtualTryOn2, dress2(keep_face=False, watermark={"enabled": True}, external_task_id="a")),
]

REFUSED = [
    Refused(TextToVideo2, text2(prompt=""), "prompt"),
    Refused(TextToVideo2, text2(prompt="x" * 3073), "at most 3072"),
    Refused(TextToVideo2, text2(prompt=LONG, model_name=V26), "2,500 characters with kling-2.6; it has 2501"),
    Refused(TextToVideo2, text2(duration=2), "greater than or equal to 3"),
    Refused(TextToVideo2, text2(duration="5.5"), "duration"),
    Refused(TextToVideo2, text2(duration=7, model_name=V26), "accepts duration 5 or 10"),
    Refused(TextToVideo2, text2(resolution="4k"), "accepts resolution 720p or 1080p; given: 4k"),
    Refused(TextToVideo2, text2(audio="native"), "kling-3.0-turbo does not accept audio"),
    Refused(TextToVideo2, text2(audio="native", model_name=V26), "only with resolution 1080p"),
    Refused(TextToVideo2, text2(audio="native", model_name=V25), "does not accept audio"),
    Refused(TextToVideo2, text2(multi_shot=False), "does not accept multi_shot"),
    Refused(TextToVideo2, text2(model_name="kling-v3"), "'kling-v3' is v1's name of 'kling-3.0'"),
    Refused(TextToVideo2, text2(model_name=O1), "is a model of omni-video, not of text-to-video"),
    Refused(TextToVideo2, text2(model_name="kling-3.0/../../account"), "pattern"),
    Refused(TextToVideo2, text2(external_task_id="a,b"), "external_task_id"),
    Refused(TextToVideo2, text2(aspect_ratio="4:3"), "aspect_ratio"),
    Refused(TextToVideo2, text2(negative_prompt="rain"), "negative_prompt is not a field"),
    Refused(ImageToVideo2, {"prompt": "a boat"}, "first_frame is required"),
    Refused(ImageToVideo2, picture2(last_frame=OTHER_IMAGE_URL), "kling-3.0-turbo cannot use last_frame"),
    Refused(ImageToVideo2, picture2(last_frame=IMAGE_URL, model_name=V25), "last_frame only with resolution"),
    Refused(ImageToVideo2, picture2(elements=[ANNA]), "cannot use elements"),
    Refused(
        ImageToVideo2, picture2(elements=[{"element_id": 1}], model_name=V3), "elements[0].id is required"
    ),
    Refused(ImageToVideo2, picture2(elements=[ANNA] * 4, model_name=V3), "at most 3"),
    Refused(ImageToVideo2, picture2(elements=[ANNA] * 2, model_name=V3), "each id must be unique"),
    Refused(ImageToVideo2, picture2(voices=[SWEET], model_name=V26), "voices only with audio native"),
    Refused(ImageToVideo2, picture2(voices=[SWEET]), "cannot use voices"),
    Refused(ImageToVideo2, picture2(audio="native"), "does not accept audio"),
    Refused(ImageToVideo2, picture2(audio="native", model_name=V26), "only with resolution 1080p"),
    Refused(ImageToVideo2, picture2(resolution="4k"), "accepts resolution"),
    Refused(ImageToVideo2, picture2(multi_shot=True, model_name=V26), "does not accept multi_shot"),
    Refused(ImageToVideo2, picture2(duration=6, model_name=V25), "accepts duration 5 or 10"),
    Refused(ImageToVideo2, picture2(prompt=LONG, model_name=V25), "2,500 characters"),
    Refused(ImageToVideo2, picture2(prompt=LONG), "2,500 characters with kling-3.0-turbo; it has 2501"),
    Refused(ImageToVideo2, picture2(model_name="kling-v2-6"), "v1's name of 'kling-2.6'"),
    Refused(OmniVideo2, {}, "at least one of prompt"),
    Refused(OmniVideo2, omni2(last_frame=IMAGE_URL), "last_frame needs first_frame"),
    Refused(OmniVideo2, omni2(first_frame={"id": "a"}), "first_frame.url is required"),
    Refused(
        OmniVideo2, omni2(feature_video=VIDEO, base_video=VIDEO), "only one of feature_video or base_video"
    ),
    Refused(
        OmniVideo2, omni2(base_video=VIDEO, first_frame=IMAGE_URL), "only one of base_video or first_frame"
    ),
    Refused(OmniVideo2, omni2(refer_images=[IMAGE_URL] * 5, base_video=VIDEO), "4 entries together with a"),
    Refused(OmniVideo2, omni2(refer_images=[IMAGE_URL] * 8), "at most 7"),
    Refused(
        OmniVideo2,
        omni2(first_frame=IMAGE_URL, elements=[{"element_id": n, "id": str(n)} for n in (1, 2, 3, 4)]),
        "3 entries next to a first_frame",
    ),
    Refused(OmniVideo2, omni2(feature_video=VIDEO, audio="native"), "audio must be off"),
    Refused(OmniVideo2, omni2(base_video=VIDEO, audio="native"), "original or off"),
    Refused(OmniVideo2, omni2(feature_video=VIDEO, multi_shot=False), "cannot be false"),
    Refused(OmniVideo2, omni2(base_video=VIDEO, multi_shot=True), "cannot be true"),
    Refused(
        OmniVideo2,
        omni2(model_name=O1, first_frame=IMAGE_URL, last_frame=IMAGE_URL, elements=[ANNA]),
        "with a last_frame",
    ),
    Refused(
        OmniVideo2, omni2(model_name=O1, first_frame=IMAGE_URL, duration=6), "5 or 10 s from a first_frame"
    ),
    Refused(OmniVideo2, omni2(refer_images=[NAMED, NAMED]), "each id must be unique"),
    Refused(OmniVideo2, omni2(model_name=O1, resolution="4k"), "accepts resolution"),
    Refused(OmniVideo2, omni2(model_name=O1, duration=11), "accepts duration 3 to 10"),
    Refused(OmniVideo2, omni2(model_name=O1, audio="native"), "accepts audio original or off"),
    Refused(OmniVideo2, omni2(model_name=O1, multi_shot=True), "does not accept multi_shot"),
    Refused(OmniVideo2, omni2(model_name=O1, prompt=LONG), "2,500 characters"),
    Refused(OmniVideo2, omni2(model_name=V3), "is a model of text-to-video, image-to-video"),
    Refused(MotionControl2, {"image": IMAGE_URL}, "video is required"),
    Refused(MotionControl2, motion2(elements=[ANNA], model_name=V26), "cannot use elements"),
    Refused(MotionControl2, motion2(elements=[ANNA, SWEET]), "elements"),
    Refused(MotionControl2, motion2(model_name="kling-v3"), "v1's name"),
    Refused(MotionControl2, motion2(audio="native"), "audio"),
    Refused(MotionControl2, motion2(duration=5), "duration is not a field"),
    Refused(VirtualTryOn2, {"person_image": IMAGE_URL}, "product_image is required"),
    Refused(VirtualTryOn2, dress2(keep_face="maybe"), "keep_face"),
]
