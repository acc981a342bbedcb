# SPDX-License-Identifier: Apache-2.0
"""One job for each mapped task, polled each second. Airflow looks for DAG files by their text."""

from kling_parts import mapped_jobs

dag = mapped_jobs("bench_kling_every_second", interval=1.0, end_from_trigger=True)
