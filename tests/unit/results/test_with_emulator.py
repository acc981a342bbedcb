# SPDX-License-Identifier: Apache-2.0
"""The whole path from a job to its stored files: one job, complete files, whatever fails."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import av
import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from moto.server import ThreadedMotoServer
from PIL import Image

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingRequestInvalid,
    KlingResultExpired,
    KlingResultNotKept,
    KlingServerError,
)
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.audio import KlingTextToAudioOperator, KlingTextToSpeechOperator
from airflow_provider_kling.operators.image import (
    KlingAiMultiShotOperator,
    KlingImageGenerationOperator,
    KlingOmniImageOperator,
)
from airflow_provider_kling.operators.solutions import (
    KlingApparelReplicatorOperator,
    KlingDramaSubtitleOperator,
)
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.results.manifest import read_task_manifest, stored_task_ids
from airflow_provider_kling.results.viewable_files import result_items
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.utils.storage import resolve_path
from tests.support.dag_runs import run as run_dag
from tests.support.storages import S3Server
from tests.unit.operators.conftest import TaskInstance, context_of, fire, run, ti
from tests.unit.results.conftest import Shelf

__all__ = ["run_dag", "ti"]

DAY = 86_400
DOWNLOADS = "/results/{task_id}/{file}"
WHICH = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])


@pytest.fixture
def kling_emulator_options() -> dict[str, Any]:
    return {"scale": 0.1}


def film(output_path: Any, **arguments: Any) -> KlingTextToVideoOperator:
    defaults = {"task_id": "film", "retries": 3, "prompt": "A boat", "duration": "5", "poll_interval": 0.2}
    return KlingTextToVideoOperator(**{**defaults, "output_path": output_path, **arguments})


def content(item: dict[str, Any], name: str = "path") -> bytes:
    """Return a stored file, after a check against the facts next to its path."""
    location = resolve_path(item[name])
    data: bytes = location.fs.cat_file(location.path)
    assert item[name.replace("path", "bytes")] == len(data)
    assert item[name.replace("path", "sha256")] == sha256(data).hexdigest()
    return data


@WHICH
def test_a_video_with_its_watermarked_copy(
    shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance, deferrable: bool
):
    result = run(film(shelf.uri, deferrable=deferrable, watermark_info={"enabled": True}), ti)
    (job,) = kling_emulator.jobs
    (video,) = result["videos"]
    clean, marked = content(video), content(video, "watermark_path")
    assert clean != marked
    for data in (clean, marked):
        with av.open(io.BytesIO(data)) as opened:
            assert opened.streams.video[0].frames > 0
    assert set(shelf.files()) == {
        f"{job.task_id}/{name}" for name in ("0-video.mp4", "0-video-watermark.mp4", "manifest.json")
    }
    assert stored_task_ids(shelf.uri) == {job.task_id}
    json.dumps(result)


@WHICH
def test_the_manifest_names_inputs_and_results(
    shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance, deferrable: bool
):
    result = run(film(shelf.uri, deferrable=deferrable), ti)
    manifest = read_task_manifest(shelf.uri, result["task_id"])
    for name in ("task_id", "external_task_id", "created_at", "updated_at", "expires_at", "units"):
        assert manifest[name] == result[name] is not None, name
    assert manifest["expires_at"] - manifest["updated_at"] == 30 * DAY * 1000
    request = manifest["request"]
    assert (request["model_name"], request["prompt"]) == ("kling-v3", "A boat")
    assert request["parameters"]["duration"] == "5"
    assert len(request["fingerprint"]) == 64
    assert float(request["estimate"]) == float(result["units"]) > 0
    (file,) = manifest["files"]
    assert (file["name"], file["type"]) == ("0-video.mp4", "video/mp4")
    assert (file["bytes"], file["sha256"]) == (result["videos"][0]["bytes"], result["videos"][0]["sha256"])
    text = json.dumps(manifest)
    assert "Signature" not in text
    assert kling_emulator.url not in text


def test_several_images(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance):
    operator = KlingImageGenerationOperator(
        task_id="film", prompt="A boat", n=3, poll_interval=0.2, output_path=shelf.uri
    )
    pictures = [content(item) for item in run(operator, ti)["images"]]
    assert len(set(pictures)) == 3
    assert {Image.open(io.BytesIO(data)).format for data in pictures} == {"PNG"}


def test_a_series(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance):
    operator = KlingOmniImageOperator(
        task_id="film",
        model_name="kling-v3-omni",
        prompt="A boat",
        result_type="series",
        series_amount=2,
        poll_interval=0.2,
        output_path=shelf.uri,
    )
    result = run(operator, ti)
    assert [item["path"].rpartition("/")[2] for item in result["series_images"]] == [
        "0-series-image.png",
        "1-series-image.png",
    ]
    assert all(content(item).startswith(b"\x89PNG") for item in result["series_images"])


def test_items_with_several_files_each(
    shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance, tmp_path: Any
):
    image = tmp_path / "picture.png"
    Image.new("RGB", (400, 400), "navy").save(image)
    operator = KlingAiMultiShotOperator(
        task_id="film", element_frontal_image=str(image), poll_interval=0.2, output_path=shelf.uri
    )
    result = run(operator, ti)
    stored = [content(item, f"path_{n}") for item in result["images"] for n in (1, 2, 3)]
    assert len(stored) == 9
    assert len(shelf.files()) == 10


def test_audio_in_two_formats(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance):
    operator = KlingTextToAudioOperator(
        task_id="film", prompt="Rain", duration=3.0, poll_interval=0.2, output_path=shelf.uri
    )
    (audio,) = run(operator, ti)["audios"]
    content(audio, "path_mp3")
    assert content(audio, "path_wav").startswith(b"RIFF")
    assert audio["path"] == audio["path_mp3"]


def test_audio_of_a_synchronous_endpoint(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance):
    operator = KlingTextToSpeechOperator(
        task_id="film", text="Hello", voice_id="oversea_male1", voice_language="en", output_path=shelf.uri
    )
    (audio,) = run(operator, ti)["audios"]
    assert content(audio)


def test_subtitles_next_to_their_video(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance):
    operator = KlingDramaSubtitleOperator(
        task_id="film", source_video="https://example.com/a.mp4", poll_interval=0.2, output_path=shelf.uri
    )
    created = run(operator, ti)
    names = {
        item["path"].rpartition("/")[2] for name in ("subbed_videos", "srts", "ass") for item in created[name]
    }
    assert names == {"0-subbed-video.mp4", "0-srt.srt", "0-ass.ass"}
    assert b" --> " in content(created["srts"][0])
    assert content(created["ass"][0]).startswith(b"[Script Info]")
    assert [item.media for item in result_items(created)] == ["video"]


def test_a_garment_in_a_video_and_images(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance):
    operator = KlingApparelReplicatorOperator(
        task_id="film",
        product_info="A coat",
        source_video="https://example.com/a.mp4",
        product_image=["https://example.com/a.jpg"],
        poll_interval=0.2,
        output_path=shelf.uri,
    )
    created = run(operator, ti)
    stored = {
        item["path"].rpartition("/")[2]
        for name in created
        if name.startswith(("product", "model"))
        for item in created[name]
    }
    assert stored == {"0-product-image.png", "0-model-image.png", "0-product-video.mp4"}
    assert sorted(item.media for item in result_items(created)) == ["image", "image", "video"]


@WHICH
def test_the_sensor_stores_too(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance, deferrable: bool):
    created = KlingHook().submit("videos/text2video", {"prompt": "A boat", "model_name": "kling-v3"})
    sensor = KlingTaskSensor(
        task_id="wait",
        endpoint="videos/text2video",
        kling_task_id=created.task_id,
        poll_interval=0.2,
        output_path=shelf.uri,
        deferrable=deferrable,
    )
    try:
        result = sensor.execute(context_of(ti))
    except TaskDeferred as deferred:
        result = sensor.execute_complete(context_of(ti), event=fire(deferred))
    (video,) = result["videos"]
    assert content(video)[4:8] == b"ftyp"
    assert stored_task_ids(shelf.uri) == {created.task_id}


FAULTS = [
    {"cut_download": 3000},
    {"cut_download": 1},
    {"download_error": 1000},
    {"expired_url": 1000},
]


@pytest.mark.parametrize("defect", FAULTS, ids=lambda defect: "_".join(map(str, *defect.items())))
def test_a_retry_after_a_failed_store_makes_no_new_job(
    shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance, defect: dict[str, int]
):
    kling_emulator.faults.set(defect)
    with pytest.raises(KlingResultNotKept, match="A retry of this task fetches it again without a new job"):
        run(film(shelf.uri), ti)
    assert shelf.files() == {}, "no half file, no manifest"
    kling_emulator.faults.clear()
    result = run(film(shelf.uri), ti.retried())
    assert content(result["videos"][0])[4:8] == b"ftyp"
    assert len(kling_emulator.jobs) == 1
    # The retry knows what was asked for as the first try did.
    assert read_task_manifest(shelf.uri, result["task_id"])["request"]["prompt"] == "A boat"


def test_one_broken_download_is_retried_within_the_try(
    shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance
):
    kling_emulator.faults.set({"cut_download": 3000, "cut_times": 2, "expired_url": 1})
    assert content(run(film(shelf.uri), ti)["videos"][0])
    assert kling_emulator.faults.fired["cut_download"] == 2
    assert len(kling_emulator.jobs) == 1


class ShakyS3:
    """An S3 server that goes down and comes up again, with all it holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self._address = self._server.get_host_and_port()
        # All servers of this process hold the same buckets.
        self.s3 = S3Server("http://{}:{}".format(*self._address), f"shaky-{self._address[1]}")
        connection = json.loads(os.environ["AIRFLOW_CONN_KLING_TEST_S3"])
        connection["extra"]["endpoint_url"] = self.s3.endpoint
        # Of its own: Airflow caches its connections.
        self.conn_id = f"kling_shaky_{self._address[1]}"
        monkeypatch.setenv(f"AIRFLOW_CONN_{self.conn_id.upper()}", json.dumps(connection))
        self.s3.client().create_bucket(Bucket=self.s3.bucket)

    def down(self) -> None:
        self._server.stop()
        self._server._server.server_close()
        # Bound and not listening: connections are refused, and no other process gets the port.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(self._address)

    def close(self) -> None:
        self._reserved.close()

    def up(self) -> None:
        self.close()
        self._server = ThreadedMotoServer(*self._address, verbose=False)
        self._server.start()


