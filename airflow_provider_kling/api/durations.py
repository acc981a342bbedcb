# SPDX-License-Identifier: Apache-2.0
"""Limits of waits. No imports: operators read them whenever a DAG file is parsed."""

from __future__ import annotations

MAX_SECONDS = 31_536_000.0
"""Seconds of a year: the longest wait and interval. Airflow stores the end of a wait as a date, and an error
over one that no date can hold would come after the job is paid for."""
