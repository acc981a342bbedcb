# SPDX-License-Identifier: Apache-2.0
"""Operators for the account's voices and elements."""

from __future__ import annotations

from ..api.requests.library import CUSTOM_ELEMENTS, CUSTOM_VOICES, DELETE_ELEMENT, DELETE_VOICE
from ._call_operator import KlingCallOperator
from .base import KlingTaskOperator


class KlingCustomVoiceOperator(KlingTaskOperator):
    """Create a voice from a recording."""

    endpoint = CUSTOM_VOICES


class KlingDeleteVoiceOperator(KlingCallOperator):
    """Delete one of the account's own voices. It is no error if it does not exist.

    Returns ``{"voice_id", "deleted"}``; ``deleted`` is whether it existed.
    """

    endpoint = DELETE_VOICE


class KlingCustomElementOperator(KlingTaskOperator):
    """Create an element: a subject that other requests can use."""

    endpoint = CUSTOM_ELEMENTS


class KlingDeleteElementOperator(KlingCallOperator):
    """Delete one of the account's own elements. It is no error if it does not exist.

    Returns ``{"element_id", "deleted"}``; ``deleted`` is whether it existed.
    """

    endpoint = DELETE_ELEMENT
