# SPDX-License-Identifier: Apache-2.0
"""The command ``python -m airflow_provider_kling.emulator``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from airflow_provider_kling.emulator.command import main
    except ModuleNotFoundError as error:
        sys.exit(
            f"The emulator needs the package {error.name!r}, which is not installed. "
            "Install its extra: pip install 'airflow-provider-kling[emulator]'"
        )
    sys.exit(main())
