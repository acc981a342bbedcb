# SPDX-License-Identifier: Apache-2.0
"""Every path through the decision of submitting exactly once, without any I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_kling.exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
    KlingTaskFailed,
)
from airflow_provider_kling.submission import (
    CREATE_ROUNDS,
    FIND_PAUSES,
    MAX_ATTEMPTS,
    Create,
    LookUp,
    Pause,
    Submission,
)
from tests.submission_steps import (
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
    RUNNING,
    TAKEN,
    Memory,
    Script,
    attached,
    made,
    terms,
    walk,
)


@pytest.mark.parametrize(
    ("tried_before", "script", "outcome"),
    [
        # First try.
        pytest.param(False, [(CREATE, NEW)], made(), id="created"),
        pytest.param(False, [(CREATE, FAILED)], made(FAILED), id="created and failed at once"),
        pytest.param(
            False,
            [(CREATE, LOST), (Pause(1.0), None), (FIND, RUNNING)],
            attached(),
            id="answer lost, job found",
        ),
        pytest.param(
            False,
            [(CREATE, LOST), (Pause(1.0), None), (FIND, None), (Pause(3.0), None), (FIND, DONE)],
            attached(DONE),
            id="answer lost, job found late",
        ),
        pytest.param(
            False,
            [(CREATE, LOST), *LOOK_TWICE, (Pause(1.0), None), (CREATE, NEW)],
            made(),
            id="request lost, created again under the same name",
        ),
        pytest.param(
            False,
            [(CREATE, LOST), *LOOK_TWICE, (Pause(1.0), None), (CREATE, TAKEN), (FIND, RUNNING)],
            attached(),
            id="answer lost, job found only after Kling refused a second one",
        ),
        pytest.param(False, [(CREATE, TAKEN), (FIND, RUNNING)], attached(), id="taken, attached"),
        pytest.param(
            False,
            [(CREATE, TAKEN), (FIND, None), (Pause(1.0), None), (FIND, RUNNING)],
            attached(),
            id="taken, found late",
        ),
        pytest.param(
            False,
            [(CREATE, TAKEN), (FIND, FAILED), (LookUp(NEXT), None), (Create(NEXT), NEW)],
            made(name=NEXT, attempt=1),
            id="taken by a failed job, next one created",
        ),
        pytest.param(
            False, [(CREATE, NOT_SENT), (Pause(1.0), None), (CREATE, NEW)], made(), id="not sent, then sent"
        ),
        # Later tries ask first.
        pytest.param(True, [(FIND, RUNNING)], attached(), id="retry attaches"),
        pytest.param(True, [(FIND, DONE)], attached(DONE), id="retry finds it finished"),
        pytest.param(True, [(FIND, None), (CREATE, NEW)], made(), id="retry finds none and creates"),
        pytest.param(
            True,
            [(FIND, FAILED), (LookUp(NEXT), None), (Create(NEXT), NEW)],
            made(name=NEXT, attempt=1),
            id="retry after a failed job creates the next",
        ),
        pytest.param(
            True,
            [(FIND, FAILED), (LookUp(NEXT), RUNNING)],
            attached(name=NEXT, attempt=1),
            id="retry attaches to the job after the failed one",
        ),
    ],
)
def test_paths_that_end_with_a_job(tried_before: bool, script: Script, outcome: Submission) -> None:
    assert walk(terms(tried_before=tried_before), script) == outcome


@pytest.mark.parametrize(
    ("tried_before", "script", "kind", "job"),
    [
        pytest.param(False, [(CREATE, FULL)], KlingSlotsTaken, JobState.NOT_CREATED, id="no slot"),
        pytest.param(False, [(CREATE, BAD)], KlingRequestInvalid, JobState.NOT_CREATED, id="refused"),
        pytest.param(False, [(CREATE, REFUSED)], KlingAuthError, JobState.NOT_CREATED, id="no access"),
        pytest.param(
            False,
            [(CREATE, LOST), (Pause(1.0), None), (FIND, DOWN)],
            KlingServerError,
            None,
            id="look-up fails",
        ),
        pytest.param(True, [(FIND, DOWN)], KlingServerError, None, id="look-up fails on retry"),
        pytest.param(
            False, [(CREATE, TAKEN), (FIND, DOWN)], KlingServerError, None, id="look-up fails when taken"
        ),
        pytest.param(
            False,
            [(CREATE, TAKEN), (FIND, None), *LOOK_TWICE],
            KlingSubmissionUnknown,
            JobState.MAY_EXIST,
            id="taken but nowhere",
        ),
        pytest.param(
            False,
            [
                *[(CREATE, LOST), *LOOK_TWICE, (Pause(1.0), None)],
                *[(CREATE, LOST), *LOOK_TWICE, (Pause(3.0), None)],
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
                (Pause(1.0), None),
                (CREATE, NOT_SENT),
                (Pause(3.0), None),
                (CREATE, NOT_SENT),
            ],
            KlingServerError,
            JobState.NOT_CREATED,
            id="never sent",
        ),
        pytest.param(
            False,
            [
                *[(CREATE, LOST), *LOOK_TWICE, (Pause(1.0), None), (CREATE, NOT_SENT)],
                *[(Pause(3.0), None), (CREATE, NOT_SENT)],
            ],
            KlingServerError,
            JobState.MAY_EXIST,
            id="lost once, then never sent: the first may still have made a job",
        ),
    ],
)
def test_paths_that_end_without_one(
    tried_before: bool, script: Script, kind: type[KlingError], job: JobState | None
) -> None:
    outcome = walk(terms(tried_before=tried_before), script)
    assert isinstance(outcome, KlingError)
    assert (type(outcome), outcome.job) == (kind, job)


BLIND = {"can_look_up": False}


@pytest.mark.parametrize(
    ("given", "script", "outcome"),
    [
        pytest.param({}, [(CREATE, NEW)], made(), id="created"),
        pytest.param(
            {}, [(CREATE, NOT_SENT), (Pause(1.0), None), (CREATE, NEW)], made(), id="not sent, then sent"
        ),
        pytest.param({}, [(CREATE, LOST)], KlingSubmissionUnknown, id="lost"),
        pytest.param({}, [(CREATE, TAKEN)], KlingSubmissionUnknown, id="taken: it cannot be asked for"),
        pytest.param({}, [(CREATE, FULL)], KlingSlotsTaken, id="no slot"),
        pytest.param({"tried_before": True}, [], KlingSubmissionUnknown, id="retry without memory"),
        pytest.param(
            {"tried_before": True, "answers_at_once": True},
            [(CREATE, NEW)],
            made(),
            id="retry of a synchronous call",
        ),
        pytest.param(
            {"answers_at_once": True}, [(CREATE, LOST)], KlingSubmissionUnknown, id="synchronous, lost"
        ),
    ],
)
def test_hosts_and_endpoints_that_cannot_be_asked(
    given: dict[str, Any], script: Script, outcome: Submission | type[KlingError]
) -> None:
    found = walk(terms(**BLIND, **given), script)
    if isinstance(outcome, type):
        assert type(found) is outcome
    else:
        assert found == outcome


def test_a_failed_look_up_never_leads_to_a_create() -> None:
    """Whatever a look-up throws, wherever it stands: the next step is none."""
    scripts: list[tuple[bool, Script]] = [
        (True, [(FIND, DOWN)]),
        (True, [(FIND, FAILED), (LookUp(NEXT), DOWN)]),
        (False, [(CREATE, LOST), (Pause(1.0), None), (FIND, DOWN)]),
        (False, [(CREATE, LOST), (Pause(1.0), None), (FIND, None), (Pause(3.0), None), (FIND, DOWN)]),
        (False, [(CREATE, TAKEN), (FIND, DOWN)]),
        (False, [(CREATE, TAKEN), (FIND, None), (Pause(1.0), None), (FIND, DOWN)]),
    ]
    for tried_before, script in scripts:
        assert walk(terms(tried_before=tried_before), script) is DOWN


def test_something_is_wrong_when_too_many_jobs_have_failed() -> None:
    script: Script = [(LookUp(KEY.external_task_id(attempt)), FAILED) for attempt in range(MAX_ATTEMPTS)]
    assert type(walk(terms(tried_before=True), script)) is KlingTaskFailed


def test_there_is_a_pause_before_each_repetition() -> None:
    assert len(FIND_PAUSES) >= CREATE_ROUNDS - 1
    assert min(FIND_PAUSES) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": "other"},
        {"task_id": "other"},
        {"run_id": "other"},
        {"map_index": 3},
        {"generation": 1},
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


def test_a_name_of_the_users_own_is_kept() -> None:
    key = replace(KEY, given="order-17")
    assert [key.external_task_id(attempt) for attempt in range(3)] == ["order-17", "order-17-2", "order-17-3"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "attaches to it; a clear makes a new one"),
        ({"can_look_up": False}, "A retry of this task stops rather than pay twice"),
        ({"can_look_up": False, "memory": Memory()}, "attaches to it if its answer has come"),
        ({"can_look_up": False, "answers_at_once": True}, "charged again"),
    ],
)
def test_who_ends_a_task_is_told_what_a_retry_does(given: dict[str, Any], words: str) -> None:
    assert words in terms(**given).outlook
