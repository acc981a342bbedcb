# SPDX-License-Identifier: Apache-2.0
"""An event loop in its own thread, which signal handlers can stop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from airflow_provider_kling.batch import loop_thread as loop_thread_module
from airflow_provider_kling.batch.loop_thread import LoopThread
from airflow_provider_kling.exceptions import KlingError


def test_an_error_of_the_coroutine_is_raised() -> None:
    async def fail() -> None:
        raise KlingError("no")

    with pytest.raises(KlingError, match="no"):
        LoopThread(fail, lambda: None).run(10, lambda: None)


def test_the_report_function_is_called_while_the_coroutine_runs() -> None:
    reports: list[float] = []
    began = time.monotonic()
    LoopThread(lambda: asyncio.sleep(0.35), lambda: None).run(0.1, lambda: reports.append(time.monotonic()))
    assert 1 <= len(reports) <= (time.monotonic() - began) / 0.1


def test_an_interruption_stops_the_loop_and_is_raised() -> None:
    class Alarm(BaseException):
        pass

    stop = threading.Event()

    async def run() -> None:
        while not stop.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)

    def report() -> None:
        raise Alarm

    thread = LoopThread(run, stop.set)
    with pytest.raises(Alarm):
        thread.run(0.1, report)
    assert thread.stop()


def test_the_stop_takes_no_longer_than_airflow_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_thread_module, "STOP_SECONDS", 0.2)
    release = threading.Event()

    async def deaf() -> None:
        release.wait(60)

    def report() -> None:
        raise KeyboardInterrupt

    hanging = LoopThread(deaf, lambda: None)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hanging.run(0.05, report)
    assert time.monotonic() - began < 30
    assert not hanging.stop()
    release.set()
