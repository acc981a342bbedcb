# SPDX-License-Identifier: Apache-2.0
"""The emulator as a server: in a thread of a test, or as a process of its own."""

from __future__ import annotations

import dataclasses
import json
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import uvicorn

from ..api import ENDPOINTS
from .app import EmulatorApp
from .faults import Faults
from .handlers import billing, resources, tasks
from .handlers.admin import admin_app, state_summary
from .options import Dialect, Options
from .state import EmulatorState
from .task import EmulatedTask

_START_SECONDS = 20
_KEEP_ALIVE_SECONDS = 75


class PortTaken(OSError):
    """The port to listen on is in use."""


class Emulator:
    """A running emulator, as a context manager.

    .. code-block:: python

        with Emulator(speed=60, slots=5) as kling:
            monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", kling.connection_json())

    :param options: all settings; by default the port is any free one.
    :param settings: single settings by name, see :class:`.Options`.
    """

    def __init__(self, options: Options | None = None, **settings: Any) -> None:
        self.options = dataclasses.replace(options or Options(port=0), **settings)
        self._temporary = tempfile.TemporaryDirectory(prefix="kling-emulator-")
        self.folder = Path(self._temporary.name)
        self.state = EmulatorState(self.options, self.folder)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, and serve from a thread.

        :raises PortTaken: when the port is in use.
        """
        listener = self.listen()
        self._server = self.server()
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="kling-emulator", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the Kling emulator did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop serving and remove all files."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join()
        self.close()

    def close(self) -> None:
        """Remove all files."""
        self.state.renderer.close()
        self._temporary.cleanup()

    def listen(self) -> socket.socket:
        """Open the listening socket and set :attr:`url`.

        :return: the socket.
        :raises PortTaken: the port cannot be used.
        """
        host = self.options.host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, self.options.port))
        except OSError as error:
            listener.close()
            raise PortTaken(f"port {self.options.port} on {host} cannot be used: {error.strerror}") from error
        listener.listen(2048)
        port = listener.getsockname()[1]
        scheme = "https" if self.options.certificate else "http"
        self.url = f"{scheme}://[{host}]:{port}" if family == socket.AF_INET6 else f"{scheme}://{host}:{port}"
        return listener

    def server(self) -> uvicorn.Server:
        """Build the server.

        :return: the server, not yet running.
        """
        config = uvicorn.Config(
            EmulatorApp(self.state, self._routes(), admin_app(self.state)),
            access_log=False,
            log_level="warning",
            # Longer than clients poll: an open connection must not be closed while a client uses it again.
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            lifespan="off",
            proxy_headers=False,
            ssl_certfile=self.options.certificate,
        )
        return uvicorn.Server(config)

    def _routes(self) -> tasks.Router:
        dialect = self.options.dialect
        others = {**resources.HANDLERS}
        if dialect is Dialect.KLING:
            others |= billing.HANDLERS
        return tasks.build_router(ENDPOINTS, others, dialect.base_path)

    def connection(self) -> dict[str, Any]:
        """Return the fields of the Airflow connection to this emulator.

        :return: the fields.
        """
        fields = {"conn_type": "kling", "host": self.url, "password": self.options.api_key}
        return {**fields, "extra": self._extra()} if self._extra() else fields

    def _extra(self) -> dict[str, str]:
        dialect = self.options.dialect
        if dialect is Dialect.KLING:
            return {}
        # The provider has one dialect for all gateways, which reads all envelopes.
        name = "cometapi" if dialect is Dialect.COMETAPI else "gateway"
        return {"dialect": name, "base_path": dialect.base_path}

    def connection_json(self) -> str:
        """Return the Airflow connection to this emulator as JSON.

        :return: a value for ``AIRFLOW_CONN_KLING_DEFAULT``.
        """
        return json.dumps(self.connection())

    def connection_uri(self) -> str:
        """Return the Airflow connection to this emulator as a URI.

        :return: a value for ``AIRFLOW_CONN_KLING_DEFAULT``.
        """
        password, host = quote(self.options.api_key, safe=""), quote(self.url, safe="")
        query = f"/?{urlencode(self._extra())}" if self._extra() else ""
        return f"kling://:{password}@{host}{query}"

    @property
    def faults(self) -> Faults:
        """Faults to switch on and off."""
        return self.state.faults

    @property
    def jobs(self) -> Sequence[EmulatedTask]:
        """All jobs, oldest first."""
        return tuple(self.state.account.jobs)

    @property
    def requests(self) -> dict[tuple[str, str, int], int]:
        """Number of requests by method, path template and status (0: the connection was cut)."""
        return dict(self.state.requests)

    @property
    def stalled(self) -> int:
        """Number of create calls that a stall fault holds."""
        return self.state.fault_injector.stalled

    @property
    def summary(self) -> dict[str, Any]:
        """The response of ``GET /_emulator``."""
        return state_summary(self.state)

    def count(self, method: str, path: str) -> int:
        """Return the number of requests to a path.

        :param method: HTTP method.
        :param path: path template such as ``/v1/videos/image2video/{id}``.
        :return: the number.
        """
        return sum(
            number
            for (verb, template, _), number in self.requests.items()
            if (verb, template) == (method, path)
        )

    def advance(self, seconds: float) -> None:
        """Advance the emulator's time: jobs end, URLs of results expire.

        :param seconds: by how much.
        """
        self.state.clock.advance(seconds)

    def release(self) -> None:
        """Answer all create calls that a stall fault holds."""
        self.state.fault_injector.release()

    def reset(self) -> None:
        """Reset jobs, counters, faults and time."""
        self.state.reset()
