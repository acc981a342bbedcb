# SPDX-License-Identifier: Apache-2.0
"""The audit of dependencies, against services of known holes on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from scripts.audit_by_registry import newest_instead
from scripts.local_airflow import ROOT

Answer = Callable[[str, dict[str, Any]], dict[str, Any] | None]


@contextmanager
def _serving(answer: Answer) -> Iterator[str]:
    """Serve JSON; ``answer`` gets path and body, and returns None for 404."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            found = answer(self.path, body)
            content = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("release", "found"), [("2.0", {"info": {"version": "2.0"}, "vulnerabilities": []}), ("1.0", None)]
)
def test_the_package_stands_for_its_newest_release_alone(release: str, found: Any) -> None:
    records = {"/web/json": {"info": {"version": "2.0"}, "vulnerabilities": []}}
    with _serving(lambda path, _: records.get(path)) as registry:
        answer = newest_instead(requests.get(f"{registry}/web/{release}/json", timeout=60))
    assert (answer.json() if answer.ok else None) == found


def test_a_release_with_a_record_of_its_own_is_not_asked_for_twice() -> None:
    asked = []

    def answer(path: str, _: dict[str, Any]) -> dict[str, Any]:
        asked.append(path)
        return {"info": {"version": "1.0"}, "vulnerabilities": []}

    with _serving(answer) as registry:
        newest_instead(requests.get(f"{registry}/web/1.0/json", timeout=60))
    assert asked == ["/web/1.0/json"]


_HOLE = {
    "id": "PYSEC-2099-1",
    "summary": "made up for this test",
    "modified": "2099-01-01T00:00:00Z",
    "affected": [{"package": {"name": "aiohttp", "ecosystem": "PyPI"}}],
}


@pytest.mark.slow
@pytest.mark.parametrize("package", ["aiohttp", "a-package-that-nobody-installs"])
def test_a_known_hole_fails_the_audit(package: str) -> None:
    asked = []

    def osv(path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if path != "/v1/query":
            return None
        asked.append(body["package"]["name"])
        return {"vulns": [_HOLE]} if asked[-1] == package else {}

    with _serving(osv) as service:
        done = subprocess.run(
            [ROOT / "scripts" / "audit", ROOT / ".venv" / "bin" / "uv", "apache-airflow>=3.3.2"],
            cwd=ROOT,
            env=os.environ | {"OSV_URL": service},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert {"apache-airflow", "aiohttp", "fastapi", "s3fs"} <= {*asked}
    assert (done.returncode, "PYSEC-2099-1" in done.stdout) == (
        (1, True) if package == "aiohttp" else (0, False)
    )
