# SPDX-License-Identifier: Apache-2.0
"""What a task's input files and texts may be, through the operator: nothing odd is paid for."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.video import (
    KlingImageToVideoOperator,
    KlingTextToVideoOperator,
    KlingVideoExtendOperator,
)
from tests.unit.operators.conftest import TaskInstance, context_of


def picture(form: str) -> bytes:
    """Create an image of noise, which cannot be compressed."""
    out = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (320, 400, 3), "uint8")
    Image.fromarray(noise).save(out, form)
    return out.getvalue()


JPEG, PNG = picture("JPEG"), picture("PNG")
HEIC = b"\0\0\0\x18ftyp%sheic" + bytes(4000)
BASE64 = base64.b64encode(JPEG).decode()
assert "+" in BASE64

Make = Callable[[Path], Any]


def _file(content: bytes, name: str = "face.jpg") -> Make:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    return write


def _as_url(folder: Path) -> str:
    return f"file://{folder}/{Path(_file(JPEG, 'my cat.jpg')(folder)).name}".replace(" ", "%20")


def _in_home(folder: Path) -> str:
    return f"~/{Path(_file(JPEG)(folder)).name}"


REFUSED: dict[str, tuple[Make, str]] = {
    "a rendered result": (
        lambda folder: str({"task_id": "1", "images": [{"url": "https://example.com/a.png"}]}),
        r"whole result as text.*ti\.xcom_pull\('img'\)\['images'\]\[0\]\['url'\]",
    ),
    "half a jpeg": (_file(JPEG[: len(JPEG) // 2]), "cut off"),
    "a jpeg without its end": (_file(JPEG[:-2]), "cut off"),
    "half a png": (_file(PNG[: len(PNG) // 2], "a.png"), "cut off|damaged"),
    "a png without its end": (_file(PNG[:-12], "a.png"), "cut off|damaged"),
    "half a jpeg as base64": (lambda _: base64.b64encode(JPEG[:9000]).decode(), "cut off"),
    **{
        f"heic of brand {brand!r}": (_file(HEIC.replace(b"%s", brand)), "image/heic")
        for brand in (
            b"heic",
            b"heix",
            b"heim",
            b"heis",
            b"hevc",
            b"hevx",
            b"hevm",
            b"hevs",
            b"mif1",
            b"msf1",
        )
    },
    "no such file": (lambda folder: str(folder / "missing.jpg"), "image="),
}
SENT: dict[str, Make] = {
    "a file": _file(JPEG),
    "a png": _file(PNG, "a.png"),
    "a file URL with a blank in it": _as_url,
    "a path from home": _in_home,
    "base64": lambda _: BASE64,
    "base64 with blanks for plus signs": lambda _: BASE64.replace("+", " "),
    "base64 in lines": lambda _: "\n".join(BASE64[at : at + 76] for at in range(0, len(BASE64), 76)),
    "a data URI": lambda _: f"data:image/jpeg;base64,{BASE64}",
}
WEB = "http://files.example.org/1.jpg"


def _operator(image: Any) -> KlingImageToVideoOperator:
    return KlingImageToVideoOperator(task_id="film", image=image, prompt="A cat", wait_for_completion=False)


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_image_is_not_paid_for(name: str, kling_emulator: Emulator, tmp_path: Path) -> None:
    make, expected_text = REFUSED[name]
    with pytest.raises(KlingRequestInvalid, match=expected_text):
        _operator(make(tmp_path)).execute(context_of(TaskInstance()))
    assert list(kling_emulator.jobs) == []


@pytest.mark.parametrize("name", SENT)
def test_an_image_in_any_form_is_sent_whole(
    name: str, kling_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _operator(SENT[name](tmp_path)).execute(context_of(TaskInstance()))
    assert len(list(kling_emulator.jobs)) == 1


@pytest.mark.parametrize("url", [WEB, f" {WEB}", f"\n{WEB}\t", WEB.replace("http", "HTTP"), f"\u200b{WEB}"])
def test_a_web_url_is_one_however_it_is_written(url: str, kling_emulator: Emulator) -> None:
    _operator(url).execute(context_of(TaskInstance()))
    assert len(list(kling_emulator.jobs)) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]"])
def test_a_private_url_is_a_warning(host: str, kling_emulator: Emulator, log_lines: Any) -> None:
    # The emulator, too, tries to fetch it.
    with pytest.raises(KlingRequestInvalid, match="failed to download"):
        _operator(f"http://{host}/1.jpg").execute(context_of(TaskInstance()))
    assert log_lines("Kling's servers cannot fetch a local or private URL")


@pytest.mark.parametrize("prompt", ["", "  \n", "\u200b\u200b", "\ufeff \u2060", "\u3000", "None"])
def test_a_prompt_of_nothing_is_not_paid_for(prompt: str, kling_emulator: Emulator) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="{{ words }}")
    operator.render_template_fields({"words": prompt})
    with pytest.raises(KlingRequestInvalid, match="prompt"):
        operator.execute(context_of(TaskInstance()))
    assert list(kling_emulator.jobs) == []


@pytest.mark.parametrize("video_id", [8.7e17, 5.0, float("nan")])
def test_an_id_that_has_lost_digits_is_refused(video_id: float, kling_emulator: Emulator) -> None:
    with pytest.raises(KlingRequestInvalid, match="video_id"):
        KlingVideoExtendOperator(task_id="film", video_id=video_id).execute(context_of(TaskInstance()))
    assert list(kling_emulator.jobs) == []
