# SPDX-License-Identifier: Apache-2.0
"""Status changes are reported to an address on this machine."""

from __future__ import annotations

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


@pytest.fixture
def receiver():
    got: queue.Queue[dict] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/callback", got
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_bare_task_is_posted_on_every_change(kling, receiver):
    address, got = receiver
    task_id = kling.make(callback_url=address, external_task_id="mine")
    kling.emulator.advance(30)
    first = got.get(timeout=5)
    assert (first["task_id"], first["task_status"]) == (task_id, "processing")
    kling.emulator.advance(40)
    second = got.get(timeout=5)
    assert second == kling.task(task_id)
    assert second["task_status"] == "succeed"
    assert second["task_info"] == {"external_task_id": "mine"}


def test_other_hosts_are_not_called(kling):
    kling.make(callback_url="http://192.0.2.1/callback")
    assert kling.emulator.summary["callbacks"] == {"sent": 0, "failed": 0, "waiting": 0}


def test_what_is_no_address_is_not_called(kling):
    kling.make(callback_url="http://[::1/callback")
    assert kling.emulator.summary["callbacks"] == {"sent": 0, "failed": 0, "waiting": 0}


def test_a_redirect_leads_nowhere(kling):
    """It could lead to another machine, with a GET after which nobody asked."""
    asked: queue.Queue[str] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.put(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self):
            asked.put(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    kling.make(callback_url=f"http://127.0.0.1:{server.server_port}/callback")
    kling.emulator.advance(60)
    assert [asked.get(timeout=5) for _ in range(2)] == ["/callback"] * 2
    deadline = time.monotonic() + 10
    while kling.emulator.summary["callbacks"] != {"sent": 0, "failed": 2, "waiting": 0}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    server.shutdown()
    server.server_close()
    thread.join()


def test_nobody_listens(kling):
    kling.make(callback_url=kling.emulator.url.rpartition(":")[0] + ":9/callback")
    assert kling.emulator.summary["callbacks"]["waiting"] == 2
    kling.emulator.advance(60)
    deadline = time.monotonic() + 10
    while kling.emulator.summary["callbacks"] != {"sent": 0, "failed": 2, "waiting": 0}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
