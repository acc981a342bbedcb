# SPDX-License-Identifier: Apache-2.0
"""Calls that make no job and delete something.

They are declared like endpoints, so that operators derive their parameters from them too, but are no part of
the registry: there is nothing to submit, to wait for or to look up.
"""

from ..endpoint import Endpoint, ResultType
from .base import KlingRequest
from .library import DELETE_ELEMENTS, DELETE_VOICES, DeleteElement, DeleteVoice


def _sync_endpoint(path: str, request: type[KlingRequest], result: ResultType) -> Endpoint:
    return Endpoint(path, request, result, synchronous=True, external_id=False, listable=False)


DELETE_VOICE = _sync_endpoint(DELETE_VOICES, DeleteVoice, ResultType.VOICES)
DELETE_ELEMENT = _sync_endpoint(DELETE_ELEMENTS, DeleteElement, ResultType.ELEMENTS)
