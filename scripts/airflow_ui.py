# SPDX-License-Identifier: Apache-2.0
"""``make airflow``: Airflow with its UI and the example DAGs next to the emulator, until Ctrl-C.

Everything that an example needs is on this machine: an emulator of Kling, one of a gateway, an S3 server with
a bucket, and a chat that prints its messages here. Their connections are in Airflow's database, so that the
UI shows them.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import URLError

from airflow_provider_kling.emulator.options import Dialect
from airflow_provider_kling.emulator.server import Emulator

from .local_airflow import (
    EXAMPLES,
    ROOT,
    Program,
    environment,
    free_ports,
    port_is_free,
    signals_end_this_program,
    wait_until,
)

HOME = Path(os.environ.get("KLING_AIRFLOW_UI_HOME") or ROOT / ".airflow")
"""Airflow's home; tests have one of their own."""

BUCKET = "my-videos"
DEFAULT_PORT = 8080
"""Airflow's own."""

EMULATOR_SPEED = 10.0
_BOOT_SECONDS = 900
_REPORT_SECONDS = 60
_LOOK_FOR_FILES_SECONDS = 3
_FIRST = "example_kling_animate_image"


def main() -> int:
    """Run until interrupted and return the exit code."""
    port = int(os.environ.get("PORT") or DEFAULT_PORT)
    if not port_is_free(port):
        print(f"Port {port} is in use. Choose another one: make airflow PORT={port + 1}", file=sys.stderr)
        return 1
    own_dags = HOME / "dags"
    own_dags.mkdir(parents=True, exist_ok=True)
    with signals_end_this_program(), suppress(KeyboardInterrupt), ExitStack() as services:
        connections = _start_services(services)
        return _run_airflow(port, own_dags, connections)
    return 0


def _start_services(services: ExitStack) -> dict[str, Any]:
    """Start what the examples need; return the connections to it."""
    kling = services.enter_context(Emulator(speed=EMULATOR_SPEED))
    gateway = services.enter_context(Emulator(speed=EMULATOR_SPEED, dialect=Dialect.COMETAPI))
    storage = services.enter_context(_s3_server(HOME / "s3.log"))
    chat = services.enter_context(_chat())
    return {
        "kling_default": kling.connection(),
        "kling_gateway": gateway.connection(),
        "aws_default": {
            "conn_type": "aws",
            "login": "local",
            "password": "local",
            "extra": {"endpoint_url": storage, "region_name": "us-east-1"},
        },
        "team_chat": {"conn_type": "http", "host": chat},
    }


@contextmanager
def _s3_server(log: Path) -> Iterator[str]:
    """Run an S3 server with a bucket; yield its URL."""
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    server = Program(command, environment(HOME), log)
    try:
        found = wait_until(
            lambda: re.search(r"Running on (http://127[.\d]+:\d+)", log.read_text()), 300, "the S3 server"
        )
        request = urllib.request.Request(f"{found[1]}/{BUCKET}", method="PUT")  # noqa: S310 - this machine's
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
        yield found[1]
    finally:
        server.stop()


@contextmanager
def _chat() -> Iterator[str]:
    """Print what is posted; yield the URL to post to."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            _print_line(f"Chat      {content.decode(errors='replace')}")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _run_airflow(port: int, own_dags: Path, connections: dict[str, Any]) -> int:
    url = f"http://127.0.0.1:{port}"
    env = environment(HOME, settings=_settings(url, port, own_dags))
    env["KLING_EXAMPLE_OUTPUT"] = str(HOME / "results")
    env["KLING_EXAMPLE_STORAGE"] = f"s3://aws_default@{BUCKET}"
    env["KLING_EXAMPLE_BUCKET"] = BUCKET
    env["KLING_EXAMPLE_GATEWAY"] = "kling_gateway"
    log = HOME / "airflow.log"
    log.unlink(missing_ok=True)
    _print_line(f"Starting Airflow; its log is {_short(log)} ...")
    with _private_file(HOME / "connections.json", json.dumps(connections)) as file:
        for arguments in (["db", "migrate"], ["connections", "import", "--overwrite", str(file)]):
            program = Program([sys.executable, "-m", "airflow", *arguments], env, log)
            if program.wait(_BOOT_SECONDS):
                return _report_end(program)
    airflow = Program([sys.executable, "-m", "airflow", "standalone"], env, log)
    try:
        if _is_up(airflow, url):
            _print_first_steps(url, own_dags)
            airflow.wait()
        return _report_end(airflow)
    finally:
        airflow.stop()


def _is_up(airflow: Program, url: str) -> bool:
    """Wait until Airflow answers; on a busy machine that takes minutes."""
    for minutes in range(1, _BOOT_SECONDS // _REPORT_SECONDS + 1):
        with suppress(TimeoutError):
            wait_until(
                lambda: airflow.exit_code is not None or _answers(url), _REPORT_SECONDS, "Airflow", every=0.5
            )
            return airflow.exit_code is None
        _print_line(f"  still starting after {minutes} min ...")
    return False


def _settings(url: str, port: int, own_dags: Path) -> dict[str, Any]:
    log_ports = free_ports(2)
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder), "refresh_interval": _LOOK_FOR_FILES_SECONDS},
        }
        for name, folder in (("examples", EXAMPLES), ("yours", own_dags))
    ]
    return {
        "core.dags_are_paused_at_creation": False,
        "core.simple_auth_manager_all_admins": True,
        "core.test_connection": "Enabled",
        "core.execution_api_server_url": f"{url}/execution/",
        "api.host": "127.0.0.1",
        "api.port": port,
        "api.base_url": url,
        "dag_processor.dag_bundle_config_list": json.dumps(bundles),
        "dag_processor.bundle_refresh_check_interval": 1,
        "dag_processor.refresh_interval": _LOOK_FOR_FILES_SECONDS,
        "dag_processor.min_file_process_interval": _LOOK_FOR_FILES_SECONDS,
        "logging.worker_log_server_port": log_ports[0],
        "logging.trigger_log_server_port": log_ports[1],
    }


def _print_first_steps(url: str, own_dags: Path) -> None:
    _print_line(f"""
Airflow is at {url} (no login).

  1. Open {url}/dags/{_FIRST}
     and click Trigger. The form holds an image and a prompt: change them, or click Trigger again.
  2. Click the run, then its tab Kling: the video plays there after about ten seconds.
  3. Put a DAG file of your own into {_short(own_dags)}/: it shows within ten seconds.
     The connection kling_default leads to an emulator: nothing is charged. Admin, Connections tests it.

Ctrl-C ends everything. Messages to the examples' chat appear below.
""")


def _report_end(airflow: Program) -> int:
    _print_line(f"{airflow.last_lines()}\n\nAirflow does not run; the lines above are the last of its log.")
    return 1


@contextmanager
def _private_file(path: Path, text: str) -> Iterator[Path]:
    path.touch(mode=0o600)
    path.write_text(text)
    try:
        yield path
    finally:
        path.unlink()


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _print_line(line: str) -> None:
    print(line, flush=True)


def _answers(url: str) -> bool:
    with suppress(URLError, OSError), urllib.request.urlopen(f"{url}/api/v2/version", timeout=5):  # noqa: S310
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
