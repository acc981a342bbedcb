# SPDX-License-Identifier: Apache-2.0
"""How many examples a test of random values tries."""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> int:
    """Return the number of examples: ``count`` with ``--hypothesis-profile=explore``, else a third of it.

    The usual profile tries the same examples in each run, so more of them find nothing new.
    """
    return max(10, count // 3) if settings().derandomize else count
