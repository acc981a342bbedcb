# SPDX-License-Identifier: Apache-2.0
"""Thousands of jobs in one Airflow task: rows in, results and a ledger out."""
