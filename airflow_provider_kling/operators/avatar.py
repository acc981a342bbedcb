# SPDX-License-Identifier: Apache-2.0
"""Operators that let people speak."""

from __future__ import annotations

from ..api.avatar import (
    ADVANCED_LIP_SYNC,
    AVATAR,
    AVATAR_IMAGE_TO_VIDEO,
    IDENTIFY_FACE,
    LIP_SYNC,
)
from .base import KlingTaskOperator


class KlingAvatarImageToVideoOperator(KlingTaskOperator):
    """Let the person in a picture speak a sound."""

    endpoint = AVATAR_IMAGE_TO_VIDEO


class KlingAvatarOperator(KlingTaskOperator):
    """Let the person in a picture speak a text or a sound, by the path that some gateways have."""

    endpoint = AVATAR


class KlingLipSyncOperator(KlingTaskOperator):
    """Let the person in a video speak a text or a sound (the older way)."""

    endpoint = LIP_SYNC


class KlingIdentifyFaceOperator(KlingTaskOperator):
    """Find the faces in a video, for advanced lip-sync. Answers at once."""

    endpoint = IDENTIFY_FACE


class KlingAdvancedLipSyncOperator(KlingTaskOperator):
    """Let a face that was found in a video speak a sound."""

    endpoint = ADVANCED_LIP_SYNC
