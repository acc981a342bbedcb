# SPDX-License-Identifier: Apache-2.0
"""One job, whose status depends on the time alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from .media.specs import ResultEntry, VideoInfo

QUEUED_FRACTION = 0.1
"""The share of a job's duration that it waits in the vendor's queue."""


class Status(StrEnum):
    """The vendor's words for the status of a task."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"


@dataclass(slots=True)
class EmulatedTask:
    """One task.

    :param number: 1 for the first job since the start or the last reset.
    :param task_id: its id in the API.
    :param slug: public name of its endpoint.
    :param tasks_path: path at which it is queried together with others; empty where it has a path of its own.
    :param external_task_id: the caller's id, if any.
    :param body: body of the create call, with long strings replaced by their hash.
    :param body_sha256: hash of the create call's body as it was sent.
    :param unknown_fields: fields of the body that the API does not know.
    :param created_at: seconds since the epoch, as all times here.
    :param started_at: when it leaves the queue.
    :param ended_at: when it ends.
    :param slots: how many of the account's slots it holds until then.
    :param price: what it costs in units if it succeeds.
    :param unit_type: the resource pack that pays.
    :param cash: what it costs in US dollars instead, where the account pays in cash.
    :param items: entries of its result.
    :param failure: why it fails; ``None`` for a job that succeeds.
    :param parent: the video that it works on.
    :param session_id: the session that began with it.
    :param callback_url: URL that gets its status changes.
    """

    number: int
    task_id: str
    slug: str
    tasks_path: str
    external_task_id: str | None
    body: Mapping[str, Any]
    body_sha256: str
    unknown_fields: tuple[str, ...]
    created_at: float
    started_at: float
    ended_at: float
    slots: int
    price: Decimal
    unit_type: str
    items: tuple[ResultEntry, ...]
    cash: Decimal | None = None
    failure: str | None = None
    parent: VideoInfo | None = None
    session_id: str | None = None
    callback_url: str | None = None

    def status(self, now: float) -> Status:
        """Return the status of the job at a time.

        :param now: seconds since the epoch.
        :return: the status.
        """
        if now < self.started_at:
            return Status.SUBMITTED
        if now < self.ended_at:
            return Status.PROCESSING
        return Status.SUCCEED if self.failure is None else Status.FAILED

    def changed_at(self, now: float) -> float:
        """Return when the job got the status it has at a time.

        :param now: seconds since the epoch.
        :return: seconds since the epoch.
        """
        if now < self.started_at:
            return self.created_at
        return self.started_at if now < self.ended_at else self.ended_at

    def units(self, now: float) -> Decimal:
        """Return what the job was charged by a time: nothing before it succeeded.

        :param now: seconds since the epoch.
        :return: the units.
        """
        return self.price if self.cash is None and self.status(now) is Status.SUCCEED else Decimal(0)

    def dollars(self, now: float) -> Decimal:
        """Return what the job was charged in cash by a time: nothing before it succeeded.

        :param now: seconds since the epoch.
        :return: US dollars.
        """
        return self.cash if self.cash is not None and self.status(now) is Status.SUCCEED else Decimal(0)
