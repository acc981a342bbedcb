# SPDX-License-Identifier: Apache-2.0
"""A retry policy for tasks that use Kling (Airflow 3.3 and newer).

Without it, too, errors that no retry can fix are not retried, because they derive from
``AirflowFailException``. The policy adds a delay by the kind of error.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from . import exceptions

SLOT_DELAY = timedelta(minutes=1)
RATE_DELAY = timedelta(seconds=15)
SERVER_DELAY = timedelta(seconds=30)
MISSING_DELAY = timedelta(minutes=1)
ATTACH_DELAY = timedelta(seconds=5)


def _policy() -> Any:
    try:
        from .version_compat import ExceptionRetryPolicy, RetryRule
        from .version_compat import RetryAction as Action
    except (ImportError, AttributeError):
        return None
    final: list[type[BaseException] | str] = [
        exceptions.KlingAuthError,
        exceptions.KlingAccountError,
        exceptions.KlingContentRefused,
        exceptions.KlingRequestInvalid,
        exceptions.KlingResultExpired,
        exceptions.KlingSubmissionUnknown,
        # Of a synchronous endpoint: a retry would pay again.
        "airflow_provider_kling.results.expected_files.KlingAnswerWithoutResult",
    ]
    waits = [
        (exceptions.KlingSlotsTaken, SLOT_DELAY, "all slots of the account are taken"),
        (exceptions.KlingRateLimited, RATE_DELAY, "too many requests"),
        (
            exceptions.KlingServerError,
            SERVER_DELAY,
            "Kling or the network failed; a retry pays nothing twice",
        ),
        (
            exceptions.KlingResultMissing,
            MISSING_DELAY,
            "the job holds no file yet; the retry reads it again",
        ),
        (exceptions.KlingTaskTimeout, ATTACH_DELAY, "the job continues; the retry attaches to it"),
    ]
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=final, action=Action.FAIL, reason="no retry can fix this"),
            *(
                RetryRule(exception=kind, action=Action.RETRY, retry_delay=delay, reason=reason)
                for kind, delay, reason in waits
            ),
        ]
    )


KLING_RETRY_POLICY: Any = _policy()
"""For a task's ``retry_policy``; ``None`` before Airflow 3.3, where the parameter does not exist."""
