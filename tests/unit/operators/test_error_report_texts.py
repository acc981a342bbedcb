# SPDX-License-Identifier: Apache-2.0
"""What an error says of the tries to come is true, whatever is known of the job and of those tries."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.exceptions import (
    JobState,
    KlingAuthError,
    KlingContentRefused,
    KlingError,
    KlingRequestInvalid,
    KlingResultExpired,
    KlingResultNotKept,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.operators._error_report import RecoveryAdvice

SLUG = "videos/text2video"
LATE = KlingTaskTimeout("late.", task_id="8", job=JobState.EXISTS)
MAY_EXIST_ERROR = KlingServerError("lost.", job=JobState.MAY_EXIST)
NAMED = KlingServerError("lost.", job=JobState.MAY_EXIST)
NAMED.external_task_id = "af-1"
NOT_STORED = KlingResultNotKept("disk full.", task_id="8", job=JobState.ENDED)
KEY_REFUSED = KlingAuthError("key.", task_id="8", job=JobState.EXISTS)
EXPIRED = KlingResultExpired("gone.", task_id="8", job=JobState.ENDED)

BLIND = {"can_look_up": False}
LAST = {"will_retry": False}
FETCH = "KlingFetchResultOperator stores its result (endpoint videos/text2video, kling_task_id 8)."
CLEAR = "a clear makes a new one, which is charged."


def advice(**values: Any) -> RecoveryAdvice:
    return RecoveryAdvice(**{"endpoint": SLUG, "will_retry": True, "can_look_up": True, **values})


@pytest.mark.parametrize(
    ("values", "error", "expected_text"),
    [
        ({}, LATE, f"A retry of this task attaches to it; {CLEAR}"),
        ({}, NOT_STORED, f"A retry of this task fetches it again without a new job; {CLEAR}"),
        (LAST, LATE, f"Airflow does not try this again, and {CLEAR} {FETCH}"),
        (LAST, NOT_STORED, f"Airflow does not try this again, and {CLEAR} {FETCH}"),
        # Airflow has tries left, but makes none after such an error.
        ({}, KEY_REFUSED, f"Airflow does not try this again, and {CLEAR} {FETCH}"),
        (BLIND, LATE, f"A retry of this task stops rather than pay twice; {CLEAR} {FETCH}"),
        ({**BLIND, "has_state_store": True}, LATE, f"A retry of this task attaches to it; {CLEAR}"),
        ({**BLIND, **LAST}, LATE, f"Airflow does not try this again, and {CLEAR} {FETCH}"),
        (
            {},
            NAMED,
            f"A retry of this task looks for it, and attaches to it if it was made; {CLEAR} "
            "KlingFetchResultOperator stores its result, if it was made (endpoint videos/text2video, "
            "kling_task_id af-1).",
        ),
        (
            LAST,
            MAY_EXIST_ERROR,
            f"Airflow does not try this again, and {CLEAR} "
            "KlingResultSweepOperator stores the results of all jobs of the account.",
        ),
        # An external id without a look-up is of no use.
        (
            {**BLIND, **LAST, "can_list": False},
            NAMED,
            f"Airflow does not try this again, and {CLEAR} The host's",
        ),
        (
            {"user_named": True},
            LATE,
            "A retry of this task attaches to it; a clear attaches to it, because external_task_id is your "
            "own.",
        ),
        (
            {"user_named": True, **LAST},
            LATE,
            "Airflow does not try this again, and a clear attaches to it, because external_task_id is your "
            "own.",
        ),
        ({}, EXPIRED, "To make it again, and be charged again, clear this task."),
        ({"user_named": True}, EXPIRED, "charged again, give this task another external_task_id."),
    ],
)
def test_what_comes_after_an_error(values: dict[str, Any], error: KlingError, expected_text: str) -> None:
    assert expected_text in (advice(**values).for_error(error) or "")


@pytest.mark.parametrize("values", [{}, LAST], ids=["retries left", "last try"])
@pytest.mark.parametrize("error", [NOT_STORED, LATE, MAY_EXIST_ERROR])
def test_a_synchronous_result_cannot_be_fetched_again(values: dict[str, Any], error: KlingError) -> None:
    text = advice(synchronous=True, can_look_up=False, has_state_store=True, **values).for_error(error)
    assert text == (
        "Kling stores no result of it that could be read later: running this task again sends a new request, "
        "which is charged again."
    )


@pytest.mark.parametrize(
    "error",
    [
        KlingRequestInvalid("wrong.", job=JobState.NOT_CREATED),
        KlingServerError("down.", job=JobState.NOT_CREATED),
        KlingError("what?"),
        KlingSubmissionUnknown("clear the task.", job=JobState.MAY_EXIST),
        KlingTaskFailed("no face.", task_id="8", job=JobState.ENDED),
        KlingContentRefused("no.", task_id="8", job=JobState.ENDED),
    ],
)
@pytest.mark.parametrize("values", [{}, LAST], ids=["retries left", "last try"])
def test_without_a_way_to_read_again_there_is_no_advice(values: dict[str, Any], error: KlingError) -> None:
    assert advice(**values).for_error(error) is None


@pytest.mark.parametrize(
    ("values", "expected_text"),
    [
        ({}, "A retry of this task attaches to it; a clear makes a new one"),
        (BLIND, "A retry of this task stops rather than pay twice"),
        ({**BLIND, "has_state_store": True}, "attaches to it if its answer has come, and else stops"),
        ({**BLIND, "synchronous": True}, "charged again"),
        (LAST, "No retry is left, and a clear makes a new one, which is charged."),
    ],
)
def test_ending_a_task_logs_what_a_retry_does(values: dict[str, Any], expected_text: str) -> None:
    assert expected_text in advice(**values).for_kill()
