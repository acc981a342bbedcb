# SPDX-License-Identifier: Apache-2.0
"""One row of the tables of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Values = tuple[str, ...]
NOTHING: Mapping[str, Any] = MappingProxyType({})

ALWAYS: Mapping[str, Values] = NOTHING
"""No condition."""


@dataclass(frozen=True, slots=True)
class Model:
    """What one model can do at one endpoint.

    :param takes: field to the values the model accepts; a field that is not named takes any value.
    :param can: feature to the conditions it needs (field to accepted values; none for always). A feature
        that other models of the endpoint have and this one does not name cannot be used with it.
    :param retired: day on which the vendor switched the model off, ISO date; empty while it lives.
    :param successor: what to use instead, in words.
    """

    takes: Mapping[str, Values] = field(default_factory=dict)
    can: Mapping[str, Mapping[str, Values]] = field(default_factory=dict)
    retired: str = ""
    successor: str = ""
