# SPDX-License-Identifier: Apache-2.0
"""What names a job: constant over retries and crashes, changed by a clear."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO, ImageToVideo
from airflow_provider_kling.inputs.prepared_request import PreparedRequest
from airflow_provider_kling.submission.idempotency import (
    REQUEST_XCOM_KEY,
    TaskStateStore,
    idempotency_key,
    is_retry,
    load_request_metadata,
    state_of,
)
from tests.unit.operators.conftest import Store, TaskInstance, context_of

RETRIES = 3
RECORD = PreparedRequest(
    endpoint=IMAGE_TO_VIDEO,
    request=ImageToVideo(image="https://pictures.example/a.png"),
    body={},
    fingerprint="inputs",
    user_external_task_id=None,
    inputs=(),
    warnings=(),
    estimate=Decimal(1),
)


def name(ti: TaskInstance, order: PreparedRequest = RECORD, retries: int = RETRIES) -> str:
    return idempotency_key(context_of(ti), retries, order).external_task_id(0)


def test_all_tries_after_a_clear_name_the_same_job(ti: TaskInstance) -> None:
    names = set()
    for _ in range(RETRIES + 1):
        names.add(name(ti))
        ti = ti.retried()
    assert len(names) == 1


@pytest.mark.parametrize("tries", [1, 2, 4])
def test_each_clear_names_another_job(ti: TaskInstance, tries: int) -> None:
    names = []
    for _ in range(3):
        names.append(name(ti))
        for _ in range(tries - 1):
            ti = ti.retried()
        ti = ti.cleared()
    assert len(set(names)) == 3


def test_the_key_holds_what_makes_the_job(ti: TaskInstance) -> None:
    ti.map_index = 4
    key = idempotency_key(context_of(ti), RETRIES, replace(RECORD, user_external_task_id="order-17"))
    assert (key.dag_id, key.task_id, key.run_id, key.map_index) == (ti.dag_id, ti.task_id, ti.run_id, 4)
    assert (key.clear_count, key.fingerprint, key.user_external_task_id) == (0, "inputs", "order-17")


def test_other_inputs_and_other_map_indexes_have_other_names(ti: TaskInstance) -> None:
    others = {name(ti), name(replace(ti, map_index=0)), name(replace(ti, map_index=1))}
    assert len(others | {name(ti, replace(RECORD, fingerprint="other"))}) == 4


def test_without_facts_from_airflow_a_run_counts_as_the_first(ti: TaskInstance) -> None:
    """Outside Airflow (``dag.test()`` of old versions, a notebook) some of it is missing."""
    ti.max_tries = None  # type: ignore[assignment]
    ti.map_index = None  # type: ignore[assignment]
    key = idempotency_key(context_of(ti), RETRIES, RECORD)
    assert (key.clear_count, key.map_index) == (0, -1)


@pytest.mark.parametrize(
    ("try_number", "clear_count", "can_look_up", "tried"),
    [
        (1, 0, True, False),
        (2, 0, True, True),
        # After a clear at try 2: asking costs nothing.
        (3, 2, True, True),
        (1, 0, False, False),
        (2, 0, False, True),
        # A clear is how a user says "make a new one" where nothing can be asked.
        (3, 2, False, False),
        (4, 2, False, True),
    ],
)
def test_is_retry_depends_on_tries_and_look_ups(
    try_number: int, clear_count: int, can_look_up: bool, tried: bool
) -> None:
    context = context_of(TaskInstance(try_number=try_number))
    assert is_retry(context, clear_count, can_look_up) is tried


def test_a_clear_and_the_count_of_tries_agree(ti: TaskInstance) -> None:
    for _ in range(3):
        key = idempotency_key(context_of(ti), RETRIES, RECORD)
        assert not is_retry(context_of(ti), key.clear_count, can_look_up=False)
        second = ti.retried()
        assert is_retry(context_of(second), key.clear_count, can_look_up=False)
        ti = second.cleared()


def test_airflow_before_3_3_has_no_stored_state(ti: TaskInstance) -> None:
    assert state_of(context_of(ti)) is None
    assert state_of(context_of(ti, task_state_store=None)) is None


def test_stored_state_lives_in_the_store(ti: TaskInstance) -> None:
    store = Store()
    state = state_of(context_of(ti, task_state_store=store))
    assert state is not None
    assert state.get("a") is None
    state.put("a", None)
    state.put("b", "8")
    state.delete("a")
    state.delete("never there")
    later = TaskStateStore(store)
    assert later.get("a") is None
    assert later.get("b") == {"task_id": "8"}


def test_remembering_reads_the_store_once(ti: TaskInstance) -> None:
    """Each reading is a message to Airflow's supervisor."""
    reads = []

    class Counting(Store):
        def get(self, key: str) -> Any:
            reads.append(key)
            return super().get(key)

    state = TaskStateStore(Counting())
    for ident in "abc":
        state.get(ident)
        state.put(ident, None)
    assert len(reads) == 1


@pytest.mark.parametrize("rubbish", [None, "text", 5, ["a"]])
def test_invalid_data_in_the_store_is_ignored(rubbish: Any) -> None:
    store = Store()
    store.values["kling_jobs"] = rubbish
    assert TaskStateStore(store).get("a") is None


@pytest.mark.parametrize(("pushed", "facts"), [({"prompt": "x"}, {"prompt": "x"}), (None, {}), ("text", {})])
def test_what_was_requested_is_recalled(ti: TaskInstance, pushed: Any, facts: dict[str, Any]) -> None:
    ti.xcoms[REQUEST_XCOM_KEY] = pushed
    assert load_request_metadata(context_of(ti)) == facts
