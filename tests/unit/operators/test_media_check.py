# SPDX-License-Identifier: Apache-2.0
"""The media check measures stored files, and writes the result next to them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingMediaCheckFailed, KlingRequestInvalid
from airflow_provider_kling.operators.media_check import KlingMediaCheckOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.results.manifest import read_task_manifest
from tests.support.films import cut_short, write_film
from tests.unit.operators.conftest import TaskInstance, context_of, run


@pytest.fixture
def kling_emulator_options() -> dict[str, Any]:
    return {"scale": 0.1}


def check(ti: TaskInstance, **arguments: Any) -> dict[str, Any]:
    operator = KlingMediaCheckOperator(task_id="check", **{"on_fail": "return", **arguments})
    verdict: dict[str, Any] = operator.execute(context_of(ti))
    json.dumps(verdict, allow_nan=False)
    return verdict


def store(folder: Path, film: Path, endpoint: str = "videos/text2video", **parameters: Any) -> dict[str, Any]:
    """Put a film where a job would have stored it; return the job's result."""
    location = folder / "815" / "0-video.mp4"
    location.parent.mkdir()
    film.rename(location)
    entry = {"key": "videos[0].url", "name": location.name, "type": "video/mp4"}
    manifest = {
        "version": 1,
        "task_id": "815",
        "endpoint": endpoint,
        "request": {"parameters": parameters},
        "files": [entry],
    }
    (location.parent / "manifest.json").write_text(json.dumps(manifest))
    return {
        "task_id": "815",
        "endpoint": endpoint,
        "videos": [{"url": "http://h/a.mp4", "path": str(location)}],
    }


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "815" / "manifest.json").read_text())
    return manifest


def test_what_a_job_has_stored_passes(tmp_path: Path, kling_emulator: Emulator, ti: TaskInstance) -> None:
    film = KlingTextToVideoOperator(
        task_id="film",
        prompt="A boat",
        duration="5",
        poll_interval=0.2,
        sound="on",
        output_path=str(tmp_path),
    )
    result = run(film, ti)
    verdict = check(ti, result=result)
    (file,) = verdict["files"]
    assert verdict["passed"], file["failures"]
    assert file["path"] == result["videos"][0]["path"]
    assert file["measurements"]["duration"] == pytest.approx(5, abs=0.2)
    assert file["measurements"]["audio"]
    manifest = read_task_manifest(str(tmp_path), result["task_id"])
    assert manifest
    assert manifest["media_check"]["passed"]
    assert manifest["media_check"]["files"]["0-video.mp4"]["measurements"] == file["measurements"]
    # The files are still known as stored: a further try downloads nothing.
    assert run(film, ti)["videos"][0]["path"] == file["path"]
    assert len(kling_emulator.jobs) == 1


@pytest.mark.parametrize(
    ("pts", "failure"),
    [
        (None, "there is no video stream"),
        ([], "the file is damaged"),
        ([0], "duration is 0.04 s; expected 2 s"),
        ([0, 40, 80, 500, 540, 1200, 1240, 1958], None),
    ],
    ids=["audio_only", "no_frames", "one_frame", "variable_frame_rate"],
)
def test_odd_files_get_a_verdict(
    tmp_path: Path, ti: TaskInstance, pts: list[int] | None, failure: str | None
) -> None:
    film = tmp_path / "odd.mp4"
    if pts == []:
        film.write_bytes(b"")
    else:
        with av.open(str(film), "w") as container:
            stream: Any = (
                container.add_stream("aac", rate=44100)
                if pts is None
                else container.add_stream("libx264", rate=24)
            )
            if pts is not None:
                stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p10le"
                stream.codec_context.time_base = Fraction(1, 1000)
            for at in range(90) if pts is None else pts:
                frame = audio_frame(at) if pts is None else video_frame(at)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    verdict = check(ti, result=store(tmp_path, film, duration="2"))
    (file,) = verdict["files"]
    assert verdict["passed"] is (failure is None), file
    if failure:
        assert file["failures"][0].startswith(failure)


def audio_frame(at: int) -> av.AudioFrame:
    wave = np.sin(np.arange(1024) / 10).astype("float32").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 44100, at * 1024
    return frame


def video_frame(pts: int) -> av.VideoFrame:
    """A frame of noise with ten bits a colour, as HDR has."""
    noise = np.random.default_rng(pts).integers(0, 255, (90, 160, 3), dtype="uint8")
    frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format="yuv420p10le")
    frame.pts, frame.time_base = pts, Fraction(1, 1000)
    return frame


@pytest.mark.parametrize(
    ("created", "requested", "failure"),
    [
        ({"black": (0, 3)}, {}, "100% of the frames are black; at most 25% allowed"),
        ({"frozen": (0, 3)}, {}, "100% of the frames are frozen; at most 50% allowed"),
        ({"audio": "silence"}, {"sound": "on"}, "100% of the audio is silent; at most 90% allowed"),
        ({"audio": None}, {"sound": "on"}, "there is no audio stream"),
        ({"seconds": 2}, {"duration": "3"}, "duration is 2.00 s; expected 3 s ± 0.5 s"),
    ],
)
def test_videos_that_fail(
    tmp_path: Path, ti: TaskInstance, created: dict[str, Any], requested: dict[str, Any], failure: str
) -> None:
    result = store(tmp_path, write_film(tmp_path / "film.mp4", **created), **requested)
    verdict = check(ti, result=result)
    assert not verdict["passed"]
    assert verdict["files"][0]["failures"] == [failure]
    written = manifest_of(tmp_path)["media_check"]
    assert (written["passed"], written["files"]["0-video.mp4"]["failures"]) == (False, [failure])


