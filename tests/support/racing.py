# SPDX-License-Identifier: Apache-2.0
"""Operators that run at the same moment in processes of their own.

``python -m tests.support.racing`` reads one order from its input: ``connection``, the connection
``kling_default`` as JSON, and ``tasks``, the class and arguments of each operator. It loads Airflow once,
forks a process for each task, and writes what each returns to its output, a JSON line each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from scripts.local_airflow import ROOT


class Racers:
    """Tasks that run at the same time, each in a process of its own.

    :param log: file that gets all that they log.
    :param connection: the connection ``kling_default`` as JSON.
    :param tasks: ``class``, as ``module.Name``, and ``arguments`` of each operator.
    """

    def __init__(self, log: Path, connection: str, tasks: list[dict[str, Any]]) -> None:
        self.log = log
        with log.open("ab") as output:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "tests.support.racing"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        assert self._program.stdin
        self._program.stdin.write(json.dumps({"connection": connection, "tasks": tasks}))
        self._program.stdin.close()

    @property
    def ended(self) -> bool:
        """Whether all have ended."""
        return self._program.poll() is not None

    def results(self) -> list[dict[str, Any]]:
        """Wait for all; return ``number``, ``pid`` and ``result`` of each, in any order."""
        assert self._program.stdout
        with self._program.stdout as output:
            lines = output.read().splitlines()
        assert self._program.wait(60) == 0, self.log.read_text()[-3000:]
        return [json.loads(line) for line in lines]


def _run(number: int, task: dict[str, Any]) -> dict[str, Any]:
    from tests.unit.operators.conftest import TaskInstance, run

    module, _, name = task["class"].rpartition(".")
    operator = getattr(import_module(module), name)(task_id="task", **task["arguments"])
    ti = TaskInstance(dag_id=f"dag-{number}", task_id="task", run_id=f"run-{number}")
    return {"number": number, "pid": os.getpid(), "result": run(operator, ti)}


def main() -> int:
    """Run the tasks of the order; return how many have failed."""
    # Some versions of Airflow write logs to the output.
    answers = os.dup(1)
    os.dup2(2, 1)
    order = json.load(sys.stdin)
    os.environ["AIRFLOW_CONN_KLING_DEFAULT"] = order["connection"]
    for task in order["tasks"]:
        import_module(task["class"].rpartition(".")[0])
    pids = []
    for number, task in enumerate(order["tasks"]):
        pid = os.fork()
        if not pid:
            code = 1
            try:
                os.write(answers, f"{json.dumps(_run(number, task))}\n".encode())
                code = 0
            except Exception as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            finally:
                sys.stderr.flush()
                os._exit(code)
        pids.append(pid)
    return sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0 for pid in pids)


if __name__ == "__main__":
    sys.exit(main())
