# SPDX-License-Identifier: Apache-2.0
"""Which requests cover all the jobs of one round of polling: a decision without I/O.

A list page of 500 tasks is one request for up to 500 jobs, but it carries a megabyte; a single read carries
a kilobyte. Jobs stay about where they were last seen in the list, so the pages that hold them are known.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
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
    :param created: when Kling made it, Unix time in ms; ``None`` until known.
    :param misses: rounds in a row in which the list should have held it and did not.
    """

    rank: int | None = None
    created: int | None = None
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
        self._left = dict.fromkeys(due)
        self._sought = {i for i in due if lists and (patient or seats[i].misses < MAX_MISSES)}
        # Those never seen are new, so they stand at the front and have pushed the others back.
        unseen = [ident for ident in due if ident in self._sought and seats[ident].rank is None]
        self._front = {ident: rank for rank, ident in enumerate(unseen)}
        self._drift = len(unseen)
        self._planned: deque[Page] | None = None
        self._read: list[range] = []
        self._spans: list[tuple[int, int]] = []
        self._length = inf
        self._vain = 0

    @property
    def singles(self) -> list[str]:
        """Jobs that are still to be read one by one."""
        return list(self._left)

    def next_page(self) -> Page | None:
        """Return the next page to read, ``None`` when the rest is better read one by one."""
        self._sought &= self._seats.keys()
        if self._planned is None:
            ahead = [rank for rank in map(self._place, self._sought) if self._is_ahead(rank)]
            self._planned = deque(cover(ahead))
        while self._planned:
            page = self._planned.popleft()
            if page.start < self._length:
                return page
        if len(self._sought) <= max(FEW, self._vain * _READS_PER_VAIN_PAGE) or self._vain >= _MAX_VAIN:
            return None
        rank = self._nearest_unread(min(map(self._place, self._sought)))
        return None if rank is None else Page(rank // MAX_PAGE_SIZE + 1, MAX_PAGE_SIZE)

    def on_page(self, page: Page, found: Collection[tuple[int, str]], created: Sequence[int | None]) -> None:
        """Take in what a page held.

        :param found: the jobs on it, each with its index on the page.
        :param created: of each task on the page when it was made, Unix time in ms, if known.
        """
        self._read.append(range(page.start, page.start + page.size))
        if len(created) < page.size:
            self._length = min(self._length, page.start + len(created))
        if times := [time for time in created if time is not None]:
            self._spans.append((min(times), max(times)))
        before = len(self._sought)
        for index, ident in found:
            if seat := self._seats.get(ident):
                self._on_seat(seat, page.start + index)
                seat.created = created[index] or seat.created
                self._sought.discard(ident)
                self._left.pop(ident, None)
        self._vain = 0 if len(self._sought) < before else self._vain + 1

    def on_pages_done(self) -> None:
        """Note which jobs the list left out, once no page is to be read any more."""
        newest = max((span[1] for span in self._spans), default=0)
        oldest = min((span[0] for span in self._spans), default=0)
        for ident in self._sought & self._seats.keys():
            made = self._seats[ident].created
            if made is None or made > newest:
                continue
            if made < oldest or any(start <= made <= end for start, end in self._spans):
                self._seats[ident].misses += 1

    def _on_seat(self, seat: Seat, rank: int) -> None:
        if seat.rank is not None and rank - seat.rank != self._drift:
            self._drift = rank - seat.rank
            self._planned = None
        seat.rank, seat.misses = rank, 0

    def _place(self, ident: str) -> int:
        rank = self._seats[ident].rank
        return self._front.get(ident, 0) if rank is None else max(rank + self._drift, 0)

    def _is_ahead(self, rank: int) -> bool:
        return rank < self._length and not any(rank in read for read in self._read)

    def _nearest_unread(self, rank: int) -> int | None:
        behind = before = rank
        while stops := [read.stop for read in self._read if behind in read]:
            behind = max(stops)
        while starts := [read.start for read in self._read if before in read]:
            before = min(starts) - 1
        sides = [side for side in (behind, before) if 0 <= side < self._length]
        return min(sides, key=lambda side: abs(side - rank), default=None)


def cover(ranks: Collection[int]) -> list[Page]:
    """Choose the pages, all of one size, that cover ranks at the least cost.

    Pages with few ranks on them are left out: those jobs are read one by one.

    :param ranks: places in the list, from 0.
    """
    best: tuple[float, int, list[int]] = (inf, MAX_PAGE_SIZE, [])
    for size in _sizes(max(ranks, default=0)):
        counts = Counter(rank // size + 1 for rank in ranks)
        numbers = sorted(number for number, jobs in counts.items() if jobs > FEW)
        singles = sum(jobs for jobs in counts.values() if jobs <= FEW)
        best = min(best, (len(numbers) * (1 + size / _ROWS_PER_READ) + singles, size, numbers))
    return [Page(number, best[1]) for number in best[2]]


def _sizes(deepest: int) -> list[int]:
    sizes = [*range(50, MAX_PAGE_SIZE + 1, 50)]
    # Room for what others make meanwhile: without it every round would need a second request.
    snug = (deepest + max(10, deepest // 10)) // 10 * 10 + 10
    return [snug, *sizes] if snug < MAX_PAGE_SIZE else sizes
