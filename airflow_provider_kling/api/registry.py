# SPDX-License-Identifier: Apache-2.0
"""All endpoints by slug."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .endpoint import Endpoint
from .requests import (
    audio,
    avatar,
    image,
    library,
    omni_video,
    solutions,
    speech_solutions,
    video,
    video_editing,
    video_v2,
)

_MODULES = (
    *(omni_video, video_editing, video, avatar, image, audio, library),
    *(video_v2, solutions, speech_solutions),
)

_NO_JOBS = (library.DELETE_VOICE, library.DELETE_ELEMENT, video_editing.SELECT_ELEMENTS)
"""Calls that are declared like endpoints, but make no job."""

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        item.slug: item
        for module in _MODULES
        for item in vars(module).values()
        if isinstance(item, Endpoint) and item not in _NO_JOBS
    }
)
