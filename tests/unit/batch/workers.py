# SPDX-License-Identifier: Apache-2.0
"""Worker processes that can be killed: one program loads Airflow once and forks a process for each try.

``python -m tests.unit.batch.workers`` reads an order a line and answers each with two lines: the pid of the
process that carries it out, and how that process ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Self

from scripts.local_airflow import ROOT

SUCCESS, FAILED, INTERRUPTED = 0, 1, 2


class Workers:
    """Starts tries of a batch in processes of their own.

    :param log: file that gets all that they say.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._already_stored = 0

    def __enter__(self) -> Self:
        with self.log.open("ab") as output:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "tests.unit.batch.workers"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        assert self._line() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._program.stdin
        self._program.stdin.close()
        self._program.wait(30)
        assert self._program.stdout
        self._program.stdout.close()

    def start(self, **order: Any) -> int:
        """Start a try; return its process id.

        :param order: ``connection``: the connection ``kling_default`` as JSON; ``arguments`` of the operator;
            ``ti``: attributes of the task instance; ``handler``: whose way to handle SIGTERM, Airflow 2's or
            3's; ``timeout``: seconds until it is interrupted as by ``execution_timeout``.
        """
        assert self._program.stdin
        self._program.stdin.write(f"{json.dumps(order)}\n")
        self._program.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """Wait for the try's end; return its exit code, or minus the signal that killed it."""
        return int(self._line())

    def said(self, words: str) -> list[str]:
        """Lines of the log that hold some words, since :meth:`forget`."""
        return [line for line in self.log.read_text()[self._already_stored :].splitlines() if words in line]

    def forget(self) -> None:
        """Leave aside what was said up to now."""
        self._already_stored = len(self.log.read_text())

    def _line(self) -> str:
        assert self._program.stdout
        line = self._program.stdout.readline().strip()
        assert line, self.log.read_text()[-3000:]
        return line


class _Interrupted(BaseException):
    """As Airflow's own timeout and, before Airflow 3, its handler of SIGTERM raise it."""


def _carry_out(order: dict[str, Any]) -> int:
    from airflow_provider_kling.operators.batch import KlingBatchOperator
    from tests.unit.operators.conftest import TaskInstance, context_of

    os.environ["AIRFLOW_CONN_KLING_DEFAULT"] = order["connection"]
    operator = KlingBatchOperator(task_id="batch", **order["arguments"])

    def on_term(number: int, _frame: FrameType | None) -> None:
        operator.on_kill()
        if order.get("handler") == "Airflow 2":
            raise _Interrupted

    def on_alarm(number: int, _frame: FrameType | None) -> None:
        raise _Interrupted

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, order.get("timeout", 0))
    try:
        operator.execute(context_of(TaskInstance(dag_id="shop", task_id="batch", **order.get("ti", {}))))
    except _Interrupted:
        operator.on_kill()
        return INTERRUPTED
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return FAILED
    return SUCCESS


def _preload() -> None:
    import tests.unit.operators.conftest  # noqa: F401
    from airflow_provider_kling.utils.storage import resolve_path

    resolve_path("/tmp")
    _settle_pauses()


def _settle_pauses() -> None:
    from airflow_provider_kling.batch import circuit_breaker, limiter
    from airflow_provider_kling.hooks import flows
    from airflow_provider_kling.submission import submit

    submit.LOOKUP_DELAYS = (0.05, 0.05, 0.1)
    circuit_breaker._FIRST_DELAY, circuit_breaker._MAX_DELAY = 0.05, 0.2
    limiter.PROBE_SECONDS = 0.2
    flows.retry_delay = lambda error, attempt: 0.05


def main() -> None:
    """Carry out orders until the input ends."""
    answer = _own_output()
    _preload()
    answer("ready")
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = FAILED
            try:
                code = _carry_out(json.loads(line))
            finally:
                sys.stderr.flush()
                # As Airflow ends its task processes: without waiting for threads.
                os._exit(code)
        answer(pid)
        answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _own_output() -> Callable[[object], None]:
    """Take the output for answers alone: some versions of Airflow write logs there."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: object) -> None:
        answers.write(f"{value}\n")
        answers.flush()

    return answer


if __name__ == "__main__":
    main()
