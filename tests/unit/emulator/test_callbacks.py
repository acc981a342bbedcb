# SPDX-License-Identifier: Apache-2.0
"""Status changes are reported to a URL on this machine."""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from airflow_provider_kling.api.callback import CallbackRefused, read_callback
from airflow_provider_kling.emulator.options import Options


@pytest.fixture
def receiver():
    with _receiving(lambda headers, body: json.loads(body)) as receiving:
        yield receiving


@pytest.fixture
def signed_receiver():
    with _receiving(
        lambda headers, body: ({name.lower(): headers[name] for name in headers}, body)
    ) as receiving:
        yield receiving


@contextmanager
def _receiving(read):
    got: queue.Queue = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.put(read(self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with _listening(Handler) as url:
        yield url, got


@contextmanager
def _listening(handler):
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_task_object_is_posted_on_every_change(kling, receiver):
    url, got = receiver
    task_id = kling.create(callback_url=url, external_task_id="mine")
    kling.emulator.advance(30)
    first = got.get(timeout=60)
    assert (first["task_id"], first["task_status"]) == (task_id, "processing")
    kling.emulator.advance(40)
    second = got.get(timeout=60)
    assert second == kling.task(task_id)
    assert second["task_status"] == "succeed"
    assert second["task_info"] == {"external_task_id": "mine"}


def test_other_hosts_are_not_called(kling):
    kling.create(callback_url="http://192.0.2.1/callback")
    assert kling.emulator.summary["callbacks"] == {"sent": 0, "failed": 0, "waiting": 0}


def test_an_invalid_callback_url_is_not_called(kling):
    kling.create(callback_url="http://[::1/callback")
    assert kling.emulator.summary["callbacks"] == {"sent": 0, "failed": 0, "waiting": 0}


def test_redirects_are_not_followed(kling):
    """It could lead to another machine, with an unrequested GET."""
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

    with _listening(Handler) as url:
        kling.create(callback_url=url)
        kling.emulator.advance(60)
        assert [asked.get(timeout=60) for _ in range(2)] == ["/callback"] * 2
        deadline = time.monotonic() + 60
        while kling.emulator.summary["callbacks"] != {"sent": 0, "failed": 2, "waiting": 0}:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_callback_without_listener_is_counted_as_failed(kling):
    kling.create(callback_url=kling.emulator.url.rpartition(":")[0] + ":9/callback")
    assert kling.emulator.summary["callbacks"]["waiting"] == 2
    kling.emulator.advance(60)
    deadline = time.monotonic() + 60
    while kling.emulator.summary["callbacks"] != {"sent": 0, "failed": 2, "waiting": 0}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_callbacks_are_signed_with_the_webhook_secret(start, signed_receiver):
    secret = "whsec_" + base64.b64encode(b"twenty-four random bytes").decode()
    kling = start(webhook_secret=secret)
    url, got = signed_receiver
    task_id = kling.create(callback_url=url)
    kling.emulator.advance(70)
    first, second = got.get(timeout=60), got.get(timeout=60)
    assert [read_callback(*each, secret).status for each in (first, second)] == ["succeed", "succeed"]
    assert read_callback(*first, secret).task_id == task_id
    assert first[0]["webhook-id"] != second[0]["webhook-id"]
    with pytest.raises(CallbackRefused):
        read_callback(first[0], first[1], "whsec_" + base64.b64encode(b"another").decode())


def test_callbacks_without_a_secret_are_not_signed(kling, signed_receiver):
    url, got = signed_receiver
    kling.create(callback_url=url)
    kling.emulator.advance(70)
    assert "webhook-signature" not in got.get(timeout=60)[0]


@pytest.mark.parametrize("secret", ["", "whsec_", "secret", "whsec_not base64!"])
def test_an_invalid_secret_is_refused(secret):
    with pytest.raises(ValueError, match="webhook_secret must be whsec_ and base64"):
        Options(webhook_secret=secret)
