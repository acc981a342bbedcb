# SPDX-License-Identifier: Apache-2.0
"""What a finished task reports of its inputs and outputs, and what it must not report."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.lineage import asset_extra, asset_uri, emit_lineage

SIGNED = "https://cdn.klingai.com/v1.mp4?sign=SECRET#SECRET"
RESULT: dict[str, Any] = {
    "task_id": "842",
    "endpoint": "videos/text2video",
    "status": "succeed",
    "units": "3.5",
    "expires_at": 1_800_000_000_000,
    "videos": [
        {"id": "a", "url": SIGNED, "duration": "5.1", "path": "s3://films@studio/842/0-video.mp4"},
        {"id": "b", "url": SIGNED, "duration": "5.02", "watermark_url": SIGNED},
    ],
}


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        ("s3://films@studio/842/0-video.mp4", "s3://studio/842/0-video.mp4"),
        ("S3://studio/a", "s3://studio/a"),
        ("https://user:password@host/a.jpg?sign=1#top", "https://host/a.jpg"),
        ("/data/../data/a.jpg", "file:///data/a.jpg"),
        ("file:///data/a.jpg", "file:///data/a.jpg"),
        ("gs://bucket", "gs://bucket"),
        ("kling-v3", None),
        ("http://[broken", None),
        ("", None),
        (None, None),
    ],
)
def test_files_have_one_uri(location: str | None, uri: str | None) -> None:
    assert asset_uri(location) == uri


@given(st.text(st.characters(exclude_characters="/?#[]\\")), st.text(), st.text())
def test_no_uri_has_a_signature(user: str, query: str, fragment: str) -> None:
    uri = asset_uri(f"https://{user}@host/path?{query}#{fragment}")
    assert uri is None or not set("?#@") & set(uri.partition("://")[2])


def test_facts_are_plain_and_have_no_url_of_the_vendor() -> None:
    assert asset_extra(RESULT, "kling-v3") == {
        "task_id": "842",
        "endpoint": "videos/text2video",
        "model": "kling-v3",
        "duration": 10.12,
        "units": "3.5",
        "expires_at": 1_800_000_000_000,
        "paths": ["s3://films@studio/842/0-video.mp4"],
    }


def test_subtitles_are_reported_too() -> None:
    result = {
        "task_id": "842",
        "endpoint": "solutions/drama_subtitle",
        "srts": [{"url": SIGNED, "path": "s3://films/842/0-srt.srt"}],
        "ass": [{"url": SIGNED, "path": "s3://films/842/0-ass.ass"}],
        "subbed_videos": [{"url": SIGNED, "duration": "5", "path": "s3://films/842/0-subbed-video.mp4"}],
        "request": {"inputs": [{"path": "s3://films/in.mp4"}]},
    }
    report = asset_extra(result, None)
    names = ["0-subbed-video.mp4", "0-srt.srt", "0-ass.ass"]
    assert report["paths"] == [f"s3://films/842/{name}" for name in names]
    assert report["duration"] == 5


def test_what_is_unknown_stays_unknown() -> None:
    report = asset_extra(
        {"task_id": "842", "endpoint": "images/generations", "images": [{"url": SIGNED}]}, None
    )
    assert (report["units"], report["duration"], report["model"], report["paths"]) == (
        None,
        None,
        None,
        [],
    )


class Collector:
    """Stores what is reported to it, with the names that all versions of Airflow share."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self.outputs: list[str] = []

    def add_input_asset(self, *, context: Any, uri: str) -> None:
        self.inputs.append(uri)

    def add_output_asset(self, *, context: Any, uri: str) -> None:
        self.outputs.append(uri)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    created = Collector()
    name = "airflow_provider_kling.version_compat.get_hook_lineage_collector"
    monkeypatch.setattr(name, lambda: created, raising=False)
    return created


def test_inputs_are_files_only(collector: Collector, tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    image.write_bytes(b"\xff\xd8\xff")
    jpeg = "/9j/" + "AAAA" * 100
    inputs = [str(image), jpeg, SIGNED, "s3://films@studio/b.jpg"]
    emit_lineage({}, SimpleNamespace(outlets=[]), object(), RESULT, inputs)
    assert collector.inputs == [f"file://{image}", SIGNED.partition("?")[0], "s3://studio/b.jpg"]
    assert collector.outputs == ["s3://studio/842/0-video.mp4"]


def test_errors_are_logged_and_fail_no_task(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError(SIGNED)

    name = "airflow_provider_kling.version_compat.get_hook_lineage_collector"
    monkeypatch.setattr(name, broken, raising=False)
    with caplog.at_level(logging.DEBUG):
        emit_lineage({}, SimpleNamespace(outlets=[]), object(), RESULT, [])
    assert "could not be reported: RuntimeError" in caplog.text
    assert "SECRET" not in caplog.text
