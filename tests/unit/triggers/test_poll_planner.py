# SPDX-License-Identifier: Apache-2.0
"""The planner covers every job, with few requests."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.triggers.poll_planner import (
    MAX_MISSES,
    MIN_TASKS_PER_PAGE,
    ListPosition,
    Page,
    PollRound,
    choose_pages,
)


class List:
    """A list of tasks, newest first; the oldest was created at 1, each next one a moment later."""

    def __init__(self, *idents: str) -> None:
        self.idents = list(idents)

    def page(self, page: Page) -> list[str]:
        return self.idents[page.start : page.start + page.size]


def run(plan: PollRound, tasks: List, known: set[str], most: int = 1000) -> tuple[list[Page], list[str]]:
    """Play a round; return the pages that were read and the jobs left for single reads."""
    pages: list[Page] = []
    while page := plan.next_page():
        rows = tasks.page(page)
        found = [(index, ident) for index, ident in enumerate(rows) if ident in known]
        first = len(tasks.idents) - page.start
        plan.on_page(page, found, [first - index for index in range(len(rows))])
        pages.append(page)
        assert len(pages) <= most
    plan.on_pages_done()
    return pages, plan.single_reads


def jobs(count: int) -> list[str]:
    return [f"j{number}" for number in range(count)]


def test_few_jobs_are_read_one_by_one() -> None:
    seats = {ident: ListPosition() for ident in jobs(MIN_TASKS_PER_PAGE)}
    assert run(PollRound(seats, seats), List(*seats), set(seats)) == ([], jobs(MIN_TASKS_PER_PAGE))


def test_more_jobs_cost_one_small_page() -> None:
    seats = {ident: ListPosition() for ident in jobs(20)}
    pages, singles = run(PollRound(seats, seats), List(*seats), set(seats))
    assert [page.number for page in pages] == [1]
    assert 20 <= pages[0].size <= 50
    assert not singles
    assert [seat.rank for seat in seats.values()] == list(range(20))


def test_a_thousand_recent_jobs_cost_two_pages() -> None:
    seats = {ident: ListPosition() for ident in jobs(1000)}
    for _ in range(3):
        pages, singles = run(PollRound(seats, seats), List(*seats), set(seats))
        assert pages == [Page(1, 500), Page(2, 500)]
        assert not singles


def test_without_lists_all_are_read_one_by_one() -> None:
    seats = {ident: ListPosition() for ident in jobs(50)}
    assert run(PollRound(seats, seats, lists=False), List(*seats), set(seats)) == ([], jobs(50))


def test_a_job_that_the_list_leaves_out_is_read_by_itself_at_once_and_later_only_so() -> None:
    seats = {ident: ListPosition() for ident in jobs(100)}
    tasks = List(*jobs(99))
    seats["j99"].created = 50  # as its first single read says
    for _ in range(MAX_MISSES + 1):
        pages, singles = run(PollRound(seats, seats), tasks, set(seats))
        assert len(pages) == 1
        assert singles == ["j99"]
    assert seats["j99"].missed_rounds == MAX_MISSES


@pytest.mark.parametrize("created", [None, 1000], ids=["of unknown age", "younger than the list"])
def test_absence_proves_nothing_for_a_job(created: int | None) -> None:
    seats = {ident: ListPosition() for ident in jobs(100)}
    seats["j99"].created = created
    for _ in range(3):
        run(PollRound(seats, seats), List(*jobs(99)), set(seats))
    assert seats["j99"].missed_rounds == 0


def test_jobs_missing_in_lists_are_searched_there_again_only_with_retry_missing() -> None:
    seats = {ident: ListPosition(missed_rounds=MAX_MISSES) for ident in jobs(100)}
    assert run(PollRound(seats, seats), List(*seats), set(seats)) == ([], jobs(100))
    pages, singles = run(PollRound(seats, seats, retry_missing=True), List(*seats), set(seats))
    assert len(pages) == 1
    assert not singles
    assert all(seat.missed_rounds == 0 for seat in seats.values())


def test_old_jobs_are_found_further_back_once_and_then_directly() -> None:
    newer = [f"n{number}" for number in range(2000)]
    seats = {ident: ListPosition() for ident in jobs(100)}
    tasks = List(*newer, *seats)
    first, singles = run(PollRound(seats, seats), tasks, set(seats))
    assert not singles
    assert len(first) > 1
    second, singles = run(PollRound(seats, seats), tasks, set(seats))
    assert not singles
    assert len(second) == 1
    assert second[0].number > 1


@pytest.mark.parametrize("drift", [-350, -20, 3, 100, 450, 2000])
def test_what_moved_is_found_where_it_went(drift: int) -> None:
    """New tasks push jobs back; and those that joined late were no newer than the rest, as assumed."""
    seats = {ident: ListPosition(rank=400 + number) for number, ident in enumerate(jobs(400))}
    newer = [f"n{number}" for number in range(400 + drift)]
    older = [f"o{number}" for number in range(3000)]
    pages, singles = run(PollRound(seats, seats), List(*newer, *seats, *older), set(seats))
    assert len(singles) <= MIN_TASKS_PER_PAGE
    assert len(pages) <= 8


def test_how_far_jobs_moved_is_learnt_from_the_first_page() -> None:
    """A burst of others' tasks costs no search for each page."""
    seats = {ident: ListPosition(rank=number) for number, ident in enumerate(jobs(2000))}
    newer = [f"n{number}" for number in range(400)]
    pages, singles = run(PollRound(seats, seats), List(*newer, *seats), set(seats))
    assert not singles
    assert len(pages) <= 6


