# SPDX-License-Identifier: Apache-2.0
"""Operators that make a new video of an existing one, and the effects."""

from __future__ import annotations

from ..api.video_edit import (
    MOTION_CONTROL,
    MULTI_ELEMENTS,
    VIDEO_EFFECTS,
    VIDEO_EXTEND,
)
from .base import KlingTaskOperator


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
