# SPDX-License-Identifier: Apache-2.0
"""Operators that generate, edit and segment images."""

from __future__ import annotations

from ..api.requests.image import (
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
    """Segment subject, head, face and clothes of an image."""

    endpoint = IMAGE_RECOGNIZE


class KlingImageGenerationOperator(KlingTaskOperator):
    """Generate images from a text prompt, and from an image if one is given."""

    endpoint = IMAGE_GENERATION


class KlingOmniImageOperator(KlingTaskOperator):
    """Generate or edit images from text, images and elements."""

    endpoint = OMNI_IMAGE


class KlingMultiImageToImageOperator(KlingTaskOperator):
    """Combine up to four subjects in one image."""

    endpoint = MULTI_IMAGE_TO_IMAGE


class KlingImageExpandOperator(KlingTaskOperator):
    """Extend an image beyond its edges."""

    endpoint = IMAGE_EXPAND


class KlingVirtualTryOnOperator(KlingTaskOperator):
    """Dress the person in an image."""

    endpoint = VIRTUAL_TRY_ON


class KlingAiMultiShotOperator(KlingTaskOperator):
    """Generate views of a subject from other angles, as input for an element."""

    endpoint = AI_MULTI_SHOT
