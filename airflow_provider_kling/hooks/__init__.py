# SPDX-License-Identifier: Apache-2.0
"""The Airflow connection turned into requests."""
