# SPDX-License-Identifier: Apache-2.0
"""Which requests cover all the jobs of one round of polling: a decision without I/O.

A list page of 500 tasks is one request for up to 500 jobs, but it carries a megabyte; a single read carries
a kilobyte. Jobs stay near the position at which they were last seen in the list, so their pages are known.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from ..api.http import MAX_PAGE_SIZE

MIN_TASKS_PER_PAGE = 3
"""Number of jobs up to which single reads are cheaper than a page."""

MAX_MISSES = 2
"""Rounds in a row in which the list may omit a job before the job is read by itself."""

_ROWS_PER_READ = 250
"""Rows of a page that cost as much as one more request."""

_READS_PER_EMPTY_PAGE = 5
"""Single reads that cost as much as a page without a job."""

_MAX_EMPTY_PAGES = 10
"""Pages in a row without a job after which the list is not followed further back."""


_STEP = 50


@dataclass(slots=True)
class ListPosition:
    """Position of a job in the list.

    :param rank: how many tasks were before it when it was last seen; ``None`` before that.
    :param created: when Kling made it, Unix time in ms; ``None`` until known.
    :param missed_rounds: rounds in a row in which the list should have held it and did not.
    :param slow: reads in a row that did not end in time.
    :param name: external id of the job; ``None`` if not known.
    """

    rank: int | None = None
    created: int | None = None
    missed_rounds: int = 0
    slow: int = 0
    name: str | None = None

    def accepts(self, external_id: str | None) -> bool:
        """Return whether a response may be about this job.

        :param external_id: external id in the response, if any.
        :return: false if it is of another job.
        """
        return not (self.name and external_id and external_id != self.name)


class Page(NamedTuple):
    """One page of the list, newest task first.

    :param number: from 1.
    :param size: tasks on a full page.
    """

    number: int
    size: int

    @property
    def start(self) -> int:
        """How many tasks are before the page."""
        return (self.number - 1) * self.size


class PollRound:
    """The requests of one round, chosen as the responses arrive.

    First take pages from :meth:`next_page` and report each with :meth:`on_page`, then read
    :attr:`single_reads`.

    :param positions: all jobs, by id; those met on the way are recorded too. Jobs may leave meanwhile.
    :param due: the jobs to cover.
    :param lists: whether the list may be used.
    :param retry_missing: use the list even for jobs that it has omitted.
    """

    def __init__(
        self,
        positions: Mapping[str, ListPosition],
        due: Collection[str],
        *,
        lists: bool = True,
        retry_missing: bool = False,
    ) -> None:
        self._positions = positions
        self._remaining = dict.fromkeys(due)
        self._wanted = {
            i for i in due if lists and (retry_missing or positions[i].missed_rounds < MAX_MISSES)
        }
        # Jobs that were never seen are new: they are at the front and have moved the others back.
        unseen = [ident for ident in due if ident in self._wanted and positions[ident].rank is None]
        self._unseen = {ident: rank for rank, ident in enumerate(unseen)}
        self._offset = len(unseen)
        self._planned: deque[Page] | None = None
        self._read: list[range] = []
        self._spans: list[tuple[int, int]] = []
        self._length = inf
        self._empty_pages = 0

    @property
    def pages(self) -> int:
        """How many pages were read."""
        return len(self._read)

    @property
    def single_reads(self) -> list[str]:
        """Jobs that are still to be read one by one."""
        return list(self._remaining)

    def next_page(self) -> Page | None:
        """Return the next page of the list to read.

        :return: the page; ``None`` if the remaining jobs are better read one by one.
        """
        self._wanted &= self._positions.keys()
        if self._planned is None:
            ahead = [rank for rank in map(self._locate, self._wanted) if self._is_ahead(rank)]
            self._planned = deque(choose_pages(ahead))
        while self._planned:
            page = self._planned.popleft()
            if page.start < self._length:
                return page
        if (
            len(self._wanted) <= max(MIN_TASKS_PER_PAGE, self._empty_pages * _READS_PER_EMPTY_PAGE)
            or self._empty_pages >= _MAX_EMPTY_PAGES
        ):
            return None
        rank = self._nearest_unread(min(map(self._locate, self._wanted)))
        return None if rank is None else Page(rank // MAX_PAGE_SIZE + 1, MAX_PAGE_SIZE)

    def on_page(self, page: Page, found: Collection[tuple[int, str]], created: Sequence[int | None]) -> None:
        """Record the content of a page.

        :param page: the page.
        :param found: the jobs on it, each with its index on the page.
        :param created: of each task on the page when it was made, Unix time in ms, if known.
        """
        self._read.append(range(page.start, page.start + page.size))
        if len(created) < page.size:
            self._length = min(self._length, page.start + len(created))
        if times := [time for time in created if time is not None]:
            self._spans.append((min(times), max(times)))
        before = len(self._wanted)
        for index, ident in found:
            if position := self._positions.get(ident):
                self._on_position(position, page.start + index)
                position.created = created[index] or position.created
                self._wanted.discard(ident)
                self._remaining.pop(ident, None)
        self._empty_pages = 0 if len(self._wanted) < before else self._empty_pages + 1

    def on_pages_done(self) -> None:
        """Record which jobs the list omitted, after the last page."""
        newest = max((span[1] for span in self._spans), default=0)
        oldest = min((span[0] for span in self._spans), default=0)
        for ident in self._wanted & self._positions.keys():
            made = self._positions[ident].created
            if made is None or made > newest:
                continue
            if made < oldest or any(start <= made <= end for start, end in self._spans):
                self._positions[ident].missed_rounds += 1

    def _on_position(self, position: ListPosition, rank: int) -> None:
        if position.rank is not None and rank - position.rank != self._offset:
            self._offset = rank - position.rank
            self._planned = None
        position.rank, position.missed_rounds = rank, 0

    def _locate(self, ident: str) -> int:
        rank = self._positions[ident].rank
        return self._unseen.get(ident, 0) if rank is None else max(rank + self._offset, 0)

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


def choose_pages(ranks: Collection[int]) -> list[Page]:
    """Choose the pages, all of one size, that cover ranks at the lowest cost.

    Pages with few ranks on them are left out: those jobs are read one by one.

    :param ranks: places in the list, from 0.
    :return: the pages, in the order of reading.
    """
    best: tuple[float, int, list[int]] = (inf, MAX_PAGE_SIZE, [])
    # Counted once for all sizes: ten thousand ranks are counted on the event loop.
    steps = Counter(rank // _STEP for rank in ranks)
    for size in _sizes(max(ranks, default=0)):
        if size % _STEP:
            counts = Counter(rank // size + 1 for rank in ranks)
        else:
            counts = Counter()
            for step, jobs in steps.items():
                counts[step * _STEP // size + 1] += jobs
        numbers = sorted(number for number, jobs in counts.items() if jobs > MIN_TASKS_PER_PAGE)
        singles = sum(jobs for jobs in counts.values() if jobs <= MIN_TASKS_PER_PAGE)
        best = min(best, (len(numbers) * (1 + size / _ROWS_PER_READ) + singles, size, numbers))
    return [Page(number, best[1]) for number in best[2]]


def _sizes(deepest: int) -> list[int]:
    sizes = [*range(_STEP, MAX_PAGE_SIZE + 1, _STEP)]
    # Margin for jobs that others create: without it every round would need a second request.
    snug = (deepest + max(10, deepest // 10)) // 10 * 10 + 10
    return [snug, *sizes] if snug < MAX_PAGE_SIZE else sizes


def created_at(row: Mapping[str, Any]) -> int | None:
    """Return when Kling made the job of a list row.

    :param row: the row.
    :return: Unix time in ms; ``None`` if the row does not have it.
    """
    made = row.get("created_at")
    return made if isinstance(made, int) else None
