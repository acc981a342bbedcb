# SPDX-License-Identifier: Apache-2.0
"""Operators that generate and edit videos."""

from __future__ import annotations

from ..api.requests.omni_video import OMNI_VIDEO
from ..api.requests.video import IMAGE_TO_VIDEO, MULTI_IMAGE_TO_VIDEO, TEXT_TO_VIDEO
from ..api.requests.video_editing import (
    MOTION_CONTROL,
    MULTI_ELEMENTS,
    SELECT_ELEMENTS,
    VIDEO_EFFECTS,
    VIDEO_EXTEND,
)
from ._call_operator import KlingCallOperator
from .base import KlingTaskOperator


class KlingTextToVideoOperator(KlingTaskOperator):
    """Generate a video from a text prompt."""

    endpoint = TEXT_TO_VIDEO


class KlingImageToVideoOperator(KlingTaskOperator):
    """Animate an image."""

    endpoint = IMAGE_TO_VIDEO


class KlingMultiImageToVideoOperator(KlingTaskOperator):
    """Generate a video from one to four images of its subjects."""

    endpoint = MULTI_IMAGE_TO_VIDEO


class KlingOmniVideoOperator(KlingTaskOperator):
    """Generate or edit a video from text, images, elements and another video."""

    endpoint = OMNI_VIDEO


class KlingMotionControlOperator(KlingTaskOperator):
    """Transfer the motion of a person in a video to the person in an image."""

    endpoint = MOTION_CONTROL


class KlingVideoExtendOperator(KlingTaskOperator):
    """Extend a video by a few seconds."""

    endpoint = VIDEO_EXTEND


class KlingVideoEffectsOperator(KlingTaskOperator):
    """Apply an effect scene to one or two images."""

    endpoint = VIDEO_EFFECTS


class KlingMultiElementsSelectionOperator(KlingCallOperator):
    """Mark elements in a video, for KlingMultiElementsOperator to swap or remove.

    Returns ``session_id`` (valid for 24 hours), ``duration`` as that operator accepts it, facts about the
    video, ``frames`` with the ids of the objects that were found, and with ``preview`` the URLs of a video
    that shows them. A retry opens a new session.
    """

    endpoint = SELECT_ELEMENTS


class KlingMultiElementsOperator(KlingTaskOperator):
    """Add, swap or remove elements that were marked in a video."""

    endpoint = MULTI_ELEMENTS
