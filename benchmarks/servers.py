# SPDX-License-Identifier: Apache-2.0
"""Servers for measurements, each a process of its own, so that they take nothing from what is measured."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from scripts.local_airflow import Program, wait_until

_TIMEOUT = 60
BUCKET = "studio"


class KlingServer:
    """A running emulator.

    :param url: its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the machine's

    @property
    def connection(self) -> str:
        """The Airflow connection to it, as JSON."""
        return json.dumps({"conn_type": "kling", "host": self.url, "password": "emulator"})

    def summary(self) -> dict[str, Any]:
        """What it has counted."""
        return dict(self._get("/_emulator"))

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs that it made."""
        return list(self._get("/_emulator/jobs"))

    def count(self, method: str, path: str, status: int | None = None) -> int:
        """Number of requests; ``{id}`` in the path stands for any id."""
        return sum(
            row["count"]
            for row in self.summary()["requests"]
            if (row["method"], row["path"]) == (method, path) and status in (None, row["status"])
        )

    def reset(self) -> None:
        """Forget jobs and counters."""
        self._session.post(f"{self.url}/_emulator/reset", timeout=_TIMEOUT).raise_for_status()

    def _get(self, path: str) -> Any:
        return self._session.get(self.url + path, timeout=_TIMEOUT).json()


@contextmanager
def kling_server(log: Path, **options: Any) -> Iterator[KlingServer]:
    """Run an emulator.

    :param log: file for its output.
    :param options: its command line options, such as ``job_seconds=6``.
    """
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    with _server(log, ["airflow_provider_kling.emulator", "--port", "0", *arguments]) as url:
        yield KlingServer(url)


@contextmanager
def s3_server(log: Path) -> Iterator[Any]:
    """Run an S3 server with one bucket; yield its address and a client."""
    import boto3

    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with _server(log, ["moto.server", "-H", "127.0.0.1", "-p", "0"]) as url:
        client = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="bench-key",
            aws_secret_access_key="bench-secret",  # noqa: S106 - of a server that takes any
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=BUCKET)
        yield url, client


def s3_connection(url: str) -> str:
    """The Airflow connection to an S3 server, as JSON."""
    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    return json.dumps({"conn_type": "aws", "login": "bench-key", "password": "bench-secret", "extra": extra})


@contextmanager
def _server(log: Path, module: Sequence[str]) -> Iterator[str]:
    program = Program([sys.executable, "-m", *module], os.environ, log)
    try:
        text = wait_until(
            lambda: re.search(r"(http://127[.\d]+:\d+)", log.read_text()), 60, module[0], every=0.05
        )
        yield str(text[1])
    finally:
        program.kill()
