# SPDX-License-Identifier: Apache-2.0
"""One job for each mapped task: the triggerer ends it. Airflow looks for DAG files by their text."""

from common import INTERVAL
from kling_parts import mapped_jobs

dag = mapped_jobs("bench_kling_end_from_trigger", interval=INTERVAL, end_from_trigger=True)