def test_a_truncated_video(tmp_path: Path, ti: TaskInstance) -> None:
    result = store(tmp_path, cut_short(write_film(tmp_path / "film.mp4"), 0.5), duration="3")
    (file,) = check(ti, result=result)["files"]
    assert file["failures"][0] == "the file is truncated or damaged"


def test_an_avatar_must_be_heard(tmp_path: Path, ti: TaskInstance) -> None:
    result = store(tmp_path, write_film(tmp_path / "film.mp4", audio=None), "videos/avatar/image2video")
    assert check(ti, result=result)["files"][0]["failures"] == ["there is no audio stream"]
    assert check(ti, result=result, require_audio="false")["passed"]
    # The verdict of the latest check counts.
    assert manifest_of(tmp_path)["media_check"]["passed"]


def test_rules_as_text(tmp_path: Path, ti: TaskInstance) -> None:
    film = str(write_film(tmp_path / "film.mp4", level=0.2))
    rules = {
        "min_width": "320",
        "min_height": 180,
        "min_fps": "24",
        "codecs": "hevc, vp9",
        "loudness": "-10,-5",
    }
    (file,) = check(ti, path=film, **rules)["files"]
    level = file["measurements"]["loudness"]
    assert level == pytest.approx(-17, abs=1)
    assert file["failures"] == [
        "width is 160 pixels; expected at least 320",
        "height is 90 pixels; expected at least 180",
        "codec is h264; expected hevc or vp9",
        f"loudness is {level} LUFS; expected -10 to -5",
        "frame rate is 12 fps; expected at least 24",
    ]


def test_a_folder_and_a_list_of_files_can_be_checked(tmp_path: Path, ti: TaskInstance) -> None:
    result = store(tmp_path, write_film(tmp_path / "film.mp4"))
    other = str(write_film(tmp_path / "other.mp4", black=(0, 3)))
    path = result["videos"][0]["path"]
    # A folder stands for the files in manifests: the other video is not in one.
    assert [file["path"] for file in check(ti, path=str(tmp_path))["files"]] == [path]
    verdict = check(ti, path=[path, other])
    assert [(file["path"], file["passed"]) for file in verdict["files"]] == [(path, True), (other, False)]
    assert [file["path"] for file in check(ti, result=[result, result])["files"]] == [path]


def test_a_failure_reports_what_is_paid_and_stored(tmp_path: Path, ti: TaskInstance) -> None:
    result = store(tmp_path, write_film(tmp_path / "film.mp4", black=(0, 3)))
    with pytest.raises(KlingMediaCheckFailed) as caught:
        check(ti, result=result, on_fail="fail")
    text = str(caught.value)
    assert text.startswith("1 of 1 files fail the media check: 0-video.mp4: 100% of the frames are black")
    assert f"The job exists and is charged, and its files are stored: {result['videos'][0]['path']}." in text
    assert ti.xcoms["return_value"]["passed"] is False
    assert Path(result["videos"][0]["path"]).exists()


def test_a_file_that_is_no_media_fails_the_check(tmp_path: Path, ti: TaskInstance) -> None:
    (tmp_path / "film.mp4").write_bytes(b"<html>busy</html>")
    (file,) = check(ti, path=str(tmp_path / "film.mp4"))["files"]
    assert file["failures"][0].startswith("the file is damaged: it cannot be decoded")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "give result or path, one of the two"),
        ({"path": "/a.mp4", "result": {}}, "give result or path, one of the two"),
        ({"path": "/a.mp4", "max_black": 2}, "'max_black': 2; expected a share"),
        ({"path": "/a.mp4", "min_width": "wide"}, "'min_width': 'wide'; expected pixels"),
        ({"path": "/a.mp4", "loudness": (-5, -10)}, "expected a pair of LUFS"),
        ({"path": "/a.mp4", "on_fail": "shrug"}, "expected 'fail' or 'return'"),
        ({"path": "/no/such.mp4"}, "it does not exist"),
        ({"path": "None"}, "it rendered to nothing"),
        (
            {"result": {"task_id": "1", "endpoint": "videos/text2video", "videos": []}},
            "expected the path of a stored file",
        ),
    ],
)
def test_parameters_that_are_invalid(ti: TaskInstance, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=text):
        check(ti, **arguments)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_kling.media._MODULES", {"no_such_module": "PyAV"})
    with pytest.raises(KlingRequestInvalid, match=r"install airflow-provider-kling\[media\]: PyAV missing"):
        KlingMediaCheckOperator(task_id="check", path="/a.mp4")


def test_a_manifest_that_cannot_be_written_is_no_failure(
    tmp_path: Path, ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_kling.results import media_check
    from airflow_provider_kling.utils.storage import StorageForbidden

    def refuse(_: object) -> None:
        raise StorageForbidden("read only")

    result = store(tmp_path, write_film(tmp_path / "film.mp4"))
    monkeypatch.setattr(media_check, "AtomicFile", refuse)
    assert check(ti, result=result)["passed"]
    assert "media_check" not in manifest_of(tmp_path)


@pytest.mark.parametrize("name", ["path", "result"])
@pytest.mark.parametrize("value", [5, 0.5, float("nan"), True, b"a", {1}, ["a", 5], [["a", None]]], ids=repr)
def test_what_names_no_file_is_refused_by_name(name: str, value: Any, ti: TaskInstance) -> None:
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': .*; expected a result, a path, or a list"):
        check(ti, **{name: value})
