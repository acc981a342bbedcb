# SPDX-License-Identifier: Apache-2.0
"""Keep signed addresses out of debug logs: ``urllib3`` writes each address it fetches, signature and all."""

from __future__ import annotations

import logging


class _WithoutQueries(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                each.partition("?")[0] if isinstance(each, str) else each for each in record.args
            )
        return True


def hush() -> None:
    """Cut what follows the question mark off all addresses that ``urllib3`` logs, in this process."""
    log = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(each, _WithoutQueries) for each in log.filters):
        log.addFilter(_WithoutQueries())
