# SPDX-License-Identifier: Apache-2.0
"""A hook at the emulator, and one at a server that answers what a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.hooks import account
from airflow_provider_kling.hooks.kling import KlingHook


@pytest.fixture(autouse=True)
def no_cached_accounts() -> None:
    account._paces.clear()


@pytest.fixture
def hook(kling_emulator: Emulator) -> KlingHook:
    return KlingHook()


@dataclass
class Script:
    """Responses in order, the last one repeatedly; requests are recorded."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    requests: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, payload: Any, status: int = 200) -> None:
        self.answers.append((status, payload))

    def next(self) -> tuple[int, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.requests.append((self.path, json.loads(body) if body else None))
            status, payload = script.next()
            data = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[KlingHook, Script]]:
    """A hook and the script of the server it talks to."""
    script = Script()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    fields = {"conn_type": "kling", "host": f"http://127.0.0.1:{server.server_port}", "password": "key"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    yield KlingHook(), script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def voice(hook: KlingHook) -> Callable[[str], str]:
    """Makes a voice of a name and returns its id."""

    def make(name: str) -> str:
        speech = hook.submit(
            "audio/tts",
            {
                "text": "A long enough text to speak. " * 8,
                "voice_id": "oversea_male1",
                "voice_language": "en",
            },
        )
        created = hook.voices.create({"voice_name": name, "voice_url": speech.result["audios"][0]["url"]})
        done = hook.wait("general/custom-voices", created.task_id, 0.2, timeout=20)
        return str(done.result["voices"][0]["voice_id"])

    return make
