# SPDX-License-Identifier: Apache-2.0
"""Apache Airflow provider for Kling AI."""

__version__ = "0.1.0"
