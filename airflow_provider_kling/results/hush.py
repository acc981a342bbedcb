# SPDX-License-Identifier: Apache-2.0
"""Keep signed addresses out of logs: ``urllib3`` writes each address it fetches, signature and all."""

from __future__ import annotations

import logging
from typing import Any

_LOGS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")


class _WithoutQueries(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_hushed, record.args))
        # The traceback of a header that cannot be read quotes those after it, a redirect's address too.
        record.exc_info = None
        return True


def _hushed(value: Any) -> Any:
    if isinstance(value, BaseException):
        return type(value).__name__
    return value.partition("?")[0] if isinstance(value, str) else value


def hush() -> None:
    """Cut what follows the question mark off all addresses that ``urllib3`` logs, in this process."""
    for name in _LOGS:
        log = logging.getLogger(name)
        if not any(isinstance(each, _WithoutQueries) for each in log.filters):
            log.addFilter(_WithoutQueries())
