# SPDX-License-Identifier: Apache-2.0
"""
### Let a person review refused prompts

One mapped task generates an image of each product. Content that Kling refuses fails no task: it is a result
with `status` "refused". For each of these a person sees prompt, reason and cost so far, and enters another
prompt or drops the product. The second request is a separate job; the labels in its manifest name the first.

With `idempotency_scope="inputs"` a second run costs nothing: stored results are re-used.

Needs Airflow 3.1 with `apache-airflow-providers-standard` 1.13, the connections `kling_default` and
`aws_default`, and a bucket that the environment variable `KLING_EXAMPLE_STORAGE` names. A run of the three
products costs 24 image units, about 0.08 US dollars at the list price of September 2026.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task
from airflow.providers.standard.operators.hitl import HITLEntryOperator

from airflow_provider_kling.operators.image import KlingImageGenerationOperator

STORAGE = os.environ.get("KLING_EXAMPLE_STORAGE", "s3://aws_default@my-videos")
PRODUCTS = ["A red enamel teapot on a linen cloth", "A walnut desk lamp, switched on", "A wool scarf, folded"]
AGAIN, DROP = "Make again", "Drop"


@task
def find_refused(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pick the results that are refusals."""
    return [result for result in results if result["status"] == "refused"]


@task
def describe(refusals: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Write what a person needs to know of each refusal."""
    return [
        {
            "subject": f"Refused: {refusal['prompt']}"[:100],
            "body": (
                f"**Prompt:** {refusal['prompt']}\n\n"
                f"**Image:** {refusal['request'].get('image') or 'none'}\n\n"
                f"**Reason:** {refusal['reason']}\n\n"
                f"**Cost so far:** {refusal['units'] or 'unknown'} units"
            ),
        }
        for refusal in refusals
    ]


@task
def second_tries(
    refusals: list[dict[str, Any]], answers: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Make a request of each prompt that a person has edited.

    The labels stand in the second job's manifest, next to its own ids, so both jobs can be audited.
    """
    return [
        {
            "prompt": answer["params_input"]["prompt"],
            "labels": {
                "first_task_id": refusal["task_id"] or "none",
                "first_external_task_id": refusal["external_task_id"] or "none",
                "reviewed_by": str((answer.get("responded_by_user") or {}).get("name") or "unknown"),
            },
        }
        for refusal, answer in zip(refusals, answers or (), strict=False)
        if AGAIN in answer["chosen_options"] and answer["params_input"].get("prompt", "").strip()
    ]


def refusal_review(results: Any, operator: Any, **arguments: Any) -> Any:
    """Ask a person about each refused result, and make it again with the prompt that the person gives.

    :param results: output of a mapped task with ``on_refused="return"``.
    :param operator: operator of the second try.
    :param arguments: its arguments but for ``prompt`` and ``labels``.
    :return: output of the second tries; what is refused again is a result again.
    """
    refusals = find_refused(results)
    review = HITLEntryOperator.partial(
        task_id="review",
        options=[AGAIN, DROP],
        defaults=[DROP],
        params={"prompt": Param("", type="string", title="Another prompt")},
        response_timeout=timedelta(days=2),
    ).expand_kwargs(describe(refusals))
    tries = second_tries(refusals, review.output)
    return (
        operator.partial(task_id="second_try", on_refused="return", **arguments).expand_kwargs(tries).output
    )


with DAG(
    dag_id="example_kling_review_refusals",
    dag_display_name="Kling: review refused prompts",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"prompts": Param(PRODUCTS, type="array")},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["example", "kling", "review"],
    doc_md=__doc__,
) as dag:

    @task
    def list_prompts(params: dict[str, Any] | None = None) -> list[str]:
        """List what is to be made; in real life from a table."""
        return list((params or {})["prompts"])

    common = {"output_path": STORAGE, "idempotency_scope": "inputs", "deferrable": True}
    make = KlingImageGenerationOperator.partial(task_id="make", on_refused="return", **common).expand(
        prompt=list_prompts()
    )
    again = refusal_review(make.output, KlingImageGenerationOperator, **common)

    @task(trigger_rule="none_failed")
    def collect(results: list[dict[str, Any]], reviewed: list[dict[str, Any]] | None) -> list[str]:
        """List the files of both tries."""
        made = [result for result in [*results, *(reviewed or ())] if result["status"] == "succeed"]
        return [result["images"][0]["path"] for result in made]

    collect(make.output, again)
