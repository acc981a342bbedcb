# SPDX-License-Identifier: Apache-2.0
"""Endpoints and fields that Kling's own hosts have replaced, and what to use instead.

They stay: gateways may still route them. Source: the vendor's index and notes of 2026-09.
"""

from __future__ import annotations

from collections.abc import Mapping

LEGACY: Mapping[str, tuple[str, str]] = {
    "videos/multi-image2video": (
        "its only model, kling-v1-6, was retired on 2026-09-15",
        "`omni-video` (KlingOmniVideo2Operator) with refer_images, or `videos/omni-video` with image_list",
    ),
    "videos/video-extend": (
        "its models were retired on 2026-09-15",
        "`image-to-video` (KlingImageToVideo2Operator) with the last frame of the video as first_frame",
    ),
    "videos/lip-sync": (
        "replaced by two calls that find the face first",
        "`videos/identify-face`, then `videos/advanced-lip-sync` (KlingAdvancedLipSyncOperator)",
    ),
    "videos/avatar": (
        "described by one document only; no known host has it",
        "`audio/tts`, then `videos/avatar/image2video` (KlingAvatarImageToVideoOperator)",
    ),
    "images/kolors-virtual-try-on": (
        "its models were retired on 2026-09-15",
        "`solutions/virtual_try_on` (KlingVirtualTryOn2Operator)",
    ),
}
"""Slug of the endpoint to why it is legacy, and what to use instead."""

LEGACY_FIELDS: Mapping[str, tuple[str, str]] = {
    "`static_mask`, `dynamic_masks` of `videos/image2video`": (
        "only models that were retired on 2026-09-15 take masks",
        "`motion-control` (KlingMotionControl2Operator), or words in the prompt",
    ),
    "`camera_control` of `videos/text2video` and `videos/image2video`": (
        "only models that were retired on 2026-09-15 take it",
        "words in the prompt",
    ),
}
"""Fields to why they are legacy, and what to use instead."""
