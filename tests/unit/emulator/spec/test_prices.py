# SPDX-License-Identifier: Apache-2.0
"""Prices as the vendor's page of 2026-09 and observed charges state them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_kling.emulator.spec.prices import price_in_units

I2V, T2V, OMNI = "videos/image2video", "videos/text2video", "videos/omni-video"
IMAGES = "images/generations"


@pytest.mark.parametrize(
    ("slug", "body", "seconds", "count", "price"),
    [
        (I2V, {"model_name": "kling-v3"}, 5, 1, "3"),
        (I2V, {"model_name": "kling-v3", "mode": "pro", "sound": "on"}, 10, 1, "12"),
        (T2V, {"model_name": "kling-v3", "mode": "4k"}, 3, 1, "9"),
        (T2V, {"model_name": "kling-v2-6", "mode": "pro", "sound": "on"}, 5, 1, "5"),
        (I2V, {"model_name": "kling-v2-6", "mode": "pro", "sound": "on", "voice_list": [{}]}, 5, 1, "6"),
        (T2V, {"model_name": "kling-v2-5-turbo"}, 5, 1, "1.5"),
        (I2V, {"model_name": "kling-v1-6", "mode": "pro"}, 10, 1, "7"),
        (I2V, {"model_name": "kling-v2-master"}, 5, 1, "10"),
        # Observed: 3 s without sound cost 1.8 in std.
        (OMNI, {"model_name": "kling-v3-omni", "mode": "std"}, 3, 1, "1.8"),
        (OMNI, {}, 5, 1, "4"),
        (OMNI, {"model_name": "kling-v3-omni", "mode": "std", "video_list": [{}]}, 5, 1, "4.5"),
        ("videos/motion-control", {"mode": "pro"}, 10, 1, "8"),
        ("videos/multi-image2video", {}, 5, 1, "2"),
        ("videos/multi-elements", {"mode": "pro"}, 10, 1, "10"),
        # Observed: audio of 11.3 s cost 4.4 in std.
        ("videos/avatar/image2video", {}, 11.3, 1, "4.4"),
        ("videos/avatar", {}, 10, 1, "4"),
        ("videos/lip-sync", {}, 5, 1, "0.5"),
        ("videos/advanced-lip-sync", {}, 5.1, 1, "1"),
        ("videos/identify-face", {}, 0, 1, "0.05"),
        ("audio/tts", {}, 9, 1, "0.05"),
        ("audio/text-to-audio", {}, 9, 1, "0.25"),
        ("general/advanced-custom-elements", {}, 0, 1, "0"),
        (IMAGES, {"model_name": "kling-v3"}, 0, 3, "24"),
        (IMAGES, {"model_name": "kling-v2-1"}, 0, 1, "4"),
        (IMAGES, {"model_name": "kling-v2-1", "image": "x"}, 0, 1, "8"),
        ("images/omni-image", {"model_name": "kling-v3-omni", "resolution": "4k"}, 0, 2, "32"),
        ("images/multi-image2image", {}, 0, 1, "16"),
        ("images/editing/expand", {}, 0, 2, "16"),
        ("general/ai-multi-shot", {}, 0, 1, "20"),
    ],
)
def test_the_price_depends_on_model_mode_and_length(slug, body, seconds, count, price):
    assert price_in_units(slug, body, seconds, count) == Decimal(price)