@pytest.fixture
def shaky(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> Iterator[ShakyS3]:
    server = ShakyS3(monkeypatch, s3)
    yield server
    server.down()
    server.close()


@WHICH
def test_storage_that_fails_after_the_job_is_paid(
    shaky: ShakyS3, kling_emulator: Emulator, ti: TaskInstance, deferrable: bool
):
    """The bucket is there when the job is submitted, down when it has ended, and up again later."""
    location = shaky.s3.uri("out", shaky.conn_id)
    task = film(location, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context_of(ti))
    event = fire(deferred.value)
    shaky.down()
    with pytest.raises(KlingResultNotKept, match="without a new job"):
        task.execute_complete(context_of(ti), event=event)
    second = ti.retried()
    with pytest.raises(KlingServerError, match="cannot be used now") as caught:
        run(film(location, deferrable=deferrable), second)
    assert not isinstance(caught.value, AirflowFailException)
    assert "A job may have been made" in str(caught.value)

    shaky.up()
    assert shaky.s3.stored() == shaky.s3.open_uploads() == []
    result = run(film(location, deferrable=deferrable), second.retried())
    assert content(result["videos"][0])
    assert [job.task_id for job in kling_emulator.jobs] == [result["task_id"]]


def test_storage_that_was_down_before_is_checked_again_before_paying(
    shaky: ShakyS3, kling_emulator: Emulator, ti: TaskInstance
):
    location = shaky.s3.uri("out", shaky.conn_id)
    shaky.down()
    with pytest.raises(KlingServerError, match="No job was made and nothing is charged"):
        run(film(location), ti)
    with pytest.raises(KlingServerError, match="cannot be used now"):
        run(film(location), ti.retried())
    assert kling_emulator.requests == {}
    shaky.up()


@WHICH
@pytest.mark.parametrize("location", ["zzz://bucket/out", "s3://kling_test_s3@no-such-bucket/out"])
def test_a_wrong_path_is_refused_before_anything_is_paid(
    s3: S3Server, kling_emulator: Emulator, ti: TaskInstance, deferrable: bool, location: str
):
    with pytest.raises(KlingRequestInvalid, match=f"output_path='{location}' is rejected") as caught:
        run(film(location, deferrable=deferrable), ti)
    assert "No job was made and nothing is charged" in str(caught.value)
    assert kling_emulator.jobs == ()


def test_day_31_is_too_late(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance):
    run(film(None, wait_for_completion=False), ti)
    (job,) = kling_emulator.jobs
    with time_machine.travel(job.ended_at + 31 * DAY):
        with pytest.raises(KlingResultExpired) as caught:
            run(film(shelf.uri), ti.retried())
        assert isinstance(caught.value, AirflowFailException)
    assert "To make it again, and be charged again, clear this task" in str(caught.value)
    assert shelf.files() == {}
    assert len(kling_emulator.jobs) == 1


@pytest.mark.airflow
@WHICH
def test_a_dag_stores_in_a_real_airflow(
    run_dag: Any, shelf: Shelf, kling_emulator: Emulator, deferrable: bool
):
    """Templated path, the deferral, and the return value through XCom."""
    states, values = run_dag(
        f"""
        KlingTextToVideoOperator(
            task_id="film", prompt="A boat", poll_interval=0.2, deferrable={deferrable},
            output_path="{shelf.uri}/{{{{ task.task_id }}}}",
        )
        """
    )
    assert states == {"film": "success"}
    (video,) = values["film"]["videos"]
    assert video["path"].startswith(f"{shelf.uri}/film/")
    assert content(video)[4:8] == b"ftyp"
    assert len(kling_emulator.jobs) == 1


@pytest.mark.airflow
def test_a_path_object_has_its_connection(run_dag: Any, s3: S3Server, kling_emulator: Emulator):
    """Rendered, in a mapped task too; the path that is returned can be opened as it is."""
    states, values = run_dag(
        f"""
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        where = ObjectStoragePath("s3://kling_test_s3@{s3.bucket}/out/{{{{ task.task_id }}}}")
        KlingTextToVideoOperator(task_id="film", prompt="A boat", poll_interval=0.2, output_path=where)
        KlingTextToVideoOperator.partial(task_id="many", poll_interval=0.2, output_path=where).expand(
            prompt=["A boat"]
        )
        """
    )
    assert states == {"film": "success", "many": "success"}
    (video,) = values["film"]["videos"]
    assert video["path"].startswith(s3.uri("out/film/"))
    assert content(video)
    assert sum(key.startswith("out/many/") for key in s3.stored()) == 2
