# SPDX-License-Identifier: Apache-2.0
"""The preview tab in Airflow's UI, and the test of connections."""
