# SPDX-License-Identifier: Apache-2.0
"""The commands ``kling-emulator`` and ``python -m airflow_provider_kling.emulator``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the emulator, or exit with the package to install if its extra is missing.

    :return: the exit code.
    """
    try:
        from .cli import main as run
    except ModuleNotFoundError as error:
        sys.exit(
            f"The emulator needs the package {error.name!r}, which is not installed. "
            "Install its extra: pip install 'airflow-provider-kling[emulator]'"
        )
    return run()


if __name__ == "__main__":
    sys.exit(main())
