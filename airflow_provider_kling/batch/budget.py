# SPDX-License-Identifier: Apache-2.0
"""What may still be spent. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .tally import Tally


@dataclass(slots=True)
class Budget:
    """The limit of a batch, over all its tries.

    :param limit: most units; ``None`` for no limit.
    :param tally: knows what is spent: charges where known, estimates of what is under way.
    """

    limit: Decimal | None
    tally: Tally
    _dearest: Decimal | None = None

    def learn(self, units: str | None) -> None:
        """Take in the charge of a job whose cost could not be known before."""
        if units is not None:
            self._dearest = max(self._dearest or Decimal(0), Decimal(units))

    def expected(self, estimate: Decimal | None) -> Decimal | None:
        """Return what a job will cost: its estimate, else the most that one like it was charged so far."""
        return self._dearest if estimate is None else estimate

    def allows(self, cost: Decimal | None) -> bool:
        """Whether a job of this cost may be submitted."""
        if self.limit is None:
            return True
        return self.tally.spent < self.limit if cost is None else self.tally.spent + cost <= self.limit
