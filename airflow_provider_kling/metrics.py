# SPDX-License-Identifier: Apache-2.0
"""Metrics by Airflow's own client (StatsD, Datadog or OpenTelemetry, as ``[metrics]`` says).

Nothing here raises or blocks an event loop: a thread sends the metrics of event loops.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

PREFIX: Final = "kling."

NAMES: Final[Mapping[str, str]] = {
    "submitted": "counter",
    "attached": "counter",
    "units": "counter",
    "seconds_to_end": "timer",
    "slot_wait": "timer",
    "slot_refusals": "counter",
    "refusals": "counter",
    "failures": "counter",
    "poll_errors": "counter",
    "oldest_wait_seconds": "gauge",
}
"""Each metric, without the prefix, and its kind."""

_MOST_WAITING = 10_000
_LONGEST_TAG = 64
_NO_TAG = re.compile(r"[^A-Za-z0-9_./-]+")

_log = logging.getLogger(__name__)


class _Sender:
    """Sends the metrics of event loops from a thread. A forked process starts with an empty queue."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._waiting: queue.Queue[Callable[[], None]] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def put(self, send: Callable[[], None]) -> None:
        if self._pid != os.getpid():
            self._begin()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="kling-metrics", daemon=True)
            self._thread.start()
        self._waiting.put_nowait(send)

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)

    def _run(self) -> None:
        while True:
            send = self._waiting.get()
            _safely(send)
            self._waiting.task_done()


def count(
    name: str, amount: float | Decimal = 1, *, endpoint: Any, dialect: Any = None, model: Any = None
) -> None:
    """Add to a counter.

    :param name: one of :data:`NAMES`.
    :param amount: how much, above 0.
    :param endpoint: the endpoint, or its slug.
    :param dialect: the dialect of the host, or its name.
    :param model: ``model_name`` of the request, where it is known.
    """
    # A counter of StatsD takes any number, whatever type hints say.
    _report("incr", name, lambda: _number(amount), endpoint=endpoint, dialect=dialect, model=model)


def duration(name: str, seconds: float, *, endpoint: Any, dialect: Any = None, model: Any = None) -> None:
    """Send a duration.

    :param name: one of :data:`NAMES`.
    :param seconds: how long.
    :param endpoint: the endpoint, or its slug.
    :param dialect: the dialect of the host, or its name.
    :param model: ``model_name`` of the request, where it is known.
    """
    _report(
        "timing",
        name,
        lambda: timedelta(seconds=max(seconds, 0.0)),
        endpoint=endpoint,
        dialect=dialect,
        model=model,
    )


def gauge(name: str, value: float, *, endpoint: Any, dialect: Any = None) -> None:
    """Send a gauge.

    :param name: one of :data:`NAMES`.
    :param value: the value.
    :param endpoint: the endpoint, or its slug.
    :param dialect: the dialect of the host, or its name.
    """
    _report("gauge", name, lambda: value, endpoint=endpoint, dialect=dialect)


def job_ended(task: Any, *, endpoint: Any, dialect: Any = None, model: Any = None) -> None:
    """Count the units of a job that succeeded, and send its duration.

    :param task: the job.
    :param endpoint: the endpoint, or its slug.
    :param dialect: the dialect of the host, or its name.
    :param model: ``model_name`` of the request, where it is known.
    """

    def report() -> None:
        from .api.pricing import amount_of

        tags = {"endpoint": endpoint, "dialect": dialect, "model": model}
        if units := amount_of(task.units):
            count("units", units, **tags)
        if (seconds := task.seconds_to_end) is not None:
            duration("seconds_to_end", seconds, **tags)

    _safely(report)


def count_failure(error: Exception, *, endpoint: Any, dialect: Any = None, model: Any = None) -> None:
    """Count an error: as a refusal if content is refused, otherwise as a failure.

    :param error: what was raised.
    :param endpoint: the endpoint, or its slug.
    :param dialect: the dialect of the host, or its name.
    :param model: ``model_name`` of the request, where it is known.
    """
    refused = any(kind.__name__ == "KlingContentRefused" for kind in type(error).__mro__)
    count("refusals" if refused else "failures", endpoint=endpoint, dialect=dialect, model=model)


def dialect_of(hook: Any) -> Any:
    """Return the dialect of a hook's host, for the tags of a metric.

    :param hook: the hook.
    :return: the dialect; ``None`` where the connection cannot be read.
    """
    try:
        return hook.settings.dialect
    except Exception:
        return None


def flush(seconds: float = 1.0) -> None:
    """Wait until the metrics of event loops are sent.

    :param seconds: how long to wait at most.
    """
    _sender.wait(seconds)


_sender = _Sender()


def _report(kind: str, name: str, value_of: Callable[[], Any], **about: Any) -> None:
    def report() -> None:
        value = value_of()
        tags = {key: _tag(about[key]) for key in sorted(about)}
        known = {key: tag for key, tag in tags.items() if tag}

        def send() -> None:
            from .version_compat import get_stats

            getattr(get_stats(), kind)(PREFIX + name, value, tags=known)

        if _in_a_loop():
            _sender.put(send)
        else:
            send()

    _safely(report)


def _number(amount: float | Decimal) -> float:
    number = float(amount)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return int(number) if number.is_integer() else number


def _tag(value: Any) -> str | None:
    text = getattr(value, "slug", None) or getattr(value, "name", None) or value
    # A model's name is the user's own text, and backends give some characters a meaning.
    return _NO_TAG.sub("_", text)[:_LONGEST_TAG] if isinstance(text, str) else None


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _safely(do: Callable[[], None]) -> None:
    try:
        do()
    except Exception as error:
        _log.debug("A metric could not be sent: %s", type(error).__name__)
