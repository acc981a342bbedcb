# SPDX-License-Identifier: Apache-2.0
"""Answers what a DAG run asks a person, as *Required Actions* does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def answer_reviews(option: str, params: dict[str, Any] | None = None) -> list[str]:
    """Answer all open reviews.

    :param option: the option to choose.
    :param params: values of the form.
    :return: the subjects of the reviews.
    """
    from airflow.models.hitl import HITLDetail, HITLUser
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import handle_event_submit
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    asked = []
    with create_session() as session:
        for detail in session.scalars(select(HITLDetail).where(HITLDetail.responded_at.is_(None))).all():
            detail.responded_by = HITLUser(id="1", name="kim")
            detail.responded_at = datetime.now(UTC)
            detail.chosen_options = [option]
            detail.params_input = params or {}
            event = TriggerEvent(detail.as_resume_event_payload())
            ti = session.get(TaskInstance, detail.ti_id)
            handle_event_submit(event, task_instance=ti, session=session)
            asked.append(detail.subject)
    return asked
