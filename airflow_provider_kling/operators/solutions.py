# SPDX-License-Identifier: Apache-2.0
"""Operators of the vendor's ready-made solutions."""

from __future__ import annotations

from ..api.solutions import VIRTUAL_TRY_ON_2
from .base import KlingTaskOperator


class KlingVirtualTryOn2Operator(KlingTaskOperator):
    """Dress a person in a garment."""

    endpoint = VIRTUAL_TRY_ON_2
