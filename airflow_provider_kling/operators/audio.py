# SPDX-License-Identifier: Apache-2.0
"""Operators that make sound."""

from __future__ import annotations

from ..api.audio import (
    TEXT_TO_AUDIO,
    TEXT_TO_SPEECH,
    VIDEO_TO_AUDIO,
)
from .base import KlingTaskOperator


class KlingTextToSpeechOperator(KlingTaskOperator):
    """Let a voice read a text. Answers at once; a lost answer is paid and cannot be recovered."""

    endpoint = TEXT_TO_SPEECH


class KlingTextToAudioOperator(KlingTaskOperator):
    """Make a sound from words."""

    endpoint = TEXT_TO_AUDIO


class KlingVideoToAudioOperator(KlingTaskOperator):
    """Make a sound that fits a video."""

    endpoint = VIDEO_TO_AUDIO
