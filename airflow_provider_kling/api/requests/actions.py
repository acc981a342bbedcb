# SPDX-License-Identifier: Apache-2.0
"""Calls that make no job, declared like endpoints: operators derive their parameters from them too.

They are no part of the registry, for there is nothing to submit, to wait for or to look up.
"""

from __future__ import annotations

from ..endpoint import Endpoint, ResultType
from .base import KlingRequest
from .element_selection import INIT_SELECTION, SelectElements
from .library import DELETE_ELEMENTS, DELETE_VOICES, DeleteElement, DeleteVoice


def _sync_endpoint(path: str, request: type[KlingRequest], result: ResultType) -> Endpoint:
    return Endpoint(path, request, result, synchronous=True, external_id=False, listable=False)


DELETE_VOICE = _sync_endpoint(DELETE_VOICES, DeleteVoice, ResultType.VOICES)
DELETE_ELEMENT = _sync_endpoint(DELETE_ELEMENTS, DeleteElement, ResultType.ELEMENTS)

SELECT_ELEMENTS = _sync_endpoint(INIT_SELECTION, SelectElements, ResultType.VIDEOS)
"""The first of several calls; the request holds what all of them need."""
