# SPDX-License-Identifier: Apache-2.0
"""The decisions of a batch that need no I/O: whose fault, what next, how much, when to look, what to say."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import product

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.api.polling import MIN_POLL_INTERVAL
from airflow_provider_kling.batch import limiter
from airflow_provider_kling.batch.config import BatchConfig
from airflow_provider_kling.batch.input import RequestRow
from airflow_provider_kling.batch.ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState
from airflow_provider_kling.batch.limiter import (
    MAX_OUTAGE,
    MAX_ROW_FAILURES,
    CircuitBreaker,
    FailureCause,
    StopReason,
    outage_delay,
)
from airflow_provider_kling.batch.monitor import PollSchedule
from airflow_provider_kling.batch.outcome import batch_error, entry_after_submit_error, entry_after_wait_error
from airflow_provider_kling.batch.progress import Budget, Progress
from airflow_provider_kling.batch.resume import ResumeAction as Do
from airflow_provider_kling.batch.resume import resume_action
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAccountError,
    KlingBudgetSpent,
    KlingContentRefused,
    KlingError,
    KlingMediaCheckFailed,
    KlingRequestInvalid,
    KlingResultExpired,
    KlingResultNotKept,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.submission.context import IdempotencyKey


def line(state: RowState, **more: object) -> LedgerEntry:
    return LedgerEntry("a", state, 1, **more)  # type: ignore[arg-type]


class TestOutage:
    def test_a_row_that_fails_while_others_fare_well_is_at_fault_in_the_end(self) -> None:
        service = CircuitBreaker()
        verdicts = []
        for times in range(1, MAX_ROW_FAILURES + 1):
            service.worked(times * 10)
            verdicts.append(service.failed(first=5, times=times, now=times * 10 + 1))
        assert verdicts == [FailureCause.UNDECIDED] * (MAX_ROW_FAILURES - 1) + [FailureCause.ROW]

    def test_while_nothing_works_no_row_is_at_fault_however_often_it_fails(self) -> None:
        service = CircuitBreaker()
        service.worked(0)
        assert {service.failed(first=1, times=times, now=MAX_OUTAGE) for times in range(1, 100)} == {
            FailureCause.UNDECIDED
        }

    def test_after_long_enough_it_is_the_service_even_for_a_row_that_has_just_come(self) -> None:
        service = CircuitBreaker()
        service.failed(first=100, times=1, now=100)
        assert service.failed(first=MAX_OUTAGE, times=1, now=100 + MAX_OUTAGE) is FailureCause.UNDECIDED
        assert service.failed(first=MAX_OUTAGE, times=1, now=101 + MAX_OUTAGE) is FailureCause.SERVICE

    def test_one_success_forgives_everything(self) -> None:
        service = CircuitBreaker()
        service.failed(first=0, times=1, now=0)
        service.worked(MAX_OUTAGE)
        assert service.failed(first=MAX_OUTAGE + 1, times=1, now=MAX_OUTAGE + 2) is FailureCause.UNDECIDED

    def test_pauses_grow_to_a_minute_unless_more_is_asked_for(self) -> None:
        assert [outage_delay(times) for times in (1, 2, 3, 6, 50)] == [2, 4, 8, 60, 60]
        assert outage_delay(1, retry_after=90) == 90
        assert limiter._MAX_PAUSE * MAX_ROW_FAILURES < MAX_OUTAGE


class TestRecovery:
    @pytest.mark.parametrize(
        ("state", "asked", "not_asked", "cleared", "at_once"),
        [
            (RowState.DONE, Do.SKIP, Do.SKIP, Do.SKIP, Do.SKIP),
            (
                RowState.OPEN,
                Do.RESUBMIT,
                Do.RESUBMIT,
                Do.RESUBMIT,
                Do.RESUBMIT,
            ),
            (
                RowState.FAILED,
                Do.RESUBMIT,
                Do.RESUBMIT,
                Do.RESUBMIT,
                Do.RESUBMIT,
            ),
            (
                RowState.INVALID,
                Do.RESUBMIT,
                Do.RESUBMIT,
                Do.RESUBMIT,
                Do.RESUBMIT,
            ),
            (
                RowState.REFUSED,
                Do.SKIP,
                Do.SKIP,
                Do.RESUBMIT,
                Do.SKIP,
            ),
            (
                RowState.EXPIRED,
                Do.SKIP,
                Do.SKIP,
                Do.RESUBMIT,
                Do.SKIP,
            ),
            (
                RowState.REJECTED,
                Do.SKIP,
                Do.SKIP,
                Do.RESUBMIT,
                Do.SKIP,
            ),
            (
                RowState.SUBMITTED,
                Do.REATTACH,
                Do.REATTACH,
                Do.REATTACH,
                Do.RESUBMIT,
            ),
            (
                RowState.PLANNED,
                Do.LOOK_UP,
                Do.MARK_UNKNOWN,
                Do.RESUBMIT,
                Do.RESUBMIT,
            ),
            (
                RowState.UNKNOWN,
                Do.LOOK_UP,
                Do.SKIP,
                Do.RESUBMIT,
                Do.RESUBMIT,
            ),
        ],
    )
    def test_what_a_new_try_does(
        self,
        state: RowState,
        asked: Do,
        not_asked: Do,
        cleared: Do,
        at_once: Do,
    ) -> None:
        earlier = line(state, generation=1)
        assert resume_action(earlier, looks_up=True, at_once=False, clear_count=1) is asked
        assert resume_action(earlier, looks_up=False, at_once=False, clear_count=1) is not_asked
        assert resume_action(earlier, looks_up=False, at_once=False, clear_count=2) is cleared
        assert resume_action(earlier, looks_up=False, at_once=True, clear_count=1) is at_once

    def test_nothing_that_may_be_paid_for_is_opened_by_a_mere_retry(self) -> None:
        for state, looks_up in product(
            (RowState.PLANNED, RowState.UNKNOWN, RowState.SUBMITTED), (True, False)
        ):
            assert (
                resume_action(line(state), looks_up=looks_up, at_once=False, clear_count=0) is not Do.RESUBMIT
            )


class TestVerdict:
    @pytest.mark.parametrize(
        ("error", "before", "after"),
        [
            (KlingContentRefused("no", job=JobState.NOT_CREATED), RowState.OPEN, RowState.REFUSED),
            (KlingRequestInvalid("no", job=JobState.NOT_CREATED), RowState.OPEN, RowState.INVALID),
            (KlingSubmissionUnknown("?", job=JobState.MAY_EXIST), RowState.PLANNED, RowState.UNKNOWN),
            (KlingServerError("?", job=JobState.MAY_EXIST), RowState.PLANNED, RowState.UNKNOWN),
            # The question whether the job was made was refused, not the job.
            (KlingRequestInvalid("no path", job=JobState.MAY_EXIST), RowState.PLANNED, RowState.UNKNOWN),
            (KlingServerError("look-up", job=JobState.MAY_EXIST), RowState.OPEN, RowState.UNKNOWN),
            (KlingServerError("down", job=JobState.NOT_CREATED), RowState.OPEN, RowState.FAILED),
            (RuntimeError("a bug before the call"), RowState.OPEN, RowState.FAILED),
            (RuntimeError("a bug after the call"), RowState.PLANNED, RowState.UNKNOWN),
        ],
    )
    def test_after_a_submission(self, error: Exception, before: RowState, after: RowState) -> None:
        lost = entry_after_submit_error(line(before), error)
        assert lost.state is after
        assert lost.attempt == 0
        assert lost.error

    @pytest.mark.parametrize(
        ("error", "after", "attempts"),
        [
            (KlingTaskFailed("ended"), RowState.FAILED, 1),
            (KlingContentRefused("risk"), RowState.REFUSED, 1),
            (KlingResultExpired("gone"), RowState.EXPIRED, 1),
            (KlingMediaCheckFailed("black"), RowState.REJECTED, 0),
            (KlingResultNotKept("storage"), RowState.SUBMITTED, 0),
            (KlingTaskTimeout("late"), RowState.SUBMITTED, 0),
            (KlingServerError("down"), RowState.SUBMITTED, 0),
            (MemoryError(), RowState.SUBMITTED, 0),
        ],
    )
    def test_only_klings_own_word_ends_a_job_that_is_paid_for(
        self, error: Exception, after: RowState, attempts: int
    ) -> None:
        lost = entry_after_wait_error(line(RowState.SUBMITTED, task_id="8", facts={"prompt": "p"}), error)
        assert (lost.state, lost.attempt, lost.task_id) == (after, attempts, "8")
        assert (lost.facts is None) is (after is not RowState.SUBMITTED)

    def test_foreign_errors_are_named_and_not_quoted(self) -> None:
        assert (
            entry_after_submit_error(line(RowState.OPEN), RuntimeError("https://x/?sig=secret")).error
            == "RuntimeError"
        )

    def test_long_errors_are_cut(self) -> None:
        assert len(entry_after_submit_error(line(RowState.OPEN), KlingError("x" * 5000)).error or "") == 800


class TestNames:
    ROW = RequestRow(1, "content-0", {"prompt": "p"})

    def name(self, slug: str = "images/generations", **of_the_line: object) -> str:
        key = IdempotencyKey("shop", "batch", "run", -1, 0, "")
        plan = BatchConfig(get_endpoint(slug), key, clear_count=0, concurrency=1, poll_interval=1.0)
        return plan.job_key(self.ROW, line(RowState.OPEN, **of_the_line)).external_task_id(0)

    def test_the_same_row_at_another_endpoint_is_another_job(self) -> None:
        assert self.name() != self.name("videos/text2video")
        assert self.name() != self.name(attempt=1)


class TestBudget:
    def budget(self, limit: str | None, spent: str = "0") -> Budget:
        return Budget(None if limit is None else Decimal(limit), Progress(1, (), spent=Decimal(spent)))

    def test_the_last_unit_may_be_spent_and_no_more(self) -> None:
        assert self.budget("10", "7").allows(Decimal(3))
        assert not self.budget("10", "7").allows(Decimal("3.1"))
        assert self.budget("10", "10").allows(Decimal(0))
        assert not self.budget("10", "10").allows(None)
        assert self.budget("10", "9.9").allows(None)
        assert self.budget(None, "1000000").allows(Decimal(1000))
        assert not self.budget("0").allows(None)

    def test_what_cannot_be_priced_is_taken_for_as_dear_as_the_dearest_so_far(self) -> None:
        budget = self.budget("100")
        assert budget.expected(None) is None
        budget.learn(Decimal("2"))
        budget.learn(Decimal("5.5"))
        budget.learn(Decimal("1"))
        budget.learn(None)
        assert budget.expected(None) == Decimal("5.5")
        assert budget.expected(Decimal(3)) == 3


class TestPace:
    def looks(self, pace: PollSchedule, lasts: float) -> tuple[int, float]:
        """Return how often a job is looked at until it is seen to have ended, and how late that is."""
        now, seen = 0.0, 0
        while True:
            interval, until = pace.next_window(0.0, now)
            assert interval > 0
            assert until > now
            now = min(now + interval, until)
            seen += 1
            if now >= lasts:
                return seen, now - lasts

    def test_without_knowledge_it_is_the_interval_that_was_asked_for(self) -> None:
        assert self.looks(PollSchedule(5), 60) == (12, 0)

    def test_jobs_that_take_alike_are_looked_at_a_few_times_and_seen_at_once(self) -> None:
        pace = PollSchedule(5)
        for _ in range(10):
            pace.record(60)
        seen, late = self.looks(pace, 60)
        assert seen <= 6
        assert late <= 60 / 20
        assert self.looks(pace, 20)[1] <= 60 / 4

    def test_short_jobs_are_seen_in_time_though_the_interval_is_long(self) -> None:
        pace = PollSchedule(5)
        for _ in range(10):
            pace.record(6)
        assert self.looks(pace, 6)[1] <= 0.3

    def test_jobs_that_take_very_long_are_not_looked_at_often_for_ever(self) -> None:
        pace = PollSchedule(5)
        for _ in range(10):
            pace.record(6)
        assert self.looks(pace, 1000)[0] <= 1000 / 5 + 40

    def test_it_never_looks_more_often_than_is_allowed(self) -> None:
        pace = PollSchedule(5)
        for _ in range(10):
            pace.record(1)
        assert pace.next_window(0, 1) == (MIN_POLL_INTERVAL, 2)

    def test_what_changed_is_learnt_within_fifty_jobs(self) -> None:
        pace = PollSchedule(5)
        for _ in range(1000):
            pace.record(600)
        for _ in range(50):
            pace.record(20)
        assert self.looks(pace, 20)[1] <= 1

    def test_scattered_times_cost_little_either_way(self) -> None:
        chance = random.Random(7)
        pace = PollSchedule(5)
        for _ in range(50):
            pace.record(chance.uniform(30, 90))
        outcomes = [self.looks(pace, chance.uniform(30, 90)) for _ in range(200)]
        assert sum(late for _, late in outcomes) / 200 < 0.05 * 60
        assert sum(seen for seen, _ in outcomes) / 200 < 0.75 * 20


class TestTally:
    def test_rows_move_from_state_to_state_and_money_with_them(self) -> None:
        tally = Progress(3, ("a", "b", "c"))
        planned = line(RowState.PLANNED, estimate="3")
        submitted = planned.to(RowState.SUBMITTED)
        done = submitted.to(RowState.DONE, units="2.5")
        tally.moved(None, planned)
        assert (tally.spent, tally.left, tally.running) == (3, 3, 0)
        tally.moved(planned, submitted)
        assert (tally.spent, tally.left, tally.running) == (3, 2, 1)
        tally.moved(submitted, done)
        assert (tally.spent, tally.charged, tally.done, tally.left) == (Decimal("2.5"), Decimal("2.5"), 1, 2)
        assert tally.ended == 1

    def test_rows_that_were_taken_out_of_the_list_count_for_the_money_only(self) -> None:
        tally = Progress(1, ("b",))
        tally.count([line(RowState.DONE, units="3"), line(RowState.FAILED)])
        assert (tally.charged, tally.done, tally.failed, tally.left) == (3, 0, 0, 1)

    def test_an_unknown_charge_is_not_zero(self) -> None:
        tally = Progress(1, ("a",), estimate=Decimal("3.10"))
        tally.count([line(RowState.DONE, estimate="3.10")])
        summary = tally.to_json()
        assert (summary["units_charged"], summary["done_without_charge"]) == ("0", 1)
        assert summary["units_estimated"] == "3.1"

    def test_the_progress_is_one_line(self) -> None:
        tally = Progress(100, (), ended=32, charged=Decimal("90.0"))
        tally.states.update({RowState.DONE: 30, RowState.SUBMITTED: 10, RowState.FAILED: 2})
        assert tally.to_line(60) == (
            "30 of 100 done, 10 running, 2 failed; 90 video units charged; 32.0 a minute, about 2 min left"
        )
        tally.skipped["budget"] = 58
        assert ", 58 skipped; " in tally.to_line(60)
        assert "about 19 s left" in tally.to_line(60)
        tally.ended = 0
        assert "time left unknown" in tally.to_line(60)
        assert "time left unknown" in tally.to_line(0)
        tally.ended, tally.rows = 1, 6000
        assert "h " in tally.to_line(60)


class TestJudge:
    def tally(self, **states: int) -> Progress:
        counted = {RowState(name): number for name, number in states.items()}
        tally = Progress(sum(counted.values()) + 1, ())
        tally.states.update(counted)
        tally.rows -= 0 if "left" in states else 1
        return tally

    def of(self, tally: Progress, allowed: int = 0, reason: StopReason | None = None) -> KlingError | None:
        return batch_error(tally, allowed, reason, None, "s3://out/summary.json")

    def test_all_done_is_success(self) -> None:
        assert self.of(self.tally(done=5)) is None

    def test_failures_are_success_as_far_as_they_are_allowed(self) -> None:
        mixed = self.tally(done=5, failed=1, refused=1, invalid=1)
        assert self.of(mixed, allowed=3) is None
        error = self.of(mixed, allowed=2)
        assert isinstance(error, KlingTaskFailed)
        assert "3 rows failed, 2 may" in str(error)
        assert "s3://out/summary.json" in str(error)

    @pytest.mark.parametrize("state", TERMINAL_FAILURES)
    def test_errors_that_a_retry_cannot_fix_are_not_retried(self, state: RowState) -> None:
        error = self.of(self.tally(done=5, **{state.value: 1}))
        assert isinstance(error, AirflowFailException) is (state is not RowState.FAILED)

    def test_jobs_that_have_not_ended_are_worth_a_retry(self) -> None:
        error = self.of(self.tally(done=5, submitted=2))
        assert isinstance(error, KlingTaskTimeout)
        assert not isinstance(error, AirflowFailException)
        assert "2 jobs" in str(error)

    def test_a_budget_that_is_reached_is_no_success(self) -> None:
        tally = self.tally(done=5)
        tally.rows += 7
        error = self.of(tally, reason=StopReason.BUDGET)
        assert isinstance(error, KlingBudgetSpent)
        assert "7 were not submitted" in str(error)

    @pytest.mark.parametrize("reason", [StopReason.KILLED, StopReason.OUTAGE, StopReason.LEDGER])
    def test_what_was_interrupted_goes_on_in_a_retry(self, reason: StopReason) -> None:
        tally = self.tally(done=5)
        tally.rows += 7
        error = self.of(tally, reason=reason)
        assert error is not None
        assert not isinstance(error, AirflowFailException)
        assert "This task continues from there when it runs again" in str(error)

    def test_rows_that_were_not_read_are_no_success(self) -> None:
        tally = self.tally(done=5)
        tally.rows += 1
        assert "changed while the task ran" in str(self.of(tally))

    def test_the_error_that_stopped_the_run_comes_first_with_its_class(self) -> None:
        stopped = KlingAccountError("used up", code=1102, http_status=429, request_id="r")
        tally = self.tally(done=5, failed=1)
        tally.rows += 4
        error = batch_error(tally, 0, StopReason.ACCOUNT, stopped, None)
        assert isinstance(error, KlingAccountError)
        assert (error.code, error.http_status, error.request_id) == (1102, 429, "r")
        assert "4 were not submitted" in str(error)
