# SPDX-License-Identifier: Apache-2.0
"""The batch: thousands of jobs in one Airflow task, with a ledger."""
