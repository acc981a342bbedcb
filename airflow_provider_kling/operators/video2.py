# SPDX-License-Identifier: Apache-2.0
"""Operators of Kling's API 2.0, which has the newest models."""

from __future__ import annotations

from ..api.requests.video_v2 import IMAGE_TO_VIDEO_2, MOTION_CONTROL_2, OMNI_VIDEO_2, TEXT_TO_VIDEO_2
from .base import KlingTaskOperator


class KlingTextToVideo2Operator(KlingTaskOperator):
    """Generate a video from a text prompt, with API 2.0."""

    endpoint = TEXT_TO_VIDEO_2


class KlingImageToVideo2Operator(KlingTaskOperator):
    """Animate an image, with API 2.0."""

    endpoint = IMAGE_TO_VIDEO_2


class KlingOmniVideo2Operator(KlingTaskOperator):
    """Generate or edit a video from text, images, elements and another video, with API 2.0."""

    endpoint = OMNI_VIDEO_2


class KlingMotionControl2Operator(KlingTaskOperator):
    """Transfer the motion of a video to an image, with API 2.0."""

    endpoint = MOTION_CONTROL_2
