# SPDX-License-Identifier: Apache-2.0
"""Films that were made right, black, frozen, silent or cut short are measured as that."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from airflow_provider_kling.media import MediaExtraMissing
from airflow_provider_kling.media.frames import encode_frame, last_frame, write_poster
from airflow_provider_kling.media.loudness import SAMPLE_RATE, LoudnessMeter
from airflow_provider_kling.media.measure import UnreadableMediaError, measure
from airflow_provider_kling.utils.storage import resolve_path
from tests.support.films import cut_short, turn, write_film, write_hdr_film


def test_a_valid_video(tmp_path: Path) -> None:
    found = measure(str(write_film(tmp_path / "film.mp4")))
    assert found.kind == "video"
    assert found.duration == pytest.approx(3, abs=0.1)
    assert (found.width, found.height, found.fps, found.codec) == (160, 90, pytest.approx(12), "h264")
    assert found.audio
    assert found.complete
    assert (found.black, found.frozen) == (0, 0)
    assert found.silence == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("span", "share"), [((0.0, 3.0), 1.0), ((1.0, 2.0), 1 / 3)])
def test_black_frames(tmp_path: Path, span: tuple[float, float], share: float) -> None:
    found = measure(str(write_film(tmp_path / "film.mp4", black=span)))
    assert found.black == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(("span", "share"), [((0.0, 3.0), 1.0), ((0.5, 2.5), 2 / 3), ((1.0, 2.0), 0.0)])
def test_frozen_frames(tmp_path: Path, span: tuple[float, float], share: float) -> None:
    found = measure(str(write_film(tmp_path / "film.mp4", frozen=span)))
    assert found.frozen == pytest.approx(share, abs=0.08)


turns = pytest.mark.skipif(not hasattr(av.VideoFrame, "rotation"), reason="this PyAV reads no rotation")


@turns
@pytest.mark.parametrize(("degrees", "size"), [(90, (90, 160)), (-90, (90, 160)), (180, (160, 90))])
def test_a_film_that_players_turn_has_the_size_that_they_show(
    tmp_path: Path, degrees: int, size: tuple[int, int]
) -> None:
    found = measure(str(turn(write_film(tmp_path / "film.mp4", frozen=(0.5, 2.5)), degrees)))
    assert (found.width, found.height) == size
    assert found.duration == pytest.approx(3, abs=0.1)
    assert (found.fps, found.complete, found.black) == (pytest.approx(12), True, 0)
    assert found.frozen == pytest.approx(2 / 3, abs=0.08)


@turns
@pytest.mark.parametrize(
    ("degrees", "side"),
    [(90, np.s_[:, :10]), (-90, np.s_[:, -10:]), (180, np.s_[-10:])],
    ids=["left", "right", "bottom"],
)
def test_images_of_a_film_that_players_turn_are_upright(tmp_path: Path, degrees: int, side: Any) -> None:
    """The film is black but for a white edge at its top."""
    film = tmp_path / "film.mp4"
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[:20] = 255
    with av.open(str(film), "w") as container:
        stream: Any = container.add_stream("libx264", rate=12, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    turn(film, degrees)
    write_poster(resolve_path(str(film)), resolve_path(str(tmp_path / "poster.jpg")))
    last_frame(str(film), tmp_path / "last.png")
    for name in ("poster.jpg", "last.png"):
        image = np.asarray(Image.open(tmp_path / name).convert("L"))
        assert image.shape == ((90, 160) if degrees == 180 else (160, 90))
        assert image[side].mean() > 230
        assert image.mean() < 80


@pytest.mark.parametrize(
    ("peak", "black"), [(0.58, 0.0), (0.25, 0.0), (0.0, 1.0)], ids=["bright", "dim", "black"]
)
def test_an_hdr_film_is_measured_as_others_are(tmp_path: Path, peak: float, black: float) -> None:
    found = measure(str(write_hdr_film(tmp_path / "film.mp4", peak=peak)))
    assert (found.width, found.height, found.codec) == (160, 90, "hevc")
    assert (found.fps, found.complete, found.black) == (pytest.approx(12), True, black)
    assert found.duration == pytest.approx(2, abs=0.1)
    assert found.frozen == black


def test_silence_is_not_the_same_as_no_audio(tmp_path: Path) -> None:
    silent = measure(str(write_film(tmp_path / "silent.mp4", audio="silence")))
    assert (silent.audio, silent.silence, silent.loudness) == (True, 1.0, None)
    mute = measure(str(write_film(tmp_path / "mute.mp4", audio=None)))
    assert (mute.audio, mute.silence, mute.loudness) == (False, None, None)


def test_a_truncated_video(tmp_path: Path) -> None:
    film = cut_short(write_film(tmp_path / "film.mp4"), 0.5)
    found = measure(str(film))
    assert not found.complete
    assert found.duration is not None
    assert found.duration < 2.5


def test_a_file_that_is_no_media_cannot_be_measured(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"<html>busy</html>" * 100)
    with pytest.raises(UnreadableMediaError, match="it cannot be decoded"):
        measure(str(tmp_path / "film.mp4"))


def test_an_image(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32), "black").save(tmp_path / "image.png")
    found = measure(str(tmp_path / "image.png"), image=True)
    assert found.to_json() == {
        "kind": "image",
        "width": 64,
        "height": 32,
        "codec": "png",
        "audio": False,
        "black": 1.0,
        "complete": True,
    }


@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_loudness_of_a_tone(pieces: int) -> None:
    """A stereo sine of 997 Hz at -23 dBFS peak has -23 LUFS (EBU Tech 3341, case 1)."""
    times = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (10 ** (-23 / 20) * np.sin(2 * np.pi * 997 * times)).astype(np.float32)
    meter = LoudnessMeter()
    for part in np.array_split(np.stack((tone, tone)), pieces, axis=1):
        meter.feed(part)
    loudness, silence = meter.finish()
    assert loudness == pytest.approx(-23, abs=0.2)
    assert silence == 0


def test_pauses_do_not_lower_the_loudness() -> None:
    """Quiet parts are gated (EBU Tech 3341, case 3); silence is counted by itself."""
    tone = np.sin(2 * np.pi * 997 * np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    meter = LoudnessMeter()
    for level in (-23, -80):
        meter.feed(np.stack((tone, tone)) * np.float32(10 ** (level / 20)))
    loudness, silence = meter.finish()
    assert loudness == pytest.approx(-23, abs=0.4)
    assert silence == pytest.approx(0.5, abs=0.02)


def test_short_audio_is_silent_or_not() -> None:
    meter = LoudnessMeter()
    meter.feed(np.full((1, 100), 0.5, np.float32))
    assert meter.finish() == (None, 0)
    assert LoudnessMeter().finish() == (None, 1)


def test_a_poster_shows_the_first_frame_that_is_not_dark(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", black=(0, 1), size=(1280, 720), audio=None)
    target = resolve_path(str(tmp_path / "poster.jpg"))
    size = write_poster(resolve_path(str(film)), target)
    data = (tmp_path / "poster.jpg").read_bytes()
    poster = Image.open(io.BytesIO(data))
    assert (poster.format, poster.size, size) == ("JPEG", (640, 360), len(data))
    assert np.asarray(poster).mean() > 60


@pytest.mark.parametrize(("name", "kind"), [("last.png", "PNG"), ("last.jpg", "JPEG")])
def test_the_last_frame(tmp_path: Path, name: str, kind: str) -> None:
    film = write_film(tmp_path / "0-video.mp4", black=(2.9, 3), audio=None)
    result = {"task_id": "1", "endpoint": "videos/text2video", "videos": [{"path": str(film)}]}
    uri = last_frame(result, tmp_path / name)
    image = Image.open(uri)
    assert (image.format, image.size) == (kind, (160, 90))
    # Only the last frame is black.
    assert np.asarray(image).mean() < 10
    assert last_frame(str(film), tmp_path / name) == uri


def test_white_stays_white() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((32, 64, 3), 255, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    assert np.asarray(Image.open(io.BytesIO(encode_frame(frame)))).mean() > 250


def test_what_has_no_last_frame(tmp_path: Path) -> None:
    from airflow_provider_kling.exceptions import KlingRequestInvalid

    with pytest.raises(KlingRequestInvalid, match="the result holds no stored video; give the task"):
        last_frame({"task_id": "1", "videos": [{"url": "https://h/a.mp4?sig=x"}]}, tmp_path / "a.png")
    with pytest.raises(KlingRequestInvalid, match="Cannot extract the last frame: it does not exist"):
        last_frame(tmp_path / "none.mp4", tmp_path / "a.png")
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(KlingRequestInvalid, match="Cannot extract the last frame: no frame"):
        last_frame(tmp_path / "film.mp4", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MediaExtraMissing, match=r"install airflow-provider-kling\[media\]: PyAV and numpy"):
        measure(str(tmp_path / "film.mp4"))
