# SPDX-License-Identifier: Apache-2.0
"""Apache Airflow provider for Kling AI."""

# No import here may pull in a hook, pydantic or Airflow: Airflow reads this package while it starts.
from .get_provider_info import get_provider_info

__version__ = "0.1.0"
__all__ = ["__version__", "get_provider_info"]
