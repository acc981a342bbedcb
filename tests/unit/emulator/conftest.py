# SPDX-License-Identifier: Apache-2.0
"""A running emulator and a client that speaks plain HTTP to it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import requests
from PIL import Image

from airflow_provider_kling.emulator.server import Emulator

IMAGE_TO_VIDEO = "/v1/videos/image2video"
LONG = 3600.0
"""The last models of two endpoints: Kling switched them off, and gateways may still have them."""


@cache
def png(width: int = 600, height: int = 400, colour: str = "red", kind: str = "PNG") -> str:
    """Return an image as base64."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(stream, kind)
    return base64.b64encode(stream.getvalue()).decode()


class Client:
    """Calls one emulator with a good API key."""

    def __init__(self, emulator: Emulator, prefix: str = "") -> None:
        self.emulator = emulator
        self.prefix = prefix
        self.session = requests.Session()
        # A certificate bundle or proxy of the machine's environment has no say here.
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {emulator.options.api_key}"

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.emulator.url + self.prefix + path, params=query, timeout=60)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.session.post(self.emulator.url + self.prefix + path, json=body, timeout=60)

    def create(self, path: str = IMAGE_TO_VIDEO, **body: Any) -> str:
        """Make a job and return its id; for image2video a good body is filled in."""
        if path == IMAGE_TO_VIDEO:
            body = {"model_name": "kling-v3", "image": png(), **body}
        response = self.post(path, body)
        assert response.status_code == 200, response.text
        return str(response.json()["data"]["task_id"])

    def task(self, task_id: str, path: str = IMAGE_TO_VIDEO) -> dict[str, Any]:
        response = self.get(f"{path}/{task_id}")
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    def finish(self, task_id: str, path: str = IMAGE_TO_VIDEO) -> dict[str, Any]:
        """Let an hour pass and return the job."""
        self.emulator.advance(LONG)
        return self.task(task_id, path)

    def result(self, path: str, **body: Any) -> dict[str, Any]:
        """Make a job, let it end, return its result."""
        task = self.finish(self.create(path, **body), path)
        assert task["task_status"] == "succeed"
        return dict(task["task_result"])


@pytest.fixture
def start() -> Iterator[Callable[..., Client]]:
    """Starts emulators with the given settings."""
    running: list[Emulator] = []

    def run(prefix: str = "", **settings: Any) -> Client:
        emulator = Emulator(**settings)
        emulator.start()
        running.append(emulator)
        return Client(emulator, prefix)

    yield run
    for emulator in running:
        emulator.stop()


@pytest.fixture(scope="session")
def _shared() -> Iterator[Client]:
    with Emulator() as emulator:
        yield Client(emulator)


@pytest.fixture
def kling(_shared: Client) -> Client:
    """An emulator without jobs that still has the last model of each endpoint."""
    _shared.emulator.reset()
    return _shared
