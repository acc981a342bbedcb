# SPDX-License-Identifier: Apache-2.0
"""The account of the emulator: its jobs, slots and charges."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice

from ..api.endpoint import Endpoint
from .artifacts import ArtifactStore
from .clock import Clock, milliseconds
from .errors import ApiErrorResponse, invalid_value
from .faults import DEFAULT_REASON, Faults
from .media.plan import job_seconds, plan_task
from .media.plan_context import Plan, PlanContext
from .options import Options
from .spec import prices
from .spec.validation import ValidatedBody
from .task import QUEUED_FRACTION, EmulatedTask


class Account:
    """All jobs, newest last, and the slots they hold.

    :param options: settings of the emulator.
    :param clock: its time.
    :param faults: faults that strike when jobs are created.
    """

    def __init__(self, options: Options, clock: Clock, faults: Faults) -> None:
        self._options = options
        self._clock = clock
        self._faults = faults
        # Task ids of an earlier emulator, which clients may still use, must not name a job of this one.
        self._first_id = milliseconds(clock.now()) * 100_000
        self._numbers = itertools.count(1)
        self.artifacts = ArtifactStore(clock, self.by_task_id)
        self.reset()

    def reset(self) -> None:
        """Forget all jobs."""
        self.jobs: list[EmulatedTask] = []
        self.max_active = 0
        self._by_id: dict[str, EmulatedTask] = {}
        self._by_external_id: dict[str, EmulatedTask] = {}
        self._by_slug: defaultdict[str, list[EmulatedTask]] = defaultdict(list)
        self._slot_releases: list[tuple[float, int, int]] = []
        self._active = 0
        self._committed: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.artifacts.reset()

    @property
    def active(self) -> int:
        """How many slots are in use."""
        now = self._clock.now()
        while self._slot_releases and self._slot_releases[0][0] <= now:
            self._active -= heapq.heappop(self._slot_releases)[2]
        return self._active

    @property
    def charged(self) -> Decimal:
        """Units charged so far."""
        now = self._clock.now()
        return sum((job.units(now) for job in self.jobs), Decimal(0))

    @property
    def charged_cash(self) -> Decimal:
        """US dollars charged so far."""
        now = self._clock.now()
        return sum((job.dollars(now) for job in self.jobs), Decimal(0))

    def create_task(self, endpoint: Endpoint, validated: ValidatedBody) -> EmulatedTask:
        """Create a job for a validated create call.

        :param endpoint: endpoint of the call.
        :param validated: the validated body.
        :return: the job.
        :raises ApiErrorResponse: the external id exists, the balance is too low or no slot is free.
        """
        external_id = validated.body.get("external_task_id")
        if external_id in self._by_external_id:
            raise invalid_value(f"External_task_id {external_id} already exists")
        task_id = str(self._first_id + next(self._numbers))
        context = PlanContext(task_id, self._options.scale, self._clock.now(), self.artifacts)
        job = self._build_task(endpoint, validated, plan_task(endpoint, validated, context), context)
        self._check_balance(job)
        self._check_slots(job.slots)
        self._register(job)
        return job

    def find(self, endpoint: Endpoint, ident: str) -> EmulatedTask:
        """Return the job of an endpoint by its own or its external id.

        :param endpoint: endpoint of the call.
        :param ident: either id.
        :return: the job.
        :raises ApiErrorResponse: there is none.
        """
        job = self._by_id.get(ident)
        if job is None and endpoint.external_id and self._options.dialect.supports_lookup:
            job = None if self._faults.strikes("no_external_id") else self._by_external_id.get(ident)
        if job is None or job.slug != endpoint.slug:
            raise invalid_value(f"Task not found by id/external id: {ident}")
        return job

    def find_many(self, idents: Iterable[str], tasks_path: str, *, external: bool) -> list[EmulatedTask]:
        """Return those of several jobs that exist.

        :param idents: ids.
        :param tasks_path: the requested path; ``/tasks`` knows jobs of v1 as well.
        :param external: they are external ids.
        :return: the jobs, in the order of the ids.
        """
        if external and self._faults.strikes("no_external_id"):
            return []
        ids = self._by_external_id if external else self._by_id
        jobs = [job for ident in idents if (job := ids.get(ident))]
        return [job for job in jobs if _is_listed_at(job, tasks_path)]

    def list_before(
        self,
        number: int | None,
        tasks_path: str,
        limit: int,
        matches: Callable[[EmulatedTask], bool] = lambda _: True,
    ) -> list[EmulatedTask]:
        """Return jobs, newest first.

        :param number: those before the job of this number; the newest by default.
        :param tasks_path: the requested path.
        :param limit: how many at most.
        :param matches: filter.
        :return: the jobs.
        """
        older = self.jobs if number is None else self.jobs[: number - 1]
        listed = (job for job in reversed(older) if _is_listed_at(job, tasks_path) and matches(job))
        return list(islice(listed, limit))

    def by_task_id(self, task_id: str) -> EmulatedTask | None:
        """Return a job of any endpoint by its own id.

        :param task_id: the id.
        :return: the job; ``None`` if there is none.
        """
        return self._by_id.get(task_id)

    def page(self, slug: str, number: int, size: int) -> list[EmulatedTask]:
        """Return one page of an endpoint's jobs, newest first.

        :param slug: the endpoint.
        :param number: number of the page, from 1.
        :param size: jobs a page.
        :return: the jobs.
        """
        jobs = self._by_slug[slug]
        end = len(jobs) - (number - 1) * size
        return jobs[max(0, end - size) : max(0, end)][::-1]

    def _check_balance(self, job: EmulatedTask) -> None:
        size = self._options.units if job.cash is None else self._options.cash
        if self._committed[_balance_kind(job)] + _amount_charged(job) > Decimal(str(size)):
            raise ApiErrorResponse(429, 1102, "Account balance not enough")

    def _check_slots(self, slots: int) -> None:
        is_full = self._options.slots and slots and self.active + slots > self._options.slots
        if is_full or self._faults.strikes_next_n("slots_taken"):
            raise ApiErrorResponse(429, 1303, "parallel task over resource pack limit")

    def _build_task(
        self, endpoint: Endpoint, validated: ValidatedBody, plan: Plan, context: PlanContext
    ) -> EmulatedTask:
        now, durations = context.now, self._options.job_times
        by_endpoint = not durations or endpoint.synchronous
        seconds = job_seconds(endpoint) if by_endpoint else durations[len(self.jobs) % len(durations)]
        duration = seconds / self._options.speed
        price = prices.price_in_units(endpoint.slug, validated.body, plan.seconds, plan.count)
        unit_type = prices.unit_type(endpoint.slug)
        if plan.session:
            self.artifacts.open(plan.session)
        return EmulatedTask(
            number=len(self.jobs) + 1,
            task_id=context.task_id,
            slug=endpoint.slug,
            tasks_path=endpoint.tasks_path,
            external_task_id=validated.body.get("external_task_id"),
            body=validated.redacted_body,
            body_sha256=validated.digest,
            unknown_fields=validated.unknown_fields,
            created_at=now,
            started_at=now + QUEUED_FRACTION * duration,
            ended_at=now + duration,
            slots=0 if endpoint.synchronous else plan.count,
            price=price,
            unit_type=unit_type,
            cash=None if self._options.cash is None else price * prices.USD_PER_UNIT[unit_type],
            items=plan.items,
            failure=None if endpoint.synchronous else plan.failure or self._failure(validated),
            parent=plan.parent,
            session_id=plan.session.session_id if plan.session else None,
            callback_url=validated.body.get("callback_url"),
        )

    def _failure(self, validated: ValidatedBody) -> str | None:
        prompt_word = self._faults.setting("failed_word")
        has_word = (
            prompt_word
            and prompt_word in str(validated.body.get("prompt", ""))
            and self._faults.strikes("failed_word")
        )
        if self._faults.strikes_every_nth("failed_job") or has_word:
            return str(self._faults.setting("fail_reason") or DEFAULT_REASON)
        return None

    def _register(self, job: EmulatedTask) -> None:
        if job.failure is None:
            self._committed[_balance_kind(job)] += _amount_charged(job)
        self.jobs.append(job)
        self._by_id[job.task_id] = job
        if not self._faults.strikes_every_nth("unlisted_job"):
            self._by_slug[job.slug].append(job)
        if job.external_task_id:
            self._by_external_id[job.external_task_id] = job
        heapq.heappush(self._slot_releases, (job.ended_at, job.number, job.slots))
        self._active += job.slots
        self.max_active = max(self.max_active, self.active)


def _balance_kind(job: EmulatedTask) -> str:
    return job.unit_type if job.cash is None else "cash"


def _amount_charged(job: EmulatedTask) -> Decimal:
    return job.price if job.cash is None else job.cash


def _is_listed_at(job: EmulatedTask, tasks_path: str) -> bool:
    # A synchronous call leaves no task.
    return job.tasks_path == tasks_path or (
        tasks_path == "/tasks" and not job.tasks_path and job.ended_at > job.created_at
    )
