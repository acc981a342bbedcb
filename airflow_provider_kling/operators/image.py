# SPDX-License-Identifier: Apache-2.0
"""Operators that make and read pictures."""

from __future__ import annotations

from ..api.image import (
    AI_MULTI_SHOT,
    IMAGE_EXPAND,
    IMAGE_GENERATION,
    IMAGE_RECOGNIZE,
    MULTI_IMAGE_TO_IMAGE,
    OMNI_IMAGE,
    VIRTUAL_TRY_ON,
)
from .base import KlingTaskOperator
from .solutions import KlingVirtualTryOn2Operator

__all__ = [
    "KlingAiMultiShotOperator",
    "KlingImageExpandOperator",
    "KlingImageGenerationOperator",
    "KlingImageRecognizeOperator",
    "KlingMultiImageToImageOperator",
    "KlingOmniImageOperator",
    "KlingVirtualTryOn2Operator",
    "KlingVirtualTryOnOperator",
]


class KlingImageRecognizeOperator(KlingTaskOperator):
    """Cut subject, head, face and clothes out of a picture. Answers at once."""

    endpoint = IMAGE_RECOGNIZE


class KlingImageGenerationOperator(KlingTaskOperator):
    """Make pictures from words, and from a picture if one is given."""

    endpoint = IMAGE_GENERATION


class KlingOmniImageOperator(KlingTaskOperator):
    """Make or edit pictures from words, pictures and elements."""

    endpoint = OMNI_IMAGE


class KlingMultiImageToImageOperator(KlingTaskOperator):
    """Put up to four subjects into one picture."""

    endpoint = MULTI_IMAGE_TO_IMAGE


class KlingImageExpandOperator(KlingTaskOperator):
    """Draw on beyond the edges of a picture."""

    endpoint = IMAGE_EXPAND


class KlingVirtualTryOnOperator(KlingTaskOperator):
    """Dress the person in a picture."""

    endpoint = VIRTUAL_TRY_ON


class KlingAiMultiShotOperator(KlingTaskOperator):
    """Show a subject from other sides, as material for an element."""

    endpoint = AI_MULTI_SHOT
