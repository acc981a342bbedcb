# SPDX-License-Identifier: Apache-2.0
"""Operators that make and edit videos."""

from __future__ import annotations

from ..api.video import (
    IMAGE_TO_VIDEO,
    MULTI_IMAGE_TO_VIDEO,
    OMNI_VIDEO,
    TEXT_TO_VIDEO,
)
from .base import KlingTaskOperator
from .selection import KlingMultiElementsSelectionOperator
from .video_edit import (
    KlingMotionControlOperator,
    KlingMultiElementsOperator,
    KlingVideoEffectsOperator,
    KlingVideoExtendOperator,
)

__all__ = [
    "KlingImageToVideoOperator",
    "KlingMotionControlOperator",
    "KlingMultiElementsOperator",
    "KlingMultiElementsSelectionOperator",
    "KlingMultiImageToVideoOperator",
    "KlingOmniVideoOperator",
    "KlingTextToVideoOperator",
    "KlingVideoEffectsOperator",
    "KlingVideoExtendOperator",
]


class KlingTextToVideoOperator(KlingTaskOperator):
    """Make a video from words."""

    endpoint = TEXT_TO_VIDEO


class KlingImageToVideoOperator(KlingTaskOperator):
    """Animate one picture."""

    endpoint = IMAGE_TO_VIDEO


class KlingMultiImageToVideoOperator(KlingTaskOperator):
    """Make a video from one to four pictures of its subjects."""

    endpoint = MULTI_IMAGE_TO_VIDEO


class KlingOmniVideoOperator(KlingTaskOperator):
    """Make or edit a video from words, pictures, elements and another video."""

    endpoint = OMNI_VIDEO
