# SPDX-License-Identifier: Apache-2.0
"""Hosts whose jobs appear late and that accept a second job with the same external id."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.exceptions import JobState
from airflow_provider_kling.submission.context import FindTask, Sleep
from airflow_provider_kling.submission.submit import LATE_LOOKUP_DELAYS, KlingJobUnseen
from airflow_provider_kling.version_compat import AirflowFailException
from tests.support.submission_steps import (
    CREATE,
    DONE,
    FAILED,
    FIND,
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

LATE: Script = [step for pause in LATE_LOOKUP_DELAYS for step in ((Sleep(pause), None), (FIND, None))]
SEEN: Script = [*LATE[:-1], (FIND, RUNNING)]
CREATE_NEXT = type(CREATE)(NEXT)


def late(**values: Any) -> Any:
    return context(refuses_duplicates=False, **values)


@pytest.mark.parametrize(
    ("values", "script", "outcome"),
    [
        pytest.param({}, [(CREATE, NEW)], made(), id="first try"),
        pytest.param({}, [(CREATE, LOST), *SEEN], attached(), id="seen late"),
        pytest.param({}, [(CREATE, NOT_SENT), (Sleep(1.0), None), (CREATE, NEW)], made(), id="never sent"),
        pytest.param({"is_retry": True}, [(FIND, None), *SEEN], attached(), id="retry, seen late"),
        pytest.param(
            {"is_retry": True, "earlier_tries": 0},
            [(FIND, None), (CREATE, NEW)],
            made(),
            id="first of a clear",
        ),
        pytest.param(
            {"is_retry": True},
            [(FIND, FAILED), (FindTask(NEXT), None), (CREATE_NEXT, NEW)],
            made(name=NEXT, attempt=1),
            id="the one earlier try ended with a failed job",
        ),
        pytest.param(
            {"is_retry": True, "state": Memory()},
            [(FIND, None), (CREATE, NEW)],
            made(),
            id="never asked for",
        ),
        pytest.param(
            {"started_at": 0.0}, [(FIND, DONE)], attached(DONE), id="slept while another worker made it"
        ),
    ],
)
def test_paths_that_end_with_one_job(values: dict[str, Any], script: Script, outcome: Any) -> None:
    assert walk(late(**values), script) == outcome


@pytest.mark.parametrize(
    ("values", "script"),
    [
        pytest.param({}, [(CREATE, LOST), *LATE], id="lost"),
        pytest.param({"is_retry": True}, [(FIND, None), *LATE], id="retry"),
        pytest.param(
            {"is_retry": True, "state": Memory({NAME: {"task_id": None}})},
            [(FIND, None), *LATE],
            id="noted",
        ),
    ],
)
def test_what_is_not_seen_is_not_made_again(values: dict[str, Any], script: Script) -> None:
    error = walk(late(**values), script)
    assert error.job is JobState.MAY_EXIST
    assert not isinstance(error, AirflowFailException), "a retry looks again"
    if values:
        assert isinstance(error, KlingJobUnseen)


def test_a_cleared_task_that_attaches_makes_an_expired_result_again() -> None:
    deleted = type(DONE)("7", DONE.status, "succeed", updated_at=1)
    script: Script = [(FIND, deleted), (FindTask(NEXT), None), (CREATE_NEXT, NEW)]
    values = context(is_retry=True, resubmit_expired=True)
    assert walk(values, script) == made(name=NEXT, attempt=1)
    assert walk(context(is_retry=True), [(FIND, deleted)]) == attached(deleted)
