# SPDX-License-Identifier: Apache-2.0
"""Operators for the account's voices and elements."""

from __future__ import annotations

from ..api.library import (
    CUSTOM_ELEMENTS,
    CUSTOM_VOICES,
)
from .base import KlingTaskOperator


class KlingCustomVoiceOperator(KlingTaskOperator):
    """Make a voice from a recording."""

    endpoint = CUSTOM_VOICES


class KlingCustomElementOperator(KlingTaskOperator):
    """Make an element: a subject that other requests can use."""

    endpoint = CUSTOM_ELEMENTS
