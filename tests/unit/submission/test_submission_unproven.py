# SPDX-License-Identifier: Apache-2.0
"""If a look-up that finds nothing proves nothing, it is not taken as proof that there is no job."""

from __future__ import annotations

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.operators._error_report import RecoveryAdvice


def test_only_this_endpoint_is_known_by_practice_alone() -> None:
    unproven = [slug for slug, endpoint in ENDPOINTS.items() if not endpoint.absence_proves]
    assert unproven == ["videos/advanced-lip-sync"]


def test_the_error_names_the_missing_proof() -> None:
    advice = RecoveryAdvice(
        "videos/advanced-lip-sync", will_retry=True, can_look_up=True, absence_proves=False
    )
    assert "stops rather than pay twice" in advice.for_kill()
