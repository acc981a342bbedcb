# SPDX-License-Identifier: Apache-2.0
"""Bodies of every endpoint that must pass or be refused."""

from __future__ import annotations

from . import api2, audio, edit, faces, generation, images, omni, solutions
from .common import Accepted, Refused

_MODULES = (generation, omni, edit, faces, images, audio, api2, solutions)

ACCEPTED: list[Accepted] = [case for module in _MODULES for case in module.ACCEPTED]
REFUSED: list[Refused] = [case for module in _MODULES for case in module.REFUSED]
MODELS = list(dict.fromkeys(case.model for case in ACCEPTED))
