# SPDX-License-Identifier: Apache-2.0
"""Names that users give their jobs, and those of later attempts, never lead to another row's job."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingError, KlingTaskFailed

from .conftest import PATH, Batch

NUMBERED = [
    {"prompt": word, "external_task_id": name} for word, name in (("boat", "shot"), ("horse", "shot-2"))
]


@pytest.mark.parametrize("requests", [NUMBERED, NUMBERED[::-1]], ids=["in order", "the other way round"])
def test_the_id_of_a_later_attempt_differs_from_ids_of_other_rows(
    kling: Emulator, batch: Batch, requests: list[dict[str, Any]]
) -> None:
    kling.faults.set({"failed_word": "boat", "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed):
        batch.run(requests)
    kling.faults.set({"failed_word": None})
    assert batch.retry().run(requests)["done"] == 2
    made = {job.external_task_id: job.body["prompt"] for job in kling.jobs}
    assert (made.pop("shot"), made.pop("shot-2")) == ("boat", "horse")
    (later,) = made
    assert made[later] == "boat"
    assert {line["prompt"]: line["external_task_id"] for line in batch.ledger().values()} == {
        "boat": later,
        "horse": "shot-2",
    }


@pytest.mark.parametrize("other", ["shot", "shot ", "shot\u200b", "\tshot"])
def test_two_rows_with_the_same_id_are_refused_before_payment(
    kling: Emulator, batch: Batch, other: str
) -> None:
    with pytest.raises(KlingError, match=r"Row 2: external_task_id .* is row 1's already"):
        batch.run(
            [{"prompt": "a", "external_task_id": "shot"}, {"prompt": "b", "external_task_id": other}],
            on_failure="fail",
        )
    assert kling.count("POST", PATH) == 0


@pytest.mark.parametrize("nothing", [None, "", " ", "None", "\nNone "])
def test_an_empty_id_counts_as_not_set(kling: Emulator, batch: Batch, nothing: Any) -> None:
    """As a name it would be that of the rows of every other batch to which the same happened."""
    assert batch.run([{"prompt": word, "external_task_id": nothing} for word in "ab"])["done"] == 2
    assert all(str(job.external_task_id).startswith("af-") for job in kling.jobs)
    assert len({job.external_task_id for job in kling.jobs}) == 2
