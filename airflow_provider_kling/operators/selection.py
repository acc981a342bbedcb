# SPDX-License-Identifier: Apache-2.0
"""The operator that marks elements before they are edited."""

from __future__ import annotations

from ..api.actions import SELECT_ELEMENTS
from .selecting import SelectingOperator


class KlingMultiElementsSelectionOperator(SelectingOperator):
    """Mark elements in a video, for KlingMultiElementsOperator to swap or remove.

    Returns ``session_id`` (valid for 24 hours), ``duration`` as that operator takes it, facts about the
    video, ``frames`` with the ids of the objects that were found, and with ``preview`` the addresses of a
    video that shows them. A retry opens a new session.
    """

    endpoint = SELECT_ELEMENTS
