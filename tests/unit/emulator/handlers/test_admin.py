# SPDX-License-Identifier: Apache-2.0
"""What watches and steers the emulator is for this machine, and for no page of the web in a browser."""

from __future__ import annotations

import pytest
import requests

from tests.unit.emulator.conftest import Client

CALLS = [
    ("GET", ""),
    ("GET", "/jobs"),
    ("GET", "/faults"),
    ("POST", "/reset"),
    ("POST", "/release"),
    ("DELETE", "/faults"),
]


def ask(kling: Client, method: str, path: str, **headers: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        response = session.request(
            method, f"{kling.emulator.url}/_emulator{path}", headers=headers, timeout=60, data="{}"
        )
    return response.status_code


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8188"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_requests_of_foreign_pages_are_refused(
    kling: Client, method: str, path: str, headers: dict[str, str]
) -> None:
    kling.create()
    kling.emulator.faults.set({"expired_url": 5})
    shown = kling.emulator.faults.to_json()
    assert ask(kling, method, path, **headers) == 403
    assert len(kling.emulator.jobs) == 1
    assert kling.emulator.faults.to_json() == shown


@pytest.mark.parametrize("headers", [{}, {"Host": "localhost:1"}, {"Host": "[::1]:8188"}])
@pytest.mark.parametrize("origin", [None, "http://localhost:3000"])
def test_requests_of_local_programs_and_pages_are_accepted(
    kling: Client, headers: dict[str, str], origin: str | None
) -> None:
    more = headers | ({"Origin": origin} if origin else {})
    assert [ask(kling, method, path, **more) for method, path in CALLS] == [200] * len(CALLS)
