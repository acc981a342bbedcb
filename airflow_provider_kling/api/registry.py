# SPDX-License-Identifier: Apache-2.0
"""All endpoints by slug."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .endpoint import Endpoint
from .requests import audio, avatar, image, library, solutions, speech_solutions, video, video_v2

_MODULES = (video, avatar, image, audio, library, video_v2, solutions, speech_solutions)

_NO_JOBS = (library.DELETE_VOICE, library.DELETE_ELEMENT)
"""Calls that are declared like endpoints, but make no job."""

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        item.slug: item
        for module in _MODULES
        for item in vars(module).values()
        if isinstance(item, Endpoint) and item not in _NO_JOBS
    }
)
