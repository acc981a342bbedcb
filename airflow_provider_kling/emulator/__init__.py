# SPDX-License-Identifier: Apache-2.0
"""A local Kling server, for work and tests without credits: ``python -m airflow_provider_kling.emulator``.

Its dependencies come with the extra ``airflow-provider-kling[emulator]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .options import Options
    from .server import Emulator

__all__ = ["Emulator", "Options"]


def __getattr__(name: str) -> Any:
    # The command must be able to start, and to say what is missing, where the extra is not installed.
    if name == "Emulator":
        from .server import Emulator

        return Emulator
    if name == "Options":
        from .options import Options

        return Options
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
