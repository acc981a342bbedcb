# SPDX-License-Identifier: Apache-2.0
"""The lines of a ledger in the API server's memory: compressed, with the few values that each page needs.

The parsed lines of 100,000 rows take 250 MB. A page shows a hundred of them: only these are parsed again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from ..batch.ledger_entry import LedgerEntry, RowState, parse_line
from ..batch.ledger_lines import read_lines

BLOCK_LINES = 64
"""Number of lines that are compressed together."""

_FAST = 1
_END = "\0"


class RowFacts(NamedTuple):
    """Values that many rows have in common.

    :param state: state of the row.
    :param units: charge in units; 0 if not known.
    :param cash: charges in cash: currency and amount.
    :param model: the requested model.
    :param has_job: a job was made for the row.
    """

    state: RowState
    units: Decimal
    cash: tuple[tuple[str, Decimal], ...]
    model: str | None
    has_job: bool


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A line of a ledger.

    :param key: the row's key.
    :param number: the row's place in the input.
    :param facts: what the numbers of a batch are computed from.
    :param file: the file that has the line.
    :param place: which line of the file it is, from 0, without those that are left out.
    """

    key: str
    number: int
    facts: RowFacts
    file: LineFile
    place: int


class LineFile:
    """The lines of one file of a ledger.

    :param path: path of the file.
    :param content: the file.
    :param is_shown: returns whether a line may be shown; others are left out.
    """

    def __init__(self, path: str, content: bytes, is_shown: Callable[[LedgerEntry], bool]) -> None:
        self.rows: list[StoredRow] = []
        self._lines: list[bytes] = []
        self._texts: list[bytes] = []
        shown: list[tuple[bytes, str]] = []
        for line, entry in read_lines(path, content, []):
            if not is_shown(entry):
                continue
            self.rows.append(StoredRow(entry.key, entry.number, _facts_of(entry), self, len(self.rows)))
            shown.append((line, _text_of(entry)))
            if len(shown) == BLOCK_LINES:
                self._compress(shown)
                shown = []
        if shown:
            self._compress(shown)

    def _compress(self, shown: list[tuple[bytes, str]]) -> None:
        lines, texts = zip(*shown, strict=True)
        self._lines.append(zlib.compress(b"\n".join(lines), _FAST))
        # A text may have half of a surrogate pair.
        self._texts.append(zlib.compress(_END.join(texts).encode(errors="surrogatepass"), _FAST))

    def entries(self, places: Iterable[int]) -> dict[int, LedgerEntry]:
        """Parse some lines again.

        :param places: which lines.
        :return: the lines by their places.
        """
        wanted: dict[int, list[int]] = {}
        for place in places:
            wanted.setdefault(place // BLOCK_LINES, []).append(place)
        found = {}
        for block, each in wanted.items():
            lines = zlib.decompress(self._lines[block]).split(b"\n")
            for place in each:
                entry = parse_line(lines[place % BLOCK_LINES])
                if entry:
                    found[place] = entry
        return found

    def places_of(self, words: list[str]) -> set[int]:
        """Find lines.

        :param words: lower-case words that must all occur in a line's texts.
        :return: places of the lines.
        """
        return {place for place, text in enumerate(self._all_texts()) if all(word in text for word in words)}

    def _all_texts(self) -> Iterator[str]:
        for block in self._texts:
            yield from zlib.decompress(block).decode(errors="surrogatepass").split(_END)


def _facts_of(entry: LedgerEntry) -> RowFacts:
    units = entry.charged_units or Decimal(0)
    return _shared_facts(entry.state, units, tuple(entry.cash), entry.model_name, bool(entry.task_id))


# Equal facts are in memory once.
_shared_facts = lru_cache(maxsize=10_000)(RowFacts)


def _text_of(entry: LedgerEntry) -> str:
    """Return the texts of a line in which words are searched."""
    labels = (f"{name}: {value}" for name, value in (entry.labels or {}).items())
    texts = (entry.prompt, entry.model_name, entry.task_id, entry.external_task_id, entry.error, *labels)
    text = "\n".join(str(each) for each in texts if each).lower() + f"\n#{entry.number}"
    return text.replace(_END, " ")


class StoredRows:
    """The rows of a ledger, each with its latest line.

    :param files: its files, in the order of their writing.
    """

    def __init__(self, files: Iterable[LineFile] = ()) -> None:
        self._by_key: dict[str, StoredRow] = {}
        for file in files:
            for row in file.rows:
                # What is done stays done, as for the batch itself.
                known = self._by_key.get(row.key)
                if known is None or known.facts.state is not RowState.DONE:
                    self._by_key[row.key] = row

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[StoredRow]:
        return iter(self._by_key.values())

    def is_done(self, key: str | None) -> bool:
        """Return whether a row is done.

        :param key: key of the row.
        :return: ``True`` if its line never changes any more.
        """
        row = self._by_key.get(key or "")
        return row is not None and row.facts.state is RowState.DONE

    def get(self, key: str) -> LedgerEntry | None:
        """Return the line of a row.

        :param key: key of the row.
        :return: the line; ``None`` if there is none.
        """
        row = self._by_key.get(key)
        return row.file.entries([row.place]).get(row.place) if row else None

    def find(self, states: set[RowState], words: list[str]) -> list[StoredRow]:
        """Find rows.

        :param states: states of the rows.
        :param words: lower-case words that must all occur in a row.
        :return: the rows in the input's order.
        """
        found = [row for row in self if row.facts.state in states]
        if words:
            places = {file: file.places_of(words) for file in {row.file for row in found}}
            found = [row for row in found if row.place in places[row.file]]
        return sorted(found, key=lambda row: (row.number, row.key))

    @staticmethod
    def entries_of(rows: list[StoredRow]) -> list[LedgerEntry]:
        """Return the lines of some rows.

        :param rows: the rows.
        :return: their lines, in the same order.
        """
        places: dict[LineFile, list[int]] = {}
        for row in rows:
            places.setdefault(row.file, []).append(row.place)
        found = {file: file.entries(each) for file, each in places.items()}
        return [found[row.file][row.place] for row in rows]
