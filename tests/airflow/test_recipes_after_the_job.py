# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/recipes.md run: ffmpeg in a task, and upload by a stock operator.

The one for Slack runs where its provider is installed, with a server that stands for Slack's webhook.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import indent
from typing import Any
from urllib.parse import quote

import airflow
import av
import numpy as np
import pytest
from packaging.version import Version

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.media.measure import measure
from scripts.local_airflow import ROOT
from tests.support.films import write_film
from tests.support.reviews import answer_reviews
from tests.support.storages import S3Server

pytestmark = pytest.mark.airflow

PAGE = (ROOT / "docs" / "recipes.md").read_text("utf-8")
SOURCES = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


def source_with(text: str) -> str:
    (source,) = [each for each in SOURCES if text in each]
    return str(source)


def function(name: str) -> Callable[..., str]:
    """Return the function that a recipe makes a task of."""
    names: dict[str, Any] = {}
    exec(source_with(f"def {name}("), names)
    made: Callable[..., str] = names[name].function
    return made


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's ffmpeg, or that of imageio-ffmpeg under its usual name."""
    if shutil.which("ffmpeg"):
        return
    binary = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").symlink_to(binary)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


def test_shots_are_joined_and_normalised(tmp_path: Path, ffmpeg: None) -> None:
    loud = write_film(tmp_path / "a.mp4", seconds=4, level=0.5)
    quiet = write_film(tmp_path / "b.mp4", seconds=4, level=0.02, size=(90, 160))
    output = f"file://{tmp_path}/joined.mp4"
    assert function("join")([f"file://{loud}", f"file://{quiet}"], output, 320, 180) == output
    found = measure(str(tmp_path / "joined.mp4"))
    assert found.duration == pytest.approx(8, abs=0.2)
    assert (found.width, found.height, found.fps) == (320, 180, pytest.approx(24))
    assert found.complete
    assert found.loudness == pytest.approx(-16, abs=2.5)


def test_subtitles_are_burned_in(tmp_path: Path, ffmpeg: None) -> None:
    film = write_film(tmp_path / "a.mp4", seconds=2, black=(0, 2), size=(320, 180))
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nGood evening\n")
    output = f"file://{tmp_path}/burned.mp4"
    assert function("burn")(f"file://{film}", f"file://{tmp_path}/a.srt", output) == output
    with av.open(str(tmp_path / "burned.mp4")) as video:
        assert video.streams.audio
        light = [frame.to_ndarray(format="gray").max() for frame in video.decode(video=0)]
    # The letters are there for the first second only.
    assert np.mean(light[2:10]) > 150
    assert np.mean(light[-8:-2]) < 60


def test_what_passes_the_check_is_published(
    s3: S3Server, kling_emulator: Emulator, dags_folder: Path, tmp_path: Path
) -> None:
    source = source_with('"check_and_publish"')
    source = source.replace("/data/kling", str(tmp_path / "out")).replace("aws_default", "kling_test_s3")
    file = dags_folder / "check_and_publish.py"
    file.write_text(source.replace('duration="5",', 'duration="5",\n        poll_interval=0.2,'))
    run = runpy.run_path(str(file))["dag"].test()
    assert {ti.task_id: str(ti.state) for ti in run.get_task_instances()} == {
        "video": "success",
        "check": "success",
        "publish": "success",
    }
    (key,) = s3.stored()
    assert key.startswith("published/")
    (film,) = (tmp_path / "out").rglob("0-video.mp4")
    assert s3.client().get_object(Bucket=s3.bucket, Key=key)["Body"].read() == film.read_bytes()


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A server that takes messages as Slack's webhook does, and the messages that it got."""
    messages: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret"
    connection = {"conn_type": "slackwebhook", "password": url}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(connection))
    yield messages
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(
    Version(airflow.__version__) < Version("3.3"), reason="dag.test() lets a person answer since 3.3"
)
def test_slack_is_told_what_waits_for_approval(
    slack: list[dict[str, Any]],
    kling_emulator: Emulator,
    dags_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("airflow.providers.slack.notifications.slack_webhook")
    from airflow.sdk.definitions import dag

    imports, _, recipe = source_with("SlackWebhookNotifier").partition("\n\n")
    file = dags_folder / "approve.py"
    video = 'KlingTextToVideoOperator(task_id="video", prompt="a boat", poll_interval=0.2, output_path='
    body = f"{video}{str(tmp_path / 'out')!r})\n{recipe}\ndag.get_task('video') >> dag.get_task('approve')\n"
    head = "from airflow import DAG\nfrom airflow_provider_kling.operators.video import *\n"
    file.write_text(f"{imports}\n{head}with DAG('approve', schedule=None) as dag:\n{indent(body, '    ')}")
    run_task, asked = dag._run_task, list[str]()

    def run_and_approve(*, ti: Any, **arguments: Any) -> Any:
        done = run_task(ti=ti, **arguments)
        if ti.task_id == "approve":
            asked.extend(answer_reviews("Approve"))
        return done

    monkeypatch.setattr(dag, "_run_task", run_and_approve)
    run = runpy.run_path(str(file))["dag"].test()
    assert {ti.task_id: str(ti.state) for ti in run.get_task_instances()} == {
        "video": "success",
        "approve": "success",
    }
    assert asked == ["Publish this video?"]
    (message,) = slack
    assert message["text"].startswith("A video is waiting for approval: http")
    assert f"/dags/approve/runs/{quote(run.run_id)}/tasks/approve" in message["text"]


def test_every_recipe_compiles() -> None:
    assert len(SOURCES) == 4
    for source in SOURCES:
        compile(source, "recipes.md", "exec")
