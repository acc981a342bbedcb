# SPDX-License-Identifier: Apache-2.0
"""Operators of Kling's ready-made solutions."""

from __future__ import annotations

from ..api.requests.solutions import CLOTHING_DUPE, GOODS_STUDIO, VIRTUAL_TRY_ON_2
from ..api.requests.speech_solutions import DRAMA_SUBTITLE, TALKING_AGENT
from .base import KlingTaskOperator


class KlingVirtualTryOn2Operator(KlingTaskOperator):
    """Show a person wearing a garment."""

    endpoint = VIRTUAL_TRY_ON_2


class KlingGoodsStudioOperator(KlingTaskOperator):
    """Generate a product video from images of the product and a short text."""

    endpoint = GOODS_STUDIO


class KlingApparelReplicatorOperator(KlingTaskOperator):
    """Regenerate a video of clothes with another garment."""

    endpoint = CLOTHING_DUPE


class KlingVideoCommerceOperator(KlingTaskOperator):
    """Generate a person who speaks a text to the camera and shows a product."""

    endpoint = TALKING_AGENT


class KlingDramaSubtitleOperator(KlingTaskOperator):
    """Translate the speech of a video: a video with English subtitles, and SRT and ASS files."""

    endpoint = DRAMA_SUBTITLE
