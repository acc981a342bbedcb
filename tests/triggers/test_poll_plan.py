# SPDX-License-Identifier: Apache-2.0
"""The planner covers every job, with few requests."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.triggers.poll_plan import FEW, MAX_MISSES, Page, PollRound, Seat, cover


class List:
    """A list of tasks, newest first."""

    def __init__(self, *idents: str) -> None:
        self.idents = list(idents)

    def page(self, page: Page) -> list[str]:
        return self.idents[(page.number - 1) * page.size : page.number * page.size]


def run(plan: PollRound, tasks: List, known: set[str], most: int = 1000) -> tuple[list[Page], list[str]]:
    """Play a round; return the pages that were read and the jobs left for single reads."""
    pages: list[Page] = []
    while page := plan.next_page():
        rows = tasks.page(page)
        plan.on_page(page, [(i, ident) for i, ident in enumerate(rows) if ident in known], len(rows))
        pages.append(page)
        assert len(pages) <= most
    plan.on_pages_done()
    return pages, plan.singles


def jobs(count: int) -> list[str]:
    return [f"j{number}" for number in range(count)]


def test_few_jobs_are_read_one_by_one() -> None:
    seats = {ident: Seat() for ident in jobs(FEW)}
    assert run(PollRound(seats, seats), List(*seats), set(seats)) == ([], jobs(FEW))


def test_more_jobs_cost_one_small_page() -> None:
    seats = {ident: Seat() for ident in jobs(20)}
    pages, singles = run(PollRound(seats, seats), List(*seats), set(seats))
    assert [page.number for page in pages] == [1]
    assert 20 <= pages[0].size <= 50
    assert not singles
    assert [seat.rank for seat in seats.values()] == list(range(20))


def test_a_thousand_recent_jobs_cost_two_pages() -> None:
    seats = {ident: Seat() for ident in jobs(1000)}
    for _ in range(3):
        pages, singles = run(PollRound(seats, seats), List(*seats), set(seats))
        assert pages == [Page(1, 500), Page(2, 500)]
        assert not singles


def test_without_lists_all_are_read_one_by_one() -> None:
    seats = {ident: Seat() for ident in jobs(50)}
    assert run(PollRound(seats, seats, lists=False), List(*seats), set(seats)) == ([], jobs(50))


def test_a_job_that_the_list_leaves_out_is_read_by_itself_at_once_and_later_only_so() -> None:
    seats = {ident: Seat() for ident in jobs(100)}
    tasks = List(*jobs(99))
    for _ in range(MAX_MISSES):
        pages, singles = run(PollRound(seats, seats), tasks, set(seats))
        assert len(pages) == 1
        assert singles == ["j99"]
    assert seats["j99"].misses == MAX_MISSES
    pages, singles = run(PollRound(seats, seats), tasks, set(seats))
    assert (len(pages), singles) == (1, ["j99"])


def test_jobs_that_no_list_shows_are_not_sought_there_again_until_patience_asks() -> None:
    seats = {ident: Seat(misses=MAX_MISSES) for ident in jobs(100)}
    assert run(PollRound(seats, seats), List(*seats), set(seats)) == ([], jobs(100))
    pages, singles = run(PollRound(seats, seats, patient=True), List(*seats), set(seats))
    assert len(pages) == 1
    assert not singles
    assert all(seat.misses == 0 for seat in seats.values())


def test_old_jobs_are_found_further_back_once_and_then_directly() -> None:
    newer = [f"n{number}" for number in range(2000)]
    seats = {ident: Seat() for ident in jobs(100)}
    tasks = List(*newer, *seats)
    first, singles = run(PollRound(seats, seats), tasks, set(seats))
    assert not singles
    assert len(first) > 1
    again, singles = run(PollRound(seats, seats), tasks, set(seats))
    assert not singles
    assert len(again) == 1
    assert again[0].number > 1


def test_what_slid_to_the_next_page_is_found_there() -> None:
    seats = {ident: Seat(rank=400 + number) for number, ident in enumerate(jobs(100))}
    newer = [f"n{number}" for number in range(450)]
    pages, singles = run(PollRound(seats, seats), List(*newer, *seats), set(seats))
    assert not singles
    assert len(pages) == 2


def test_the_list_is_not_followed_for_ever() -> None:
    seats = {ident: Seat() for ident in jobs(100)}
    others = List(*(f"n{number}" for number in range(100_000)))
    pages, singles = run(PollRound(seats, seats), others, set(seats))
    assert len(pages) <= 10
    assert singles == jobs(100)


def test_nothing_is_asked_beyond_the_end_of_the_list() -> None:
    seats = {ident: Seat(rank=700 + number) for number, ident in enumerate(jobs(100))}
    pages, singles = run(PollRound(seats, seats), List("a", "b"), set(seats))
    assert len(pages) == 1
    assert singles == jobs(100)


def test_jobs_that_are_not_due_are_noted_in_passing() -> None:
    seats = {ident: Seat() for ident in jobs(30)}
    due = jobs(30)[:10]
    _, singles = run(PollRound(seats, due), List(*seats), set(seats))
    assert not singles
    assert seats["j15"].rank == 15


def test_an_empty_round_asks_nothing() -> None:
    assert run(PollRound({}, []), List(), set()) == ([], [])


@pytest.mark.parametrize(
    ("ranks", "pages"),
    [
        (range(4), 1),
        (range(500), 1),
        (range(501), 1),
        (range(1000), 2),
        (range(400, 600), 1),
        ([*range(20), 4000], 1),
        ([*range(20), *range(4000, 4020)], 2),
    ],
)
def test_the_cheapest_cover_is_chosen(ranks: range, pages: int) -> None:
    _, numbers = cover(list(ranks))
    assert len(numbers) == pages


@given(st.sets(st.integers(0, 6000), max_size=600))
def test_a_cover_never_costs_more_than_full_pages_or_single_reads(ranks: set[int]) -> None:
    size, numbers = cover(ranks)
    assert 1 <= size <= 500
    singles = sum(rank // size + 1 not in numbers for rank in ranks)
    full_pages = {rank // 500 for rank in ranks}
    assert len(numbers) * (1 + size / 250) + singles <= min(
        3 * len(full_pages), max(len(ranks), FEW)
    ) + 1e-9 or (len(numbers) + singles <= len(ranks))


@st.composite
def situations(draw: st.DrawFn) -> tuple[List, dict[str, Seat], set[str]]:
    """A list, and jobs of which some are on it, some known to be about somewhere, some due."""
    listed = jobs(draw(st.integers(0, 1500)))
    others = [f"o{number}" for number in range(draw(st.integers(0, 5)))]
    chosen = [*draw(st.sets(st.sampled_from(listed), max_size=300) if listed else st.just(set())), *others]
    rank = st.none() | st.integers(0, 2000)
    seats = {ident: Seat(draw(rank), draw(st.integers(0, 3))) for ident in chosen}
    due = draw(st.sets(st.sampled_from(chosen)) if chosen else st.just(set()))
    return List(*listed), seats, due


@given(situations(), st.booleans(), st.booleans())
def test_every_due_job_is_covered_with_bounded_effort(
    situation: tuple[List, dict[str, Seat], set[str]], lists: bool, patient: bool
) -> None:
    tasks, seats, due = situation
    plan = PollRound(seats, due, lists=lists, patient=patient)
    pages, singles = run(plan, tasks, set(seats))
    seen = {ident for page in pages for ident in tasks.page(page)}
    assert due <= seen | set(singles)
    assert not set(singles) & seen
    assert len(set(pages)) == len(pages)
    assert len(pages) + len(singles) <= max(len(due) + 10, 2)


@given(st.integers(1, 2000), st.integers(0, 100), st.integers(0, 50))
def test_recent_jobs_cost_a_page_for_every_five_hundred(count: int, others: int, born: int) -> None:
    """Others' tasks among them and new ones on top cost at most one request more."""
    waited = jobs(count)
    step = max(1, count // (others + 1))
    mixed = list(waited)
    for number in range(others):
        mixed.insert(min(len(mixed), number * (step + 1)), f"o{number}")
    seats = {ident: Seat() for ident in waited}
    run(PollRound(seats, seats), List(*mixed), set(seats))
    pages, singles = run(
        PollRound(seats, seats), List(*(f"b{number}" for number in range(born)), *mixed), set(seats)
    )
    assert len(pages) + len(singles) <= ceil((count + others + born) / 500) + FEW + 1


def test_jobs_may_leave_while_the_round_goes_on() -> None:
    seats = {ident: Seat() for ident in jobs(20)}
    plan = PollRound(seats, list(seats))
    page = plan.next_page()
    assert page
    for ident in jobs(20)[5:]:
        del seats[ident]
    plan.on_page(page, [(0, "j0"), (1, "j19")], 2)
    assert plan.next_page() is None
    plan.on_pages_done()
    assert [seat.misses for seat in seats.values()] == [0, 1, 1, 1, 1]
