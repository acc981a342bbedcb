# SPDX-License-Identifier: Apache-2.0
"""Operators that make and edit videos."""

from __future__ import annotations

from ..api.video import (
    IMAGE_TO_VIDEO,
    MOTION_CONTROL,
    MULTI_ELEMENTS,
    MULTI_IMAGE_TO_VIDEO,
    OMNI_VIDEO,
    TEXT_TO_VIDEO,
    VIDEO_EFFECTS,
    VIDEO_EXTEND,
)
from .base import KlingTaskOperator


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


class KlingMotionControlOperator(KlingTaskOperator):
    """Let the person in a picture move like the person in a video."""

    endpoint = MOTION_CONTROL


class KlingVideoExtendOperator(KlingTaskOperator):
    """Make a video a few seconds longer."""

    endpoint = VIDEO_EXTEND


class KlingVideoEffectsOperator(KlingTaskOperator):
    """Put one or two pictures into an effect scene."""

    endpoint = VIDEO_EFFECTS


class KlingMultiElementsOperator(KlingTaskOperator):
    """Add, swap or remove elements that were marked in a video."""

    endpoint = MULTI_ELEMENTS
