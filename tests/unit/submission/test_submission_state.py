# SPDX-License-Identifier: Apache-2.0
"""What Airflow remembers of a job saves requests, and replaces asking where that is not possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_kling.exceptions import JobState, KlingError, KlingSubmissionUnknown
from airflow_provider_kling.submission.context import CreateTask, FindTask, Sleep, SubmittedTask
from tests.support.submission_steps import (
    CREATE,
    DONE,
    FAILED,
    FIND,
    FULL,
    KEY,
    LOST,
    NAME,
    NEW,
    NEXT,
    NOT_SENT,
    RUNNING,
    Memory,
    Script,
    attached,
    context,
    made,
    walk,
)

NEWEST = KEY.external_task_id(2)
LOOKED_UP = {NAME: {"task_id": None}}
KNOWN = {NAME: {"task_id": "7"}}


@pytest.mark.parametrize(
    ("script", "jobs"),
    [
        pytest.param([(CREATE, NEW)], {NAME: {"task_id": "100"}}, id="created"),
        pytest.param([(CREATE, FULL)], {}, id="no slot"),
        pytest.param([(CREATE, NOT_SENT), (Sleep(1.0), None), (CREATE, FULL)], {}, id="not sent"),
        pytest.param([(CREATE, LOST)], LOOKED_UP, id="lost"),
    ],
)
def test_what_is_remembered_where_nothing_can_be_looked_up(script: Script, jobs: dict[str, Any]) -> None:
    state = Memory()
    walk(context(can_look_up=False, state=state), script)
    assert state.jobs == jobs


def test_the_request_is_noted_before_it_is_made() -> None:
    """A worker that dies with the request on its way must leave a trace."""
    state = Memory()

    class Died(Exception):
        """The worker is gone."""

    class Watching(Memory):
        def put(self, external_task_id: str, task_id: str | None) -> None:
            state.put(external_task_id, task_id)
            raise Died

    with pytest.raises(Died):
        walk(context(can_look_up=False, state=Watching()), [])
    assert state.jobs == LOOKED_UP


@pytest.mark.parametrize("is_retry", [True, False])
@pytest.mark.parametrize(
    ("jobs", "script", "outcome"),
    [
        pytest.param(LOOKED_UP, [], KlingSubmissionUnknown, id="died while asking"),
        pytest.param(KNOWN, [(FindTask("7"), RUNNING)], attached(), id="attaches by the job's own id"),
        pytest.param(KNOWN, [(FindTask("7"), DONE)], attached(DONE), id="finds it finished"),
        pytest.param(
            KNOWN,
            [(FindTask("7"), FAILED), (CreateTask(NEXT), NEW)],
            made(name=NEXT, attempt=1),
            id="after a failed job",
        ),
        pytest.param(KNOWN, [(FindTask("7"), None)], KlingSubmissionUnknown, id="a job that cannot be found"),
        pytest.param(
            {**KNOWN, NEXT: {"task_id": "8"}},
            [(FindTask("8"), RUNNING)],
            attached(name=NEXT, attempt=1),
            id="goes straight to the last attempt",
        ),
        pytest.param({**KNOWN, NEXT: {"task_id": None}}, [], KlingSubmissionUnknown, id="died at the second"),
    ],
)
def test_the_stored_state_replaces_look_ups(
    jobs: dict[str, Any], script: Script, outcome: SubmittedTask | type[KlingError], is_retry: bool
) -> None:
    """Also on what counts as a first try: what is remembered was asked for, whatever the count says."""
    values = context(can_look_up=False, is_retry=is_retry, state=Memory(dict(jobs)))
    found = walk(values, script)
    if isinstance(outcome, type):
        assert type(found) is outcome
        assert isinstance(found, KlingError)
        assert found.job is JobState.MAY_EXIST
    else:
        assert found == outcome


def test_a_retry_with_an_empty_stored_state_has_nothing_to_find() -> None:
    values = context(can_look_up=False, is_retry=True, state=Memory())
    assert walk(values, [(CREATE, NEW)]) == made()


@pytest.mark.parametrize(
    ("jobs", "script", "outcome"),
    [
        pytest.param(LOOKED_UP, [], KlingSubmissionUnknown, id="died before the answer"),
        pytest.param(KNOWN, [(CREATE, DONE)], made(DONE), id="the answer came, and is gone"),
        pytest.param({NAME: {"task_id": ""}}, [(CREATE, DONE)], made(DONE), id="it came without an id"),
    ],
)
def test_synchronous_calls(
    jobs: dict[str, Any], script: Script, outcome: SubmittedTask | type[KlingError]
) -> None:
    state = Memory(dict(jobs))
    found = walk(context(can_look_up=False, synchronous=True, is_retry=True, state=state), script)
    if isinstance(outcome, type):
        assert type(found) is outcome
    else:
        assert found == outcome


def test_at_kling_the_stored_state_is_always_verified() -> None:
    """It says what to ask for; what Kling answers decides."""
    known = context(is_retry=True, state=Memory(dict(KNOWN)))
    assert walk(known, [(FIND, None), (CREATE, NEW)]) == made()
    assert walk(context(is_retry=True, state=Memory()), [(FIND, RUNNING)]) == attached()


def test_at_kling_the_stored_state_saves_look_ups_of_failed_jobs() -> None:
    jobs = {NAME: {"task_id": "5"}, NEXT: {"task_id": "6"}, NEWEST: {"task_id": "7"}}
    values = context(is_retry=True, state=Memory(jobs))
    assert walk(values, [(FindTask(NEWEST), RUNNING)]) == attached(name=NEWEST, attempt=2)


def test_at_kling_a_first_try_asks_nothing_of_airflow() -> None:
    """Each question takes a request to the api-server, and Kling knows the name anyway."""

    class Untouchable(Memory):
        def get(self, external_task_id: str) -> Mapping[str, Any] | None:
            raise AssertionError(external_task_id)

    state = Untouchable()
    assert walk(context(state=state), [(CREATE, NEW)]) == made()
    assert state.jobs == {}


def test_at_kling_a_job_is_remembered_that_follows_failed_ones() -> None:
    state = Memory()
    values = context(is_retry=True, state=state)
    found: Script = [
        (FindTask(NEXT), None),
        (CreateTask(NEXT), LOST),
        (Sleep(1.0), None),
        (FindTask(NEXT), RUNNING),
    ]
    walk(values, [(FIND, FAILED), *found])
    assert state.jobs == {NEXT: {"task_id": RUNNING.task_id}}
    assert walk(values, [(FindTask(NEXT), RUNNING)]) == attached(name=NEXT, attempt=1)
