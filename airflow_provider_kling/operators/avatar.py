# SPDX-License-Identifier: Apache-2.0
"""Operators that make people in images and videos speak."""

from __future__ import annotations

from ..api.requests.avatar import ADVANCED_LIP_SYNC, AVATAR, AVATAR_IMAGE_TO_VIDEO, IDENTIFY_FACE, LIP_SYNC
from .base import KlingTaskOperator


class KlingAvatarImageToVideoOperator(KlingTaskOperator):
    """Animate a portrait so that it speaks a recording."""

    endpoint = AVATAR_IMAGE_TO_VIDEO


class KlingAvatarOperator(KlingTaskOperator):
    """Make the person in an image speak a text or a recording, at the path that some gateways have."""

    endpoint = AVATAR


class KlingLipSyncOperator(KlingTaskOperator):
    """Make the person in a video speak a text or a recording (the older endpoint)."""

    endpoint = LIP_SYNC


class KlingIdentifyFaceOperator(KlingTaskOperator):
    """Find the faces in a video, for advanced lip-sync."""

    endpoint = IDENTIFY_FACE


class KlingAdvancedLipSyncOperator(KlingTaskOperator):
    """Animate a face of a video so that it speaks a recording."""

    endpoint = ADVANCED_LIP_SYNC
