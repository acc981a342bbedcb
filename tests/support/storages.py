# SPDX-License-Identifier: Apache-2.0
"""Object storage for tests: S3 over its real protocol on loopback, local files, and memory."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.local_airflow import Program, wait_until


@dataclass(frozen=True)
class S3Server:
    """An S3 server with one private bucket, and the Airflow connections that reach it."""

    endpoint: str
    bucket: str = "studio"

    def uri(self, key: str, conn_id: str = "kling_test_s3") -> str:
        return f"s3://{conn_id}@{self.bucket}/{key}"

    def client(self):
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="AKIATEST",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )

    def put(self, key: str, data: bytes) -> str:
        self.client().put_object(Bucket=self.bucket, Key=key, Body=data)
        return self.uri(key)

    def stored(self) -> list[str]:
        listed = self.client().list_objects_v2(Bucket=self.bucket)
        return [item["Key"] for item in listed.get("Contents", [])]

    def open_uploads(self) -> list[str]:
        listed = self.client().list_multipart_uploads(Bucket=self.bucket)
        return [item["Key"] for item in listed.get("Uploads", [])]


def _connection(endpoint: str, **fields: str) -> str:
    return json.dumps(
        {
            "conn_type": "aws",
            **fields,
            "extra": {
                "endpoint_url": endpoint,
                "region_name": "us-east-1",
                "config_kwargs": {"retries": {"max_attempts": 1}},
            },
        }
    )


@contextmanager
def _moto(log: Path) -> Iterator[str]:
    """Run the S3 server in a process of its own; yield its URL.

    In the tests' process an abandoned file object, which calls S3 when it is collected as garbage, could be
    collected by the server's own thread, which would then wait for itself.
    """
    server = Program([sys.executable, Path(__file__).with_name("s3_server.py")], os.environ, log)
    try:
        found = wait_until(
            lambda: re.search(r"Running on (http://127[.\d]+:\d+)", log.read_text()), 60, "S3", every=0.05
        )
        yield found[1]
    finally:
        server.kill()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with (
        _moto(tmp_path_factory.mktemp("s3") / "server.log") as endpoint,
        pytest.MonkeyPatch.context() as patch,
    ):
        # No instance metadata, no developer's own credentials.
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        patch.setenv("AIRFLOW_CONN_KLING_TEST_S3", _connection(endpoint, login="AKIATEST", password="secret"))
        patch.setenv("AIRFLOW_CONN_KLING_TEST_NO_CREDENTIALS", _connection(endpoint))
        patch.setenv(
            "AIRFLOW_CONN_KLING_TEST_S3_DOWN",
            _connection("http://127.0.0.1:9", login="AKIATEST", password="secret"),
        )
        S3Server(endpoint).client().create_bucket(Bucket=S3Server.bucket)
        yield S3Server(endpoint)


@pytest.fixture
def s3(s3_server: S3Server) -> S3Server:
    """The S3 server with an empty bucket."""
    client = s3_server.client()
    for key in s3_server.stored():
        client.delete_object(Bucket=s3_server.bucket, Key=key)
    return s3_server
