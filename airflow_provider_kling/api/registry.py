# SPDX-License-Identifier: Apache-2.0
"""All endpoints by slug."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import audio, avatar, image, library, solutions, video, video2
from .endpoint import Endpoint

_MODULES = (video, avatar, image, audio, library, video2, solutions)

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {item.slug: item for module in _MODULES for item in vars(module).values() if isinstance(item, Endpoint)}
)
