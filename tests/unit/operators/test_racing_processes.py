# SPDX-License-Identifier: Apache-2.0
"""``idempotency_scope="inputs"`` of processes that send the same create calls at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.support.racing import Racers

IMAGE = "airflow_provider_kling.operators.image.KlingImageGenerationOperator"
BATCH = "airflow_provider_kling.operators.batch.KlingBatchOperator"
PAIRS = {
    "a teapot": (IMAGE, IMAGE),
    "a vase": (BATCH, BATCH),
    "a cup": (IMAGE, BATCH),
}
"""The operators that race for the job of a prompt."""


def order(kind: str, prompt: str, folder: Path) -> dict[str, Any]:
    """A task that makes an image of a prompt."""
    request = (
        {"prompt": prompt}
        if kind == IMAGE
        else {"endpoint": "images/generations", "requests": [{"prompt": prompt}]}
    )
    common = {"idempotency_scope": "inputs", "poll_interval": 0.2, "output_path": str(folder)}
    return {"class": kind, "arguments": {**request, **common}}


def charge(result: dict[str, Any]) -> tuple[str, bool]:
    """Charge of a task or batch, and whether it has re-used a job."""
    if "units_charged" in result:
        return result["units_charged"], result["reused"] == 1
    return result["units"], "reused_from" in result


def test_processes_that_race_make_one_job(kling_emulator: Emulator, tmp_path: Path) -> None:
    """All calls are held until all have arrived, so no process knows of another one's job."""
    tasks = [(kind, prompt) for prompt, pair in PAIRS.items() for kind in pair]
    kling_emulator.faults.set({"stall_before": -1, "stall_times": len(tasks)})
    orders = [order(kind, prompt, tmp_path / f"out-{at}") for at, (kind, prompt) in enumerate(tasks)]
    racers = Racers(tmp_path / "racers.log", kling_emulator.connection_json(), orders)
    wait_until(lambda: racers.ended or kling_emulator.stalled == len(tasks), 120, "all create calls")
    kling_emulator.release()
    results = racers.results()
    assert len({each["pid"] for each in results}) == len(tasks)
    assert kling_emulator.count("POST", "/v1/images/generations") == len(tasks)
    assert sorted(job.body["prompt"] for job in kling_emulator.jobs) == sorted(PAIRS)
    found: dict[str, list[tuple[str, bool]]] = {}
    for each in results:
        found.setdefault(tasks[each["number"]][1], []).append(charge(each["result"]))
    assert {prompt: sorted(charges) for prompt, charges in found.items()} == {
        prompt: [("0", True), ("8", False)] for prompt in PAIRS
    }