def test_the_list_is_not_followed_forever() -> None:
    seats = {ident: ListPosition() for ident in jobs(100)}
    others = List(*(f"n{number}" for number in range(100_000)))
    pages, singles = run(PollRound(seats, seats), others, set(seats))
    assert len(pages) <= 10
    assert singles == jobs(100)


def test_nothing_is_queried_beyond_the_end_of_the_list() -> None:
    seats = {ident: ListPosition(rank=700 + number) for number, ident in enumerate(jobs(100))}
    pages, singles = run(PollRound(seats, seats), List("a", "b"), set(seats))
    assert [page.start for page in pages] == sorted((page.start for page in pages), reverse=True)
    assert len(pages) <= 3
    assert singles == jobs(100)


def test_jobs_that_are_not_due_are_noted_in_passing() -> None:
    seats = {ident: ListPosition() for ident in jobs(30)}
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
    assert len(choose_pages(list(ranks))) == pages


@given(st.sets(st.integers(0, 6000), max_size=600))
def test_a_cover_costs_no_more_than_full_pages_or_single_reads(ranks: set[int]) -> None:
    def cost(pages: int, size: int, single_reads: int) -> float:
        return pages * (1 + size / 250) + single_reads

    chosen = choose_pages(ranks)
    size = chosen[0].size if chosen else 500
    assert all(page.size == size <= 500 for page in chosen)
    covered = {rank for page in chosen for rank in range(page.start, page.start + size)}
    mine = cost(len(chosen), size, len(ranks - covered))
    full = {rank // 500 for rank in ranks}
    assert mine <= cost(len(full), 500, 0)
    assert len(chosen) + len(ranks - covered) <= len(ranks)


@st.composite
def situations(draw: st.DrawFn) -> tuple[List, dict[str, ListPosition], set[str]]:
    """A list, and jobs of which some are on it, some known to be about somewhere, some due."""
    listed = jobs(draw(st.integers(0, 1500)))
    others = [f"o{number}" for number in range(draw(st.integers(0, 5)))]
    chosen = [*draw(st.sets(st.sampled_from(listed), max_size=300) if listed else st.just(set())), *others]
    rank = st.none() | st.integers(0, 2000)
    created = st.none() | st.integers(0, 1600)
    seats = {ident: ListPosition(draw(rank), draw(created), draw(st.integers(0, 3))) for ident in chosen}
    due = draw(st.sets(st.sampled_from(chosen)) if chosen else st.just(set()))
    return List(*listed), seats, due


@given(situations(), st.booleans(), st.booleans())
def test_every_due_job_is_covered_with_bounded_effort(
    situation: tuple[List, dict[str, ListPosition], set[str]], lists: bool, retry_missing: bool
) -> None:
    tasks, seats, due = situation
    plan = PollRound(seats, due, lists=lists, retry_missing=retry_missing)
    pages, singles = run(plan, tasks, set(seats))
    seen = {ident for page in pages for ident in tasks.page(page)}
    assert due <= seen | set(singles)
    assert not set(singles) & seen
    assert len(set(pages)) == len(pages)
    assert len(pages) + len(singles) <= len(due) + 10


@given(st.integers(1, 2000), st.integers(0, 100), st.integers(0, 50))
def test_recent_jobs_cost_a_page_for_every_five_hundred(count: int, others: int, born: int) -> None:
    """Others' tasks among them and new ones on top cost a page more, or as many single reads as weigh it."""
    waited = jobs(count)
    step = max(1, count // (others + 1))
    mixed = list(waited)
    for number in range(others):
        mixed.insert(min(len(mixed), number * (step + 1)), f"o{number}")
    seats = {ident: ListPosition() for ident in waited}
    run(PollRound(seats, seats), List(*mixed), set(seats))
    pages, singles = run(
        PollRound(seats, seats), List(*(f"b{number}" for number in range(born)), *mixed), set(seats)
    )
    assert len(pages) + len(singles) <= ceil((count + others + born) / 500) + 6


def test_jobs_may_leave_while_the_round_continues() -> None:
    seats = {ident: ListPosition() for ident in jobs(20)}
    plan = PollRound(seats, list(seats))
    page = plan.next_page()
    assert page
    for ident in jobs(20)[5:]:
        del seats[ident]
    plan.on_page(page, [(0, "j0"), (1, "j19")], [9, 8])
    assert plan.next_page() is None
    plan.on_pages_done()
    assert list(seats) == jobs(5)


@pytest.mark.parametrize(
    ("name", "carried", "accepted"),
    [
        pytest.param(None, "shot", True, id="own name unknown"),
        pytest.param("shot", None, True, id="left out by the host"),
        pytest.param("shot", "shot", True, id="its own"),
        pytest.param("shot", "somebody-else", False, id="another job's"),
    ],
)
def test_a_response_that_names_another_job_is_not_accepted(
    name: str | None, carried: str | None, accepted: bool
) -> None:
    assert ListPosition(name=name).accepts(carried) is accepted
