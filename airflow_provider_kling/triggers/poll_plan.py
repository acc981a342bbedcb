# SPDX-License-Identifier: Apache-2.0
"""Which requests cover all the jobs of one round of polling: a decision without I/O.

A list page of 500 tasks is one request for up to 500 jobs, but it carries a megabyte; a single read carries
a kilobyte. Jobs stay about where they were last seen in the list, so the pages that hold them are known.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ..api.exchange import MAX_PAGE_SIZE

FEW = 3
"""Jobs that are not worth a page: they are read one by one."""

MAX_MISSES = 2
"""Rounds in a row in which the list may leave a job out before the job is read by itself."""

_ROWS_PER_READ = 250
"""Rows of a page that weigh as much as one more request."""

_READS_PER_VAIN_PAGE = 5
"""Single reads that weigh as much as a page without a job on it."""

_MAX_VAIN = 10
"""Pages in a row without a job after which the list is not followed further back."""


@dataclass(slots=True)
class Seat:
    """Where a job stands in the list.

    :param rank: how many tasks stood before it when it was last seen; ``None`` before that.
    :param misses: rounds in a row in which it was looked for in vain.
    """

    rank: int | None = None
    misses: int = 0


class Page(NamedTuple):
    """One page of the list, newest task first.

    :param number: from 1.
    :param size: tasks on a full page.
    """

    number: int
    size: int

    @property
    def start(self) -> int:
        """How many tasks stand before the page."""
        return (self.number - 1) * self.size


class PollRound:
    """The requests of one round, decided as the answers come in.

    First take pages from :meth:`next_page` and report each with :meth:`on_page`, then read :attr:`singles`.

    :param seats: all jobs, by id; those met on the way are noted too. Jobs may leave while the round goes on.
    :param due: the jobs to cover.
    :param lists: whether the list may be used.
    :param patient: look in the list even for jobs that it has left out.
    """

    def __init__(
        self, seats: Mapping[str, Seat], due: Collection[str], *, lists: bool = True, patient: bool = False
    ) -> None:
        self._seats = seats
        self._ranks = _expected({ident: seats[ident] for ident in due}, patient) if lists else {}
        self._size, numbers = cover(self._ranks.values())
        planned = set(numbers)
        self._sought = {ident for ident in self._ranks if self._page_of(ident) in planned}
        self._left = dict.fromkeys(due)
        self._planned = deque(numbers)
        self._read: list[range] = []
        self._length = inf
        self._vain = 0

    @property
    def singles(self) -> list[str]:
        """Jobs that are still to be read one by one."""
        return list(self._left)

    def next_page(self) -> Page | None:
        """Return the next page to read, ``None`` when the rest is better read one by one."""
        self._sought &= self._seats.keys()
        while self._planned:
            page = Page(self._planned.popleft(), self._size)
            if page.start < self._length and any(
                self._page_of(ident) == page.number for ident in self._sought
            ):
                return page
        if len(self._sought) <= max(FEW, self._vain * _READS_PER_VAIN_PAGE) or self._vain >= _MAX_VAIN:
            return None
        # New tasks push older ones back, so what is missing stands behind the place where it was expected.
        rank = min(self._ranks[ident] for ident in self._sought)
        while beyond := [ranks.stop for ranks in self._read if rank in ranks]:
            rank = max(beyond)
        return Page(rank // MAX_PAGE_SIZE + 1, MAX_PAGE_SIZE) if rank < self._length else None

    def on_page(self, page: Page, idents: Collection[tuple[int, str]], rows: int) -> None:
        """Take in what a page held.

        :param idents: the jobs on it, each with its index on the page.
        :param rows: how many tasks the page held.
        """
        self._read.append(range(page.start, page.start + page.size))
        if rows < page.size:
            self._length = min(self._length, page.start + rows)
        before = len(self._sought)
        for index, ident in idents:
            seat = self._seats.get(ident)
            if seat is not None:
                seat.rank, seat.misses = page.start + index, 0
                self._sought.discard(ident)
                self._left.pop(ident, None)
        self._vain = 0 if len(self._sought) < before else self._vain + 1

    def on_pages_done(self) -> None:
        """Note which jobs the list left out, once no page is to be read any more."""
        for ident in self._sought & self._seats.keys():
            self._seats[ident].misses += 1

    def _page_of(self, ident: str) -> int:
        return self._ranks[ident] // self._size + 1


def cover(ranks: Collection[int]) -> tuple[int, list[int]]:
    """Choose the page size and the pages that cover ranks at the least cost.

    Pages with few ranks on them are left out: those jobs are read one by one.

    :param ranks: places in the list, from 0.
    :return: page size and page numbers.
    """
    best: tuple[float, int, list[int]] = (float("inf"), MAX_PAGE_SIZE, [])
    for size in _sizes(max(ranks, default=0)):
        counts = Counter(rank // size + 1 for rank in ranks)
        numbers = sorted(number for number, jobs in counts.items() if jobs > FEW)
        singles = sum(jobs for jobs in counts.values() if jobs <= FEW)
        best = min(best, (len(numbers) * (1 + size / _ROWS_PER_READ) + singles, size, numbers))
    return best[1], best[2]


def _sizes(deepest: int) -> list[int]:
    sizes = [*range(50, MAX_PAGE_SIZE + 1, 50)]
    # Room for what others make meanwhile: without it every round would need a second request.
    snug = (deepest + max(10, deepest // 10)) // 10 * 10 + 10
    return [snug, *sizes] if snug < MAX_PAGE_SIZE else sizes


def _expected(seats: Mapping[str, Seat], patient: bool) -> dict[str, int]:
    """Return where each job should stand now: those never seen are new, so they stand before all others."""
    listed = {ident: seat for ident, seat in seats.items() if patient or seat.misses < MAX_MISSES}
    unseen = [ident for ident, seat in listed.items() if seat.rank is None]
    ranks = {ident: rank for rank, ident in enumerate(unseen)}
    return ranks | {ident: seat.rank + len(unseen) for ident, seat in listed.items() if seat.rank is not None}
