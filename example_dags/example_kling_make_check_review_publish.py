# SPDX-License-Identifier: Apache-2.0
"""
### From a catalogue to published videos

One pipeline with all steps between a catalogue and a web site:

1. *Re-use:* a mapped task generates a video of each product. With `idempotency_scope="inputs"` each request
   is paid once: the next run, on the next night or after a clear, pays only for new and changed products.
2. *Review:* content that Kling refuses fails no task. A person sees image, prompt and reason, and enters
   another prompt or drops the product. The new prompt is stored, so the next run needs no review.
3. *Check:* a video that is black, frozen or truncated is generated once more, within `max_units`. If that
   video fails too, its task fails, and the other products continue. A final check of all videos adds a rule
   of the web site, a minimum height.
4. *Publish:* the videos that pass are copied to the folder of the web site, one for each product, with a
   poster. The task's result lists what was published, and what was not, with the reasons.

Needs Airflow 3.1 with `apache-airflow-providers-standard` 1.13, the extra `media`, the connections
`kling_default` and `aws_default`, and a bucket that the environment variable `KLING_EXAMPLE_STORAGE` names.
The first run of the three products costs 9 video units, about 1.26 US dollars at the list price of
September 2026, and at most twice as much if all videos are generated once more; a second run costs nothing.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    ObjectStoragePath,
    Param,
    task,
)
from airflow.providers.standard.operators.hitl import HITLEntryOperator

from airflow_provider_kling.operators.media_check import KlingMediaCheckOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator

STORAGE = os.environ.get("KLING_EXAMPLE_STORAGE", "s3://aws_default@my-videos")
ASSETS = Path(__file__).parent / "assets"
PRODUCTS = [
    {"sku": "mug-1", "image": str(ASSETS / "mug_1.jpg"), "prompt": "The camera circles the mug slowly"},
    {"sku": "mug-2", "image": str(ASSETS / "mug_2.jpg"), "prompt": "Steam rises, the light changes softly"},
    {"sku": "mug-3", "image": str(ASSETS / "mug_3.jpg"), "prompt": "A hand lifts the mug from the table"},
]
AGAIN, DROP = "Make again", "Drop"


def edited_prompt(sku: str) -> ObjectStoragePath:
    """Return where the prompt is stored that a person has given for a product."""
    return ObjectStoragePath(f"{STORAGE}/prompts/{sku}.txt")


with DAG(
    dag_id="example_kling_make_check_review_publish",
    dag_display_name="Kling: from a catalogue to published videos",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "products": Param(PRODUCTS, type="array", title="Products: sku, image and prompt"),
        "min_height": Param(360, type="integer", title="Lowest height of a published video"),
    },
    tags=["example", "kling", "review"],
    doc_md=__doc__,
) as dag:

    @task
    def read_catalogue(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Make a request of each product; in real life from a table of the shop."""
        requests = []
        for product in (params or {})["products"]:
            edited = edited_prompt(product["sku"])
            prompt = edited.read_text() if edited.exists() else product["prompt"]
            # Labels are no part of the request: a product of another name with the same request is re-used.
            labels = {"sku": product["sku"]}
            requests.append({"image": product["image"], "prompt": prompt, "labels": labels})
        return requests

    # A video that is bad twice has failed its task, which must not stop the other products.
    @task(trigger_rule="all_done")
    def find_refused(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Pick the results that are refusals."""
        return [result for result in results if result["status"] == "refused"]

    @task
    def describe(refusals: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Write what a person needs to know of each refusal."""
        return [
            {
                "subject": f"Refused: {refusal['labels']['sku']}",
                "body": (
                    f"**Prompt:** {refusal['prompt']}\n\n"
                    f"**Image:** {refusal['request']['image']}\n\n"
                    f"**Reason:** {refusal['reason']}\n\n"
                    f"**Cost so far:** {refusal['units'] or 'unknown'} units"
                ),
            }
            for refusal in refusals
        ]

    @task
    def apply_answers(
        requests: list[dict[str, Any]], refusals: list[dict[str, Any]], answers: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Make a request of each prompt that a person has edited, and store the prompt for the next run."""
        by_sku = {request["labels"]["sku"]: request for request in requests}
        again = []
        for refusal, answer in zip(refusals, answers, strict=True):
            prompt = answer["params_input"].get("prompt", "").strip()
            if AGAIN in answer["chosen_options"] and prompt:
                sku = refusal["labels"]["sku"]
                edited_prompt(sku).parent.mkdir(parents=True, exist_ok=True)
                edited_prompt(sku).write_text(prompt)
                # The labels stand in the manifest of the second job, so both jobs can be audited.
                labels = {"sku": sku, "first_task_id": refusal["task_id"] or "none"}
                again.append({**by_sku[sku], "prompt": prompt, "labels": labels})
        return again

    @task(trigger_rule="all_done")
    def collect(
        requests: list[dict[str, Any]], edited: list[dict[str, Any]] | None, ti: Any = None
    ) -> list[dict[str, Any]]:
        """List what was made in both tries; the second try is skipped if nothing is refused."""
        made = []
        for task_id, asked in (("make", requests), ("make_again", edited or [])):
            results = ti.xcom_pull(task_ids=task_id, map_indexes=list(range(len(asked)))) if asked else []
            for request, result in zip(asked, results, strict=True):
                # A task that has failed has no result.
                if result and result["status"] == "succeed":
                    made.append({"sku": request["labels"]["sku"], **result})
        if not made:
            raise AirflowFailException("No product has a video: see the tasks that made them")
        return made

    @task
    def publish(
        requests: list[dict[str, Any]], made: list[dict[str, Any]], verdict: dict[str, Any]
    ) -> dict[str, list[dict[str, Any]]]:
        """Copy what passed the check to where the web site reads it; what did not stays a draft."""
        failures = {file["path"]: file["failures"] for file in verdict["files"]}
        by_sku = {each["sku"]: each for each in made}
        published, rejected = [], []
        for sku in (request["labels"]["sku"] for request in requests):
            each = by_sku.get(sku)
            if each is None:
                reason = "refused and dropped, or its videos fail the check"
                rejected.append({"sku": sku, "path": None, "failures": [reason]})
                continue
            video = each["videos"][0]
            if failures[video["path"]]:
                rejected.append({"sku": sku, "path": video["path"], "failures": failures[video["path"]]})
                continue
            target = ObjectStoragePath(f"{STORAGE}/published/{sku}.mp4")
            target.parent.mkdir(parents=True, exist_ok=True)
            ObjectStoragePath(video["path"]).copy(target)
            if video.get("poster"):
                ObjectStoragePath(video["poster"]).copy(target.parent / f"{sku}.jpg")
            published.append({"sku": sku, "path": str(target), "units": each["units"]})
        for each in rejected:
            print(f"Not published: {each['sku']}: {'; '.join(each['failures'])} ({each['path']})")
        return {"published": published, "rejected": rejected}

    film = {
        "duration": "5",
        "output_path": f"{STORAGE}/drafts",
        "idempotency_scope": "inputs",
        "on_refused": "return",
        # One more job for a product whose video fails the check: 3 units each.
        "regenerate_on_fail": 1,
        "max_units": 6,
        "poster": True,
        "deferrable": True,
    }
    requests = read_catalogue()
    make = KlingImageToVideoOperator.partial(task_id="make", **film).expand_kwargs(requests)

    refusals = find_refused(make.output)
    review = HITLEntryOperator.partial(
        task_id="review",
        options=[AGAIN, DROP],
        # No one has responded for two days: the product has no video.
        defaults=[DROP],
        params={"prompt": Param("", type="string", title="Another prompt")},
        response_timeout=timedelta(days=2),
    ).expand_kwargs(describe(refusals))
    edited = apply_answers(requests, refusals, review.output)
    make_again = KlingImageToVideoOperator.partial(task_id="make_again", **film).expand_kwargs(edited)

    made = collect(requests, edited)
    [make, make_again] >> made
    check = KlingMediaCheckOperator(
        task_id="check", result=made, min_height="{{ params.min_height }}", on_fail="return"
    )
    publish(requests, made, check.output)
