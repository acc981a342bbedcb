# SPDX-License-Identifier: Apache-2.0
"""Operators for the account's voices and elements."""

from __future__ import annotations

from ..api.actions import DELETE_ELEMENT, DELETE_VOICE
from ..api.library import (
    CUSTOM_ELEMENTS,
    CUSTOM_VOICES,
)
from .base import KlingTaskOperator
from .call import DeletingOperator


class KlingCustomVoiceOperator(KlingTaskOperator):
    """Make a voice from a recording."""

    endpoint = CUSTOM_VOICES


class KlingDeleteVoiceOperator(DeletingOperator):
    """Delete one of the account's own voices; one that does not exist is fine.

    Returns ``{"voice_id", "deleted"}``; ``deleted`` says whether it was there.
    """

    endpoint = DELETE_VOICE


class KlingCustomElementOperator(KlingTaskOperator):
    """Make an element: a subject that other requests can use."""

    endpoint = CUSTOM_ELEMENTS


class KlingDeleteElementOperator(DeletingOperator):
    """Delete one of the account's own elements; one that does not exist is fine.

    Returns ``{"element_id", "deleted"}``; ``deleted`` says whether it was there.
    """

    endpoint = DELETE_ELEMENT
