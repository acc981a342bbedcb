# SPDX-License-Identifier: Apache-2.0
"""Every path through the decision of submitting exactly once, without any I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_kling.exceptions import (
    TAKEN_ADVICE,
    JobState,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
    KlingTaskExists,
    KlingTaskFailed,
    KlingWaitInterrupted,
)
from airflow_provider_kling.submission.context import CreateTask, FindTask, Sleep, SubmittedTask
from airflow_provider_kling.submission.submit import (
    LOOKUP_DELAYS,
    MAX_CREATE_CALLS,
    MAX_FAILED_TASKS,
    find_existing,
)
from tests.support.submission_steps import (
    BAD,
    CREATE,
    DONE,
    DOWN,
    FAILED,
    FIND,
    FULL,
    KEY,
    LOOK_TWICE,
    LOST,
    NAME,
    NEW,
    NEXT,
    NOT_SENT,
    REFUSED,
    REFUSED_QUESTION,
    RUNNING,
    TAKEN,
    Memory,
    Script,
    attached,
    context,
    made,
    walk,
)


@pytest.mark.parametrize(
    ("is_retry", "script", "outcome"),
    [
        # First try.
        pytest.param(False, [(CREATE, NEW)], made(), id="created"),
        pytest.param(False, [(CREATE, FAILED)], made(FAILED), id="created and failed at once"),
        pytest.param(
            False,
            [(CREATE, LOST), (Sleep(1.0), None), (FIND, RUNNING)],
            attached(),
            id="answer lost, job found",
        ),
        pytest.param(
            False,
            [(CREATE, LOST), (Sleep(1.0), None), (FIND, None), (Sleep(3.0), None), (FIND, DONE)],
            attached(DONE),
            id="answer lost, job found late",
        ),
        pytest.param(
            False,
            [(CREATE, LOST), *LOOK_TWICE, (Sleep(1.0), None), (CREATE, NEW)],
            made(),
            id="request lost, created again under the same name",
        ),
        pytest.param(
            False,
            [(CREATE, LOST), *LOOK_TWICE, (Sleep(1.0), None), (CREATE, TAKEN), (FIND, RUNNING)],
            attached(),
            id="answer lost, job found only after Kling refused a second one",
        ),
        pytest.param(False, [(CREATE, TAKEN), (FIND, RUNNING)], attached(), id="taken, attached"),
        pytest.param(
            False,
            [(CREATE, TAKEN), (FIND, None), (Sleep(1.0), None), (FIND, RUNNING)],
            attached(),
            id="taken, found late",
        ),
        pytest.param(
            False,
            [(CREATE, TAKEN), (FIND, FAILED), (FindTask(NEXT), None), (CreateTask(NEXT), NEW)],
            made(name=NEXT, attempt=1),
            id="taken by a failed job, next one created",
        ),
        pytest.param(
            False, [(CREATE, NOT_SENT), (Sleep(1.0), None), (CREATE, NEW)], made(), id="not sent, then sent"
        ),
        # Later tries ask first.
        pytest.param(True, [(FIND, RUNNING)], attached(), id="retry attaches"),
        pytest.param(True, [(FIND, DONE)], attached(DONE), id="retry finds it finished"),
        pytest.param(
            True,
            [(FIND, REFUSED), (Sleep(2.0), None), (FIND, REFUSED), (Sleep(4.0), None), (FIND, RUNNING)],
            attached(),
            id="retry is refused for a moment",
        ),
        pytest.param(True, [(FIND, None), (CREATE, NEW)], made(), id="retry finds none and creates"),
        pytest.param(
            True,
            [(FIND, FAILED), (FindTask(NEXT), None), (CreateTask(NEXT), NEW)],
            made(name=NEXT, attempt=1),
            id="retry after a failed job creates the next",
        ),
        pytest.param(
            True,
            [(FIND, FAILED), (FindTask(NEXT), RUNNING)],
            attached(name=NEXT, attempt=1),
            id="retry attaches to the job after the failed one",
        ),
    ],
)
def test_paths_that_end_with_a_job(is_retry: bool, script: Script, outcome: SubmittedTask) -> None:
    assert walk(context(is_retry=is_retry), script) == outcome


@pytest.mark.parametrize(
    ("is_retry", "script", "kind", "job"),
    [
        pytest.param(
            True,
            [(FIND, REFUSED), (Sleep(2.0), None), (FIND, REFUSED), (Sleep(4.0), None), (FIND, REFUSED)],
            KlingWaitInterrupted,
            JobState.MAY_EXIST,
            id="retry may not ask",
        ),
        pytest.param(
            False,
            [
                *[(CREATE, LOST), (Sleep(1.0), None), (FIND, REFUSED)],
                *[(Sleep(2.0), None), (FIND, REFUSED), (Sleep(4.0), None), (FIND, REFUSED)],
            ],
            KlingWaitInterrupted,
            JobState.MAY_EXIST,
            id="answer lost, may not ask",
        ),
        pytest.param(False, [(CREATE, FULL)], KlingSlotsTaken, JobState.NOT_CREATED, id="no slot"),
        pytest.param(False, [(CREATE, BAD)], KlingRequestInvalid, JobState.NOT_CREATED, id="refused"),
        pytest.param(False, [(CREATE, REFUSED)], KlingAuthError, JobState.NOT_CREATED, id="no access"),
        pytest.param(
            False,
            [(CREATE, LOST), (Sleep(1.0), None), (FIND, DOWN)],
            KlingServerError,
            JobState.MAY_EXIST,
            id="look-up fails",
        ),
        pytest.param(True, [(FIND, DOWN)], KlingServerError, JobState.MAY_EXIST, id="look-up fails on retry"),
        pytest.param(
            False,
            [(CREATE, TAKEN), (FIND, DOWN)],
            KlingServerError,
            JobState.MAY_EXIST,
            id="look-up fails when taken",
        ),
        pytest.param(
            False,
            [(CREATE, TAKEN), (FIND, None), *LOOK_TWICE],
            KlingWaitInterrupted,
            JobState.MAY_EXIST,
            id="taken but nowhere",
        ),
        pytest.param(
            False,
            [
                *[(CREATE, LOST), *LOOK_TWICE, (Sleep(1.0), None)],
                *[(CREATE, LOST), *LOOK_TWICE, (Sleep(3.0), None)],
                *[(CREATE, LOST), *LOOK_TWICE],
            ],
            KlingServerError,
            JobState.MAY_EXIST,
            id="lost every time",
        ),
        pytest.param(
            False,
            [
                (CREATE, NOT_SENT),
                (Sleep(1.0), None),
                (CREATE, NOT_SENT),
                (Sleep(3.0), None),
                (CREATE, NOT_SENT),
            ],
            KlingServerError,
            JobState.NOT_CREATED,
            id="never sent",
        ),
        pytest.param(
            False,
            [
                *[(CREATE, LOST), *LOOK_TWICE, (Sleep(1.0), None), (CREATE, NOT_SENT)],
                *[(Sleep(3.0), None), (CREATE, NOT_SENT)],
            ],
            KlingServerError,
            JobState.MAY_EXIST,
            id="lost once, then never sent: the first may still have made a job",
        ),
    ],
)
def test_paths_that_end_without_one(
    is_retry: bool, script: Script, kind: type[KlingError], job: JobState | None
) -> None:
    outcome = walk(context(is_retry=is_retry), script)
    assert isinstance(outcome, KlingError)
    assert (type(outcome), outcome.job) == (kind, job)


BLIND = {"can_look_up": False}


@pytest.mark.parametrize(
    ("values", "script", "outcome"),
    [
        pytest.param({}, [(CREATE, NEW)], made(), id="created"),
        pytest.param(
            {}, [(CREATE, NOT_SENT), (Sleep(1.0), None), (CREATE, NEW)], made(), id="not sent, then sent"
        ),
        pytest.param({}, [(CREATE, LOST)], KlingSubmissionUnknown, id="lost"),
        pytest.param({}, [(CREATE, TAKEN)], KlingSubmissionUnknown, id="taken: it cannot be asked for"),
        pytest.param({}, [(CREATE, FULL)], KlingSlotsTaken, id="no slot"),
        pytest.param({"is_retry": True}, [], KlingSubmissionUnknown, id="retry without memory"),
        pytest.param(
            {"is_retry": True, "synchronous": True},
            [(CREATE, NEW)],
            made(),
            id="retry of a synchronous call",
        ),
        pytest.param({"synchronous": True}, [(CREATE, LOST)], KlingSubmissionUnknown, id="synchronous, lost"),
    ],
)
def test_hosts_and_endpoints_that_cannot_be_queried(
    values: dict[str, Any], script: Script, outcome: SubmittedTask | type[KlingError]
) -> None:
    found = walk(context(**BLIND, **values), script)
    if isinstance(outcome, type):
        assert type(found) is outcome
    else:
        assert found == outcome


def test_a_failed_look_up_never_leads_to_a_create() -> None:
    """Whatever a look-up throws, wherever it stands: the next step is none."""
    scripts: list[tuple[bool, Script]] = [
        (True, [(FIND, DOWN)]),
        (True, [(FIND, FAILED), (FindTask(NEXT), DOWN)]),
        (False, [(CREATE, LOST), (Sleep(1.0), None), (FIND, DOWN)]),
        (False, [(CREATE, LOST), (Sleep(1.0), None), (FIND, None), (Sleep(3.0), None), (FIND, DOWN)]),
        (False, [(CREATE, TAKEN), (FIND, DOWN)]),
        (False, [(CREATE, TAKEN), (FIND, None), (Sleep(1.0), None), (FIND, DOWN)]),
    ]
    for tried_before, script in scripts:
        assert type(walk(context(is_retry=tried_before), script)) is type(DOWN)


def test_something_is_wrong_when_too_many_jobs_have_failed() -> None:
    script: Script = [
        (FindTask(KEY.external_task_id(attempt)), FAILED) for attempt in range(MAX_FAILED_TASKS)
    ]
    assert type(walk(context(is_retry=True), script)) is KlingTaskFailed


def test_there_is_a_pause_before_each_repetition() -> None:
    assert len(LOOKUP_DELAYS) >= MAX_CREATE_CALLS - 1
    assert min(LOOKUP_DELAYS) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": "other"},
        {"task_id": "other"},
        {"run_id": "other"},
        {"map_index": 3},
        {"clear_count": 1},
        {"fingerprint": "other"},
        # Fields do not run into each other.
        {"dag_id": "dagt", "task_id": "ask"},
    ],
)
def test_whatever_makes_a_job_another_one_changes_its_name(change: dict[str, Any]) -> None:
    assert replace(KEY, **change).external_task_id(0) != NAME


def test_a_name_is_constant_and_fit_for_a_path() -> None:
    assert replace(KEY).external_task_id(0) == NAME
    assert len({KEY.external_task_id(attempt) for attempt in range(50)}) == 50
    assert NAME.startswith("af-")
    assert NAME.removeprefix("af-").isalnum()
    assert len(NAME) == 35


def test_a_users_own_external_id_is_sent_unchanged() -> None:
    key = replace(KEY, user_external_task_id="order-17")
    names = [key.external_task_id(attempt) for attempt in range(3)]
    assert names[0] == "order-17"
    assert names == [replace(key, fingerprint="other").external_task_id(attempt) for attempt in range(3)]
    assert len({*names, "order-17-2", "order-17-3"}) == 5


@pytest.mark.parametrize(
    ("values", "script"),
    [
        pytest.param({"can_look_up": False}, [(CREATE, LOST)], id="lost"),
        pytest.param({"can_look_up": False}, [(CREATE, TAKEN)], id="taken"),
    ],
)
def test_an_unknown_outcome_reports_what_is_known_of_the_job_once(
    values: dict[str, Any], script: Script
) -> None:
    """The error inside knows less: what it says of the job is no part of what the outer one says."""
    unknown = walk(context(**values), script)
    assert type(unknown) is KlingSubmissionUnknown
    assert "continues at Kling" not in str(unknown)
    assert str(unknown).count("may have been made") == 1


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            [(CREATE, LOST), (Sleep(1.0), None), (FIND, REFUSED_QUESTION)], id="after a lost answer"
        ),
        pytest.param([(CREATE, TAKEN), (FIND, REFUSED_QUESTION)], id="after a name that is taken"),
        pytest.param(
            [(CREATE, LOST), *LOOK_TWICE, (Sleep(1.0), None), (CREATE, FULL)],
            id="a later call is refused, an earlier one is not cleared up",
        ),
    ],
)
def test_a_refusal_after_an_unknown_outcome_does_not_read_as_if_nothing_was_paid(script: Script) -> None:
    refused = walk(context(), script)
    assert isinstance(refused, KlingError)
    assert refused.job is JobState.MAY_EXIST
    assert refused.external_task_id == NAME
    assert "A job may have been made and may be charged" in str(refused)
    assert "No job was made" not in str(refused)


def test_an_error_says_once_that_the_name_is_taken() -> None:
    answer = "Kling: External_task_id already exists (1201)."
    taken = KlingTaskExists(f"{TAKEN_ADVICE} {answer}", job=JobState.EXISTS)
    late = walk(context(), [(CREATE, taken), (FIND, None), *LOOK_TWICE])
    unknown = walk(context(can_look_up=False), [(CREATE, taken)])
    for error in (late, unknown):
        assert str(error).count(" is taken") == 1
        assert answer in str(error)
        assert NAME in str(error)
    assert str(late).startswith(TAKEN_ADVICE)
    assert isinstance(late, KlingWaitInterrupted)
    assert str(unknown).startswith("Look for the job in the host's console; for a new one, clear the task.")


@pytest.mark.parametrize(
    ("values", "script", "outcome"),
    [
        pytest.param({}, [(FIND, RUNNING)], attached(), id="there"),
        pytest.param({}, [(FIND, None)], None, id="never made"),
        pytest.param(
            {},
            [(FIND, FAILED), (FindTask(NEXT), DONE)],
            attached(DONE, name=NEXT, attempt=1),
            id="the one after a failed one",
        ),
        pytest.param({}, [(FIND, FAILED), (FindTask(NEXT), None)], None, id="only failed ones"),
        pytest.param({}, [(FIND, DOWN)], type(DOWN), id="look-up fails"),
        pytest.param({"can_look_up": False}, [], KlingSubmissionUnknown, id="nobody to ask"),
        pytest.param(
            {"can_look_up": False, "state": Memory({NAME: {"task_id": "7"}})},
            [(FindTask("7"), RUNNING)],
            attached(),
            id="by memory",
        ),
    ],
)
def test_finding_a_job_again_never_makes_one(values: dict[str, Any], script: Script, outcome: Any) -> None:
    found = walk(context(is_retry=True, **values), script, find_existing)
    assert (type(found) if isinstance(outcome, type) else found) == outcome
