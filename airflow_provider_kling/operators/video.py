# SPDX-License-Identifier: Apache-2.0
"""Operators that make videos."""

from __future__ import annotations

from ..api.video import IMAGE_TO_VIDEO
from .base import KlingTaskOperator


class KlingImageToVideoOperator(KlingTaskOperator):
    """Animate one image."""

    endpoint = IMAGE_TO_VIDEO
