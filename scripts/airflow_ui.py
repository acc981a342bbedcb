# SPDX-License-Identifier: Apache-2.0
"""``make airflow``: Airflow with its UI and the example DAGs beside the emulator, until Ctrl-C."""

from __future__ import annotations

import sys
import urllib.request
from contextlib import suppress
from typing import Any
from urllib.error import URLError

from airflow_provider_kling.emulator.server import Emulator

from .local_airflow import ROOT, Program, environment, free_ports, signals_end_this_program, wait_until

HOME = ROOT / ".airflow"
EMULATOR_SPEED = 10.0
_BOOT_SECONDS = 180


def main() -> int:
    """Run until interrupted and return the exit code."""
    HOME.mkdir(exist_ok=True)
    emulator = Emulator(speed=EMULATOR_SPEED)
    with signals_end_this_program(), suppress(KeyboardInterrupt), emulator:
        return _run_airflow(emulator)
    return 0


def _run_airflow(emulator: Emulator) -> int:
    port, *log_ports = free_ports(3)
    url = f"http://127.0.0.1:{port}"
    env = environment(HOME, settings=_settings(url, port, log_ports))
    env["AIRFLOW_CONN_KLING_DEFAULT"] = emulator.connection_json()
    airflow = Program([sys.executable, "-m", "airflow", "standalone"], env, HOME / "airflow.log")
    try:
        _say(f"Starting Airflow; its log is {airflow.log.relative_to(ROOT)} ...")
        wait_until(lambda: airflow.exit_code is not None or _answers(url), _BOOT_SECONDS, "Airflow to be up")
        if airflow.exit_code is None:
            _say(f"Airflow   {url}  (no login)")
            _say(f"Emulator  {emulator.url}  (the connection kling_default)")
            _say("Run the DAG example_kling_animate_image. Ctrl-C ends everything.")
            airflow.wait()
        _say(f"{airflow.last_lines()}\n\nAirflow has ended; the lines above are its last.")
        return 1
    finally:
        airflow.stop()


def _settings(url: str, port: int, log_ports: list[int]) -> dict[str, Any]:
    return {
        "core.dags_are_paused_at_creation": False,
        "core.simple_auth_manager_all_admins": True,
        "core.execution_api_server_url": f"{url}/execution/",
        "api.host": "127.0.0.1",
        "api.port": port,
        "api.base_url": url,
        "logging.worker_log_server_port": log_ports[0],
        "logging.trigger_log_server_port": log_ports[1],
    }


def _say(line: str) -> None:
    print(line, flush=True)


def _answers(url: str) -> bool:
    with suppress(URLError, OSError), urllib.request.urlopen(f"{url}/api/v2/version", timeout=5):  # noqa: S310
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
