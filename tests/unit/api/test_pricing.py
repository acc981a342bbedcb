# SPDX-License-Identifier: Apache-2.0
"""Estimates follow the vendor's price list to the last digit, or say that nothing is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.pricing import USD_PER_UNIT, amount_of, estimate, unit_type
from tests.unit.api.cases import ACCEPTED
from tests.unit.api.cases.api2 import SWEET, dress2, motion2, omni2, picture2, text2
from tests.unit.api.cases.audio import SPEECH, VIEWS, element
from tests.unit.api.cases.common import IMAGE_URL, VIDEO
from tests.unit.api.cases.edit import edit, motion
from tests.unit.api.cases.faces import avatar, face, sound, words
from tests.unit.api.cases.generation import VOICES, image_case, several, text
from tests.unit.api.cases.images import ITEM, expand, image, merge
from tests.unit.api.cases.omni import BASE, FEATURE, REFERENCE, omni
from tests.unit.api.cases.solutions import drama, goods

V26 = {"model_name": "kling-v2-6", "mode": "pro"}
V3_OMNI = {"model_name": "kling-v3-omni"}
SPEAKING = {"sound": "on", "voice_list": VOICES}
SWEETLY = {"model_name": "kling-2.6", "voices": [SWEET], "audio": "native", "resolution": "1080p"}
T2V, I2V, OMNI = "videos/text2video", "videos/image2video", "videos/omni-video"
MOTION, AVATAR = "videos/motion-control", "videos/avatar/image2video"
IMAGES, OMNI_IMAGE = "images/generations", "images/omni-image"


@pytest.mark.parametrize(
    ("slug", "body", "seconds", "units"),
    [
        (T2V, text(), None, "3.0"),
        (T2V, text(mode="pro", duration=15), None, "12.0"),
        (T2V, text(mode="4k", duration=3), None, "9.0"),
        (T2V, text(sound="on"), None, "4.5"),
        (T2V, text(sound="on", mode="pro"), None, "6.0"),
        (T2V, text(model_name="kling-v2-6"), None, "1.5"),
        (T2V, text(**V26), None, "2.5"),
        (T2V, text(**V26, sound="on", duration=10), None, "10.0"),
        (T2V, text(model_name="kling-v2-5-turbo", mode="pro", duration=10), None, "5.0"),
        (T2V, text(model_name="kling-v1"), None, "1.0"),
        (T2V, text(model_name="kling-v1", mode="pro", duration=10), None, "7.0"),
        (T2V, text(model_name="kling-v2-master", duration=10), None, "20.0"),
        (T2V, text(model_name="kling-v9"), None, None),
        # The dearer price of voices holds only where the prompt has one speak.
        (T2V, text(**SPEAKING), None, "4.5"),
        (I2V, image_case(**V26, **SPEAKING, prompt="she <<<voice_1>>> says hello"), None, "6.0"),
        (I2V, image_case(**V26, **SPEAKING, prompt="she says hello"), None, "5.0"),
        (I2V, image_case(**SPEAKING, prompt="she <<<voice_1>>> says hello"), None, None),
        (I2V, image_case(model_name="kling-v2-1", mode="pro"), None, "3.5"),
        ("videos/multi-image2video", several(), None, "2.0"),
        ("videos/multi-image2video", several(mode="pro", duration=10), None, "7.0"),
        ("videos/multi-image2video", several(model_name="kling-v9"), None, None),
        ("videos/multi-elements", edit("swap", 1), None, "3.0"),
        # A charge that was seen: three seconds of kling-3.0-turbo, 2.4 units.
        ("text-to-video", text2(duration=3), None, "2.4"),
        ("text-to-video", text2(resolution="1080p", duration=15), None, "15.0"),
        ("text-to-video", text2(model_name="kling-3.0", audio="native"), None, "4.5"),
        ("text-to-video", text2(model_name="kling-3.0", resolution="4k"), None, "15.0"),
        ("text-to-video", text2(model_name="kling-4"), None, None),
        ("image-to-video", picture2(model_name="kling-2.5-turbo", duration=10), None, "3.0"),
        ("image-to-video", picture2(**SWEETLY), None, "5.0"),
        ("image-to-video", picture2(**SWEETLY, prompt="@sweet says hello"), None, "6.0"),
        ("omni-video", omni2(), None, "3.0"),
        ("omni-video", omni2(audio="native", resolution="1080p"), None, "5.0"),
        ("omni-video", omni2(feature_video=VIDEO, duration=4), None, "3.6"),
        ("omni-video", omni2(base_video=VIDEO, audio="original"), 7.6, "7.2"),
        ("omni-video", omni2(base_video=VIDEO), None, None),
        ("omni-video", omni2(model_name="kling-o1", resolution="1080p"), None, "4.0"),
        ("motion-control", motion2(), 4, "3.6"),
        ("motion-control", motion2(model_name="kling-2.6", resolution="1080p"), 4, "3.2"),
        ("motion-control", motion2(), None, None),
        ("solutions/virtual_try_on", dress2(), None, None),
        ("solutions/e-commerce/goods_studio", goods(), 15, None),
        ("solutions/drama_subtitle", drama(), 60, None),
        ("videos/multi-elements", edit("swap", 1, mode="pro", duration=10), None, "10.0"),
        # A charge that was seen: three seconds of silence, 1.8 units.
        (OMNI, omni(mode="std", duration=3, image_list=[REFERENCE]), None, "1.8"),
        (OMNI, omni(), None, "4.0"),
        (OMNI, omni(**V3_OMNI, sound="on", mode="std"), None, "4.0"),
        (OMNI, omni(**V3_OMNI, mode="4k"), None, "15.0"),
        (OMNI, omni(**V3_OMNI, video_list=FEATURE, duration=4), None, "4.8"),
        (OMNI, omni(video_list=BASE), None, None),
        (OMNI, omni(video_list=BASE, mode="std"), Decimal("7.4"), "6.3"),
        (OMNI, omni(model_name="kling-v9"), None, None),
        (MOTION, motion(), None, None),
        (MOTION, motion(), 10, "5.0"),
        (MOTION, motion(model_name="kling-v3", mode="pro"), Decimal("9.5"), "12.0"),
        (MOTION, motion(model_name="kling-v9"), 10, None),
        (AVATAR, avatar(), None, None),
        # An observed charge: audio of 11.3 s, 4.4 units.
        (AVATAR, avatar(), Decimal("11.3"), "4.4"),
        (AVATAR, avatar(mode="pro"), 10, "8.0"),
        ("videos/avatar", {"image": IMAGE_URL, "audio_url": VIDEO}, 10, None),
        ("videos/lip-sync", words(), None, None),
        ("videos/lip-sync", sound(), 5, "0.5"),
        # Only the selected part of the audio counts: of a file, and of an audio that is known by its id.
        ("videos/advanced-lip-sync", face(sound_end_time=3000), 40, "0.5"),
        ("videos/advanced-lip-sync", face(sound_start_time=1000, sound_end_time=6100), Decimal(40), "1.0"),
        ("videos/advanced-lip-sync", face(sound_end_time=60_000), Decimal("5.1"), "1.0"),
        ("videos/advanced-lip-sync", face(sound_end_time=3000), None, "0.5"),
        ("videos/identify-face", {"video_id": "8"}, None, "0.05"),
        ("videos/image-recognize", {"image": IMAGE_URL}, None, "0.1"),
        ("videos/video-extend", {"video_id": "8"}, None, None),
        ("videos/effects", {"effect_scene": "x", "input": {"image": IMAGE_URL}}, None, None),
        ("audio/tts", SPEECH, None, "0.05"),
        ("audio/text-to-audio", {"prompt": "rain", "duration": 5}, None, "0.25"),
        ("audio/video-to-audio", {"video_id": "8"}, None, "0.25"),
        ("general/custom-voices", {"voice_name": "Ann", "video_id": "8"}, None, "0.05"),
        ("general/advanced-custom-elements", element("image_refer", element_image_list=VIEWS), None, "0"),
        ("general/ai-multi-shot", {"element_frontal_image": IMAGE_URL}, None, "20"),
        (IMAGES, image(), None, "8"),
        (IMAGES, image(n=3, image=IMAGE_URL), None, "24"),
        (IMAGES, image(model_name="kling-v2-1", n=9), None, "36"),
        (IMAGES, image(model_name="kling-v2-1", image=IMAGE_URL), None, "8"),
        (IMAGES, image(model_name="kling-v1"), None, None),
        (OMNI_IMAGE, image(image_list=[ITEM], n=2), None, "16"),
        (OMNI_IMAGE, image(**V3_OMNI, resolution="4k"), None, "16"),
        (OMNI_IMAGE, image(**V3_OMNI, result_type="series"), None, "32"),
        (OMNI_IMAGE, image(**V3_OMNI, result_type="series", series_amount=9), None, "72"),
        (OMNI_IMAGE, image(**V3_OMNI, result_type="series", series_amount="auto"), None, None),
        (OMNI_IMAGE, image(model_name="kling-v9"), None, None),
        ("images/multi-image2image", merge(2, n=2), None, "32"),
        ("images/multi-image2image", merge(2, model_name="kling-v2"), None, None),
        ("images/editing/expand", expand(0, 0, 0, 1, n=2), None, "16"),
        ("images/kolors-virtual-try-on", {"human_image": IMAGE_URL}, None, None),
    ],
)
def test_estimate(slug: str, body: dict[str, Any], seconds: Any, units: str | None) -> None:
    endpoint = ENDPOINTS[slug]
    found = estimate(endpoint, endpoint.request.model_validate(body), seconds=seconds)
    assert found == (None if units is None else Decimal(units))
    assert found is None or isinstance(found, Decimal)


def test_every_accepted_body_can_be_estimated() -> None:
    by_model = {endpoint.request: endpoint for endpoint in ENDPOINTS.values()}
    for case in ACCEPTED:
        if endpoint := by_model.get(case.model):
            request = case.model.model_validate(case.body)
            for seconds in (None, 7, Decimal("12.5")):
                found = estimate(endpoint, request, seconds=seconds)
                assert found is None or (isinstance(found, Decimal) and found >= 0)


def test_images_are_paid_from_another_package() -> None:
    of_images = {slug for slug, endpoint in ENDPOINTS.items() if unit_type(endpoint) == "image"}
    assert of_images == {
        *(slug for slug in ENDPOINTS if slug.startswith("images/")),
        "general/ai-multi-shot",
        "solutions/virtual_try_on",
    }
    assert USD_PER_UNIT["video"] * 2 == Decimal("0.28")
    assert USD_PER_UNIT["image"] * 8 == Decimal("0.028")


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("2.4", "2.4"),
        (" 2 ", "2"),
        (0, "0"),
        (1.5, "1.5"),
        ("1E+2", "100"),
        *((worthless, None) for worthless in (None, True, "", "-1", "NaN", "Infinity", "1_000", "٣", [], {})),
        *((huge, None) for huge in ("1E-999999", "1E+999999", "9" * 400, "0." + "0" * 400 + "1")),
    ],
    ids=str,
)
def test_an_amount_is_a_plausible_number_or_nothing(written: Any, amount: str | None) -> None:
    assert amount_of(written) == (None if amount is None else Decimal(amount))
