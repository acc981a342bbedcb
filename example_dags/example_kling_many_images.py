# SPDX-License-Identifier: Apache-2.0
"""
### Animate many images

One mapped task generates a video from each image. All waiting instances share one poller.

Kling runs only a few jobs of an account at once. A task that finds all of these slots taken waits for one,
which costs one more worker start. To avoid that, give all Kling tasks a pool with as many slots:

```console
airflow pools set kling 3 "Kling jobs at once" --include-deferred
```

Then pass `pool="kling"` to the operator below. Without `--include-deferred` a task would leave the pool
while it waits for its job, and the pool would limit nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.video import KlingImageToVideoOperator

with DAG(
    dag_id="example_kling_many_images",
    dag_display_name="Kling: animate many images",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={"prompt": "The camera moves in slowly, the light changes gently"},
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:

    @task
    def list_images() -> list[str]:
        """List the images. Replace this with a listing of your bucket or table."""
        return [str(path) for path in sorted((Path(__file__).parent / "assets").glob("*.jpg"))]

    animate = KlingImageToVideoOperator.partial(
        task_id="animate",
        prompt="{{ params.prompt }}",
        duration="5",
        deferrable=True,
    ).expand(image=list_images())

    @task
    def add_up(results: list[dict]) -> str:
        """Sum up what the run was charged; Kling returns units as text, to be exact."""
        from decimal import Decimal

        return str(sum(Decimal(result["units"] or 0) for result in results))

    add_up(animate.output)
