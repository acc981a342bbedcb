# SPDX-License-Identifier: Apache-2.0
"""Operators that generate audio."""

from __future__ import annotations

from ..api.requests.audio import TEXT_TO_AUDIO, TEXT_TO_SPEECH, VIDEO_TO_AUDIO
from .base import KlingTaskOperator


class KlingTextToSpeechOperator(KlingTaskOperator):
    """Read a text aloud with a voice."""

    endpoint = TEXT_TO_SPEECH


class KlingTextToAudioOperator(KlingTaskOperator):
    """Generate audio from a text prompt."""

    endpoint = TEXT_TO_AUDIO


class KlingVideoToAudioOperator(KlingTaskOperator):
    """Generate audio that fits a video."""

    endpoint = VIDEO_TO_AUDIO
