# SPDX-License-Identifier: Apache-2.0
"""Object storage for tests: S3 over its real protocol on loopback, local files, and memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest


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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        endpoint = f"http://{host}:{port}"
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
    server.stop()


@pytest.fixture
def s3(s3_server: S3Server) -> S3Server:
    """The S3 server with an empty bucket."""
    client = s3_server.client()
    for key in s3_server.stored():
        client.delete_object(Bucket=s3_server.bucket, Key=key)
    return s3_server
