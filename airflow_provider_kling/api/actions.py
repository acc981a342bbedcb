# SPDX-License-Identifier: Apache-2.0
"""Calls that make no job, declared like endpoints: operators derive their parameters from them too.

They are no part of the registry, for there is nothing to submit, to wait for or to look up.
"""

from __future__ import annotations

from .endpoint import Endpoint, Result
from .library import DELETE_ELEMENTS, DELETE_VOICES, DeleteElement, DeleteVoice
from .request import KlingRequest
from .selection import INIT_SELECTION, SelectElements


def _action(path: str, request: type[KlingRequest], result: Result) -> Endpoint:
    return Endpoint(path, request, result, synchronous=True, external_id=False, listable=False)


DELETE_VOICE = _action(DELETE_VOICES, DeleteVoice, Result.VOICES)
DELETE_ELEMENT = _action(DELETE_ELEMENTS, DeleteElement, Result.ELEMENTS)

SELECT_ELEMENTS = _action(INIT_SELECTION, SelectElements, Result.VIDEOS)
"""The first of several calls; the request holds what all of them need."""
