# SPDX-License-Identifier: Apache-2.0
"""Jobs that every task with the same request shares: their names, and who has made them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_kling.api.auth import AccessKey, ApiKey
from airflow_provider_kling.api.hosts import DIALECTS
from airflow_provider_kling.api.task import RESULT_DAYS, KlingTask, TaskStatus
from airflow_provider_kling.hooks.connection import KlingSettings
from airflow_provider_kling.submission.context import (
    CreateTask,
    FindTask,
    IdempotencyKey,
    SharedScope,
    Sleep,
    SubmissionContext,
    SubmittedTask,
)
from airflow_provider_kling.submission.submit import LATE_LOOKUP_DELAYS, find_existing
from tests.support.submission_steps import (
    DONE,
    FAILED,
    KEY,
    LOST,
    NEW,
    RUNNING,
    TAKEN,
    Memory,
    context,
    walk,
)

SHARED = replace(KEY, scope=SharedScope("videos/image2video", "account"))
NAME, NEXT = SHARED.external_task_id(0), SHARED.external_task_id(1)
CREATE, FIND = CreateTask(NAME), FindTask(NAME)
ASKED_TWICE: Any = [(Sleep(1.0), None), (FIND, None), (Sleep(3.0), None), (FIND, None)]
REFUSED_JOB = KlingTask("9", TaskStatus.FAILED, "failed", message="Failure to pass the risk control system")


def shared(**fields: Any) -> SubmissionContext:
    """What is known before a first try of a task whose job others may have made."""
    return context(**{"key": SHARED, "earlier_tries": 0, **fields})


@pytest.mark.parametrize(
    "other",
    [
        {"dag_id": "other"},
        {"task_id": "other"},
        {"run_id": "other"},
        {"map_index": 7},
        {"clear_count": 3},
    ],
)
def test_the_task_instance_is_no_part_of_the_name(other: dict[str, Any]) -> None:
    assert replace(SHARED, **other).external_task_id(0) == NAME
    assert replace(KEY, **other).external_task_id(0) != KEY.external_task_id(0)


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": "other"},
        {"take": "2"},
        {"scope": SharedScope("videos/text2video", "account")},
        {"scope": SharedScope("videos/image2video", "another account")},
        {"offset": 1},
    ],
)
def test_what_makes_another_job(other: dict[str, Any]) -> None:
    names = [key.external_task_id(0) for key in (KEY, SHARED, replace(SHARED, **other))]
    assert len(set(names)) == 3
    assert all(name.startswith("af-") and len(name) == 35 for name in names)


def test_a_take_makes_another_job_in_one_run_and_without_one_the_id_is_unchanged() -> None:
    assert replace(KEY, take="2").external_task_id(0) != KEY.external_task_id(0)
    assert KEY.external_task_id(0) == IdempotencyKey("dag", "task", "run", -1, 0, "inputs").external_task_id(
        0
    )


def test_offset_counts_failed_jobs() -> None:
    assert replace(SHARED, offset=1).external_task_id(0) == SHARED.external_task_id(1)


def settings(credentials: Any, base_url: str = "https://kling.example", **more: Any) -> KlingSettings:
    """A connection with these credentials."""
    return KlingSettings("c", base_url, DIALECTS["kling"], credentials, "hash", **more)


def test_the_account_is_identified_by_host_and_key_alone() -> None:
    account = settings(ApiKey("key-1")).account
    assert "key-1" not in account
    assert settings(ApiKey("key-1"), timeout=(1.0, 2.0), verify=False).account == account
    assert settings(ApiKey("key-2")).account != account
    assert settings(ApiKey("key-1"), "https://other.example").account != account
    renewed = [settings(AccessKey("access", secret)).account for secret in ("old", "new")]
    assert renewed[0] == renewed[1] != account


@pytest.mark.parametrize("state", [None, Memory()], ids=["without state", "with state"])
@pytest.mark.parametrize(
    ("fields", "script", "found", "reused"),
    [
        pytest.param({}, [(CREATE, NEW)], NEW, False, id="made"),
        pytest.param({}, [(CREATE, TAKEN), (FIND, RUNNING)], RUNNING, True, id="another has made it"),
        pytest.param(
            {},
            [(CREATE, LOST), (Sleep(1.0), None), (FIND, RUNNING)],
            RUNNING,
            False,
            id="its own, answer lost",
        ),
        pytest.param({"look_up_first": True}, [(FIND, DONE)], DONE, True, id="found before"),
        pytest.param(
            {"look_up_first": True}, [(FIND, None), (CREATE, NEW)], NEW, False, id="asked, then made"
        ),
        pytest.param(
            {},
            [(CREATE, TAKEN), (FIND, FAILED), (FindTask(NEXT), DONE)],
            DONE,
            True,
            id="another has made the next after a failure",
        ),
        pytest.param(
            {"look_up_first": True, "refuses_duplicates": False},
            [(FIND, None), (CREATE, NEW)],
            NEW,
            False,
            id="host without unique names",
        ),
    ],
)
def test_a_first_try_attaches_to_a_shared_job(
    state: Memory | None, fields: dict[str, Any], script: Any, found: KlingTask, reused: bool
) -> None:
    state = Memory() if state is not None else None
    outcome = walk(shared(state=state, **fields), script)
    assert (outcome.task, outcome.reused) == (found, reused)
    if state is not None:
        noted = state.jobs.get(outcome.external_task_id)
        assert noted == (None if reused else {"task_id": found.task_id})


def test_a_retry_distinguishes_its_own_job_from_that_of_another_task() -> None:
    retry = shared(is_retry=True)
    assert not walk(retry, [(FIND, RUNNING)]).reused, "without memory, a retry takes the job for its own"
    own = Memory({NAME: {"task_id": "7"}})
    assert not walk(replace(retry, state=own), [(FIND, RUNNING)]).reused
    assert walk(replace(retry, state=Memory()), [(FIND, RUNNING)]).reused
    late = walk(replace(retry, state=own), [(FIND, None), (CREATE, TAKEN), (FIND, RUNNING)])
    assert not late.reused, "its own job showed up late"


@pytest.mark.parametrize(
    ("given", "script", "uncertain"),
    [
        pytest.param(shared(), [(CREATE, NEW)], False, id="made"),
        pytest.param(shared(), [(CREATE, TAKEN), (FIND, RUNNING)], False, id="another has made it"),
        pytest.param(shared(), [(CREATE, LOST), (Sleep(1.0), None), (FIND, RUNNING)], True, id="answer lost"),
        pytest.param(
            shared(),
            [(CREATE, LOST), *ASKED_TWICE, (Sleep(1.0), None), (CREATE, NEW)],
            False,
            id="made by a second call",
        ),
        pytest.param(shared(is_retry=True), [(FIND, RUNNING)], True, id="retry without state"),
        pytest.param(
            shared(is_retry=True, state=Memory({NAME: {"task_id": None}})),
            [(FIND, RUNNING)],
            True,
            id="retry after a call without an answer",
        ),
        pytest.param(
            shared(is_retry=True, state=Memory({NAME: {"task_id": "7"}})),
            [(FIND, RUNNING)],
            False,
            id="retry after an answer",
        ),
        pytest.param(
            shared(is_retry=True, state=Memory()), [(FIND, RUNNING)], False, id="retry after no call"
        ),
        pytest.param(context(is_retry=True), [(FindTask(KEY.external_task_id(0)), RUNNING)], False, id="run"),
    ],
)
def test_a_job_after_a_call_without_an_answer_may_be_of_another_task(
    given: SubmissionContext, script: Any, uncertain: bool
) -> None:
    assert walk(given, script).uncertain_origin is uncertain
    if given.is_retry:
        found = walk(given, script, find_existing)
        assert found.uncertain_origin is uncertain


def test_a_retry_where_names_are_not_unique_waits_for_a_job_that_may_be_its_own() -> None:
    retry = shared(is_retry=True, refuses_duplicates=False, earlier_tries=1)
    script = [
        (FIND, None),
        *(step for pause in LATE_LOOKUP_DELAYS for step in [(Sleep(pause), None), (FIND, None)]),
    ]
    assert type(walk(retry, script)).__name__ == "KlingJobUnseen"


def test_an_expired_job_is_submitted_again_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    then = round(time.time() * 1000) - (RESULT_DAYS * 86_400 + 60) * 1000
    deleted = replace(DONE, updated_at=then)
    script = [(CREATE, TAKEN), (FIND, deleted), (FindTask(NEXT), None), (CreateTask(NEXT), NEW)]
    outcome = walk(shared(resubmit_expired=True), script)
    assert outcome == SubmittedTask(NEW, NEXT, reattached=False, failed_attempts=1)
    assert "Kling has deleted the result of job 7" in caplog.text


@pytest.mark.parametrize("is_retry", [False, True])
def test_a_refused_job_is_the_result_with_on_refused_return(is_retry: bool) -> None:
    first = [] if is_retry else [(CREATE, TAKEN)]
    stored = walk(shared(is_retry=is_retry, return_refused=True), [*first, (FIND, REFUSED_JOB)])
    assert stored.task is REFUSED_JOB
    second = walk(
        shared(is_retry=is_retry),
        [*first, (FIND, REFUSED_JOB), (FindTask(NEXT), None), (CreateTask(NEXT), NEW)],
    )
    assert second.task is NEW
    other = walk(
        shared(is_retry=is_retry, return_refused=True),
        [*first, (FIND, FAILED), (FindTask(NEXT), None), (CreateTask(NEXT), NEW)],
    )
    assert other.task is NEW, "a job that failed for another reason is made again"
