# SPDX-License-Identifier: Apache-2.0
"""Real input of every kind becomes what the API accepts, or an error that says why not."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Annotated

import pytest
from pydantic import Field

from airflow_provider_kling.api.requests.base import KlingRequest
from airflow_provider_kling.api.requests.components import ImageItem
from airflow_provider_kling.api.requests.field_types import Image, MediaConstraints, audio
from airflow_provider_kling.exceptions import KlingRequestInvalid, KlingServerError
from airflow_provider_kling.inputs.resolve import resolve_inputs
from tests.support.processes import USES_S3
from tests.unit.inputs.samples import audio_of, image_file, noisy_image, video

Voice = Annotated[str, audio(2, 300)]
VideoRequest = Annotated[
    str, MediaConstraints("video", inline=False, formats=("mp4", "mov"), max_bytes=1 << 20)
]
SmallImage = Annotated[str, MediaConstraints("image", url=False, formats=("png",), max_bytes=1 << 20)]


class Studio(KlingRequest):
    """One field of every kind."""

    prompt: str | None = None
    image: Image | None = None
    image_list: Annotated[list[ImageItem], Field(max_length=4)] | None = None
    images: list[Image] | None = None
    sound_file: Voice | None = None
    video_url: VideoRequest | None = None
    file_only: SmallImage | None = None


@pytest.fixture(params=["local", "file", "memory", pytest.param("s3", marks=USES_S3)])
def store(request, tmp_path):
    """Put a file into a storage and get the value that a DAG author would write."""

    def put(name: str, data: bytes) -> str:
        if request.param == "s3":
            return request.getfixturevalue("s3").put(f"in/{name}", data)
        if request.param == "memory":
            import fsspec

            fsspec.filesystem("memory").pipe_file(f"/in/{name}", data)
            return f"memory://in/{name}"
        (tmp_path / name).write_bytes(data)
        path = str(tmp_path / name)
        return path if request.param == "local" else f"file://{path}"

    return put


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_file_is_sent_as_base64_from_any_storage(store):
    data = image_file()
    value = store("a picture.bin", data)
    prepared = resolve_inputs(Studio(image=value, image_list=[{"image": value}], images=[value]))
    assert prepared.body["image"] == encoded(data)
    assert prepared.body["image_list"] == [{"image": encoded(data)}]
    assert prepared.body["images"] == [encoded(data)]
    fact = prepared.inputs[0].to_json()
    assert fact["field"] == "image"
    assert fact["value"] == value
    assert fact["sha256"] == sha256(data).hexdigest()
    assert (fact["mime"], fact["width"], fact["height"], fact["size"]) == ("image/jpeg", 640, 480, len(data))
    assert [fact.field for fact in prepared.inputs] == ["image", "image_list[0].image", "images[0]"]


def test_audio_is_sent_as_base64_from_any_storage(store):
    data = audio_of("mp3", 3)
    prepared = resolve_inputs(Studio(sound_file=store("voice", data)))
    assert prepared.body == {"sound_file": encoded(data)}
    assert prepared.inputs[0].seconds == pytest.approx(3, abs=0.15)


def test_urls_are_left_alone():
    url = "https://host/p.png?X-Amz-Signature=1"
    prepared = resolve_inputs(Studio(image=url, video_url="http://host/v.mp4"))
    assert prepared.body == {"image": url, "video_url": "http://host/v.mp4"}
    assert prepared.inputs[0].value == "https://host/p.png"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_base64_in_every_form(kind):
    data = image_file(300, 300, kind)
    values = [encoded(data), f"data:image/x;base64,{encoded(data)}", base64.encodebytes(data).decode()]
    for value in values:
        prepared = resolve_inputs(Studio(image=value))
        assert prepared.body == {"image": encoded(data)}
        assert prepared.inputs[0].source == "base64"


def test_base64_that_looks_like_a_path_is_read_as_base64():
    value = encoded(image_file())
    assert value.startswith("/9j/")
    assert resolve_inputs(Studio(image=value)).body["image"] == value


def test_relative_path_is_read_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip").write_bytes(image_file())  # four letters: also valid base64
    assert resolve_inputs(Studio(image="clip")).body["image"] == encoded(image_file())


def test_object_storage_video_is_signed(s3):
    import requests

    value = s3.put("v.mp4", video())
    first, second = (
        resolve_inputs(Studio(video_url=value), sign_seconds=seconds) for seconds in (600, 86_400)
    )
    assert requests.get(first.body["video_url"], timeout=60).content == video()
    assert "X-Amz-Expires=86400" in second.body["video_url"] or "Expires=" in second.body["video_url"]
    assert first.body != second.body
    assert first.canonical_json() == second.canonical_json()
    assert "Signature" not in f"{first!r}{first.inputs[0].to_json()}{first.canonical_json()}"
    s3.put("v.mp4", video(1.0))
    assert resolve_inputs(Studio(video_url=value)).canonical_json() != first.canonical_json()


def test_canonical_text_depends_on_content_not_on_its_way(store, s3):
    data = image_file()
    values = [store("one.jpg", data), store("two.jpg", data), encoded(data), s3.put("x", data)]
    texts = {resolve_inputs(Studio(image=value, prompt="p")).canonical_json() for value in values}
    assert texts == {f'{{"image":"sha256:{sha256(data).hexdigest()}","prompt":"p"}}'}
    other = resolve_inputs(Studio(image=encoded(image_file(641, 480)), prompt="p")).canonical_json()
    assert other not in texts


def test_canonical_text_of_another_body():
    prepared = resolve_inputs(Studio(image=encoded(image_file())))
    text = prepared.canonical_json({**prepared.body, "new_option": [1, "é"]})
    assert text == f'{{"image":"sha256:{sha256(image_file()).hexdigest()}","new_option":[1,"é"]}}'


def test_resigned_url_is_the_same_request():
    texts = {
        resolve_inputs(Studio(image=f"https://b.s3.amazonaws.com/k?X-Amz-Signature={n}")).canonical_json()
        for n in "ab"
    }
    assert len(texts) == 1


def test_request_is_not_changed_and_nothing_shows(tmp_path):
    (tmp_path / "p.png").write_bytes(image_file())
    request = Studio(image=str(tmp_path / "p.png"))
    prepared = resolve_inputs(request)
    assert request.image == str(tmp_path / "p.png")
    assert len(repr(prepared)) < 1000
    assert encoded(image_file())[:40] not in repr(prepared)


def test_known_refusal_of_m4a_is_explained():
    prepared = resolve_inputs(Studio(sound_file=encoded(audio_of("m4a", 3))))
    assert len(prepared.warnings) == 1
    assert prepared.warnings[0].startswith("sound_file='<audio/mp4 ")
    assert "'Audio format is invalid' (1201); mp3 and wav are safe." in prepared.warnings[0]
    assert resolve_inputs(Studio(sound_file=encoded(audio_of("mp3", 3)))).warnings == ()


def refusal(**fields) -> str:
    with pytest.raises(KlingRequestInvalid) as caught:
        resolve_inputs(Studio(**fields))
    text = str(caught.value)
    assert text.endswith("No job was made and nothing is charged.")
    assert len(text) < 500
    return text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (image_file(200, 200), "is 200 x 200 pixels; each side must measure at least 300."),
        (image_file(900, 300), "is 900 x 300 pixels; its ratio must be between 1:2.5 and 2.5:1."),
        (b"just words", "its content is text/plain; give an image: jpg or png."),
        (b"", "is empty."),
    ],
)
def test_error_of_an_image_names_field_value_and_rule(store, data, expected):
    value = store("shot.png", data)
    assert refusal(image_list=[{"image": "https://h/ok.png"}, {"image": value}]) == (
        f"image_list[1].image: {expected.removesuffix('.')} ({value!r}). "
        "No job was made and nothing is charged."
    )


def test_11_mb_image_is_refused_without_reading_on(store):
    data = noisy_image(2000, 1900) + b"x" * 200_000
    assert len(data) > 11 << 20
    assert "is larger than 10 MB, the most that Kling accepts here (" in refusal(image=store("big.png", data))


def test_never_more_than_the_limit_is_read(tmp_path):
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(20 << 30)  # sparse: reading it whole would not fit into memory
    assert "is larger than 10 MB" in refusal(image=str(huge))


def test_11_mb_of_base64_is_refused():
    text = refusal(image=encoded(noisy_image(2000, 1900)))
    assert "('<image/png 10.9 MB sha256:" in text
    assert "is larger than 10 MB" in text


@pytest.mark.parametrize("seconds", [1, 301])
def test_audio_of_wrong_length(store, seconds):
    value = store("voice.mp3", audio_of("mp3", seconds))
    assert f"sound_file: is {seconds}." in (text := refusal(sound_file=value))
    assert f"s long; it must be 2 to 300 s long ({value!r})." in text


def test_a_missing_file_is_refused(store, tmp_path):
    store("other", b"")
    assert "No such file on this worker" in refusal(image=str(tmp_path / "missing.png"))
    assert "it does not exist" in refusal(image=f"file://{tmp_path}/missing.png")
    assert "it does not exist" in refusal(image="memory://in/missing.png")


def test_a_missing_object_is_refused(s3):
    value = s3.uri("in/missing.png")
    assert f"image: it does not exist ({value!r})." in refusal(image=value)
    assert "it does not exist" in refusal(video_url=value)
    assert "does not exist" in refusal(image="s3://kling_test_s3@no-such-bucket/a.png")


def test_a_folder_is_refused(tmp_path, s3):
    s3.put("in/a.png", image_file())
    assert "it is a folder" in refusal(image=str(tmp_path))
    assert "it is a folder" in refusal(image=s3.uri("in"))


def test_private_bucket_without_credentials(s3):
    s3.put("in/a.png", image_file())
    for field in ("image", "video_url"):
        text = refusal(**{field: s3.uri("in/a.png", "kling_test_no_credentials")})
        assert "the storage refuses access (PermissionError: " in text
        assert "the URL names the Airflow connection to use: s3://connection@bucket/key" in text


def test_storage_that_is_down_may_be_tried_again(s3):
    with pytest.raises(KlingServerError, match="could not be read now") as caught:
        resolve_inputs(Studio(image=s3.uri("in/a.png", "kling_test_s3_down")))
    assert "nothing is charged" in str(caught.value)


def test_unreadable_base64():
    text = refusal(image=encoded(image_file(1200, 1200))[:-1])
    assert "is neither a URL, nor a path, nor readable base64" in text
    assert "No such file on this worker; use a path that all workers have" in refusal(image="hello world")
    assert "its content is text/plain" in refusal(image=encoded(b"x" * 400))


@pytest.mark.parametrize("value", ["zzz://bucket/a.png", "gs-typo://b/a.png"])
def test_unknown_storage(value):
    assert "is not a supported storage scheme" in refusal(image=value)


def test_video_must_be_a_url(store, tmp_path):
    value = store("v.mp4", video())
    if value.startswith("s3://"):
        assert resolve_inputs(Studio(video_url=value)).body["video_url"].startswith("http://127.0.0.1")
    elif "://" in value:
        assert refusal(video_url=value).startswith(f"video_url: its storage cannot sign URLs ({value!r}).")
    else:
        assert "is a local path, but Kling accepts a video only by URL here and has no upload" in refusal(
            video_url=value
        )


def test_video_is_looked_at_before_it_is_signed(s3):
    text = refusal(video_url=s3.put("v.mp4", b"no video"))
    assert "video_url: its content is text/plain; give a video: mp4 or mov" in text
    assert "is empty" in refusal(video_url=s3.put("v.mp4", b""))
    assert "is larger than 1 MB" in refusal(video_url=s3.put("v.mp4", video() + bytes(1 << 20)))


def test_video_as_base64_is_refused():
    assert "is a base64, but Kling accepts a video only by URL" in refusal(
        video_url=encoded(video() + bytes(4000))
    )


def test_url_where_only_content_is_accepted():
    assert "is a URL, but Kling accepts only the content here" in refusal(file_only="https://h/a.png")


def test_all_invalid_values_are_reported_at_once():
    text = refusal(image=encoded(image_file(200, 200)), sound_file=encoded(audio_of("mp3", 1)))
    assert "image: is 200 x 200" in text
    assert "sound_file: is 1." in text


WEB = "http://10.0.0.7/cam.png"


@pytest.mark.parametrize(
    "value",
    [WEB, f" {WEB}", f"\n\t{WEB} ", f"\u200b{WEB}", f"\ufeff{WEB}", f"HTTP{WEB[4:]}", f" hTTp{WEB[4:]}"],
)
def test_url_in_any_spelling_is_sent_and_not_read(value):
    prepared = resolve_inputs(Studio(image=value))
    assert prepared.body == {"image": WEB}
    assert prepared.inputs[0].source == "url"
    assert "cannot fetch a local or private URL" in prepared.warnings[0]


@pytest.mark.parametrize(
    ("host", "private"),
    [
        *[
            (host, True)
            for host in ("localhost:8000", "127.0.0.1", "192.168.1.4", "[::1]", "169.254.169.254")
        ],
        *[(host, True) for host in ("films.internal", "LOCALHOST", "printer.local", "172.16.0.1", "0.0.0.0")],
        *[(host, False) for host in ("host", "example.com", "8.8.8.8", "localhost.example.com")],
    ],
)
def test_url_that_kling_cannot_reach_warns(host, private):
    assert bool(resolve_inputs(Studio(image=f"https://{host}/a.png")).warnings) is private


@pytest.mark.parametrize(
    "value",
    [
        f"simplecache::{WEB}",
        f"filecache::{WEB}",
        f"zip://x.png::{WEB}",
        f"memory://x.png::{WEB}",
        "ftp://10.0.0.7/cam.png",
        "sftp://10.0.0.7/cam.png",
        "SMB://10.0.0.7/cam.png",
        "github://me:films@main/a.png",
    ],
)
def test_scheme_that_reaches_the_network_is_not_opened(value):
    assert "is not a supported storage scheme" in refusal(image=value)


def test_file_uri_with_escapes_and_home(tmp_path, monkeypatch):
    (tmp_path / "my cat.jpg").write_bytes(image_file())
    monkeypatch.setenv("HOME", str(tmp_path))
    escaped = f"file://{tmp_path}/my%20cat.jpg"
    for value in (escaped, f"FILE{escaped[4:]}", f"file://localhost{tmp_path}/my%20cat.jpg"):
        assert resolve_inputs(Studio(image=value)).body["image"] == encoded(image_file())
    assert resolve_inputs(Studio(image="~/my cat.jpg")).body["image"] == encoded(image_file())
    (tmp_path / "100%20.jpg").write_bytes(image_file(400, 400))  # a name that holds what looks like an escape
    assert resolve_inputs(Studio(image=f"file://{tmp_path}/100%20.jpg")).inputs[0].width == 400


def test_base64_with_blanks_for_plus_is_repaired():
    data = noisy_image(320, 320)
    value = encoded(data)
    assert value.count("+") > 10
    assert resolve_inputs(Studio(image=value.replace("+", " "))).body["image"] == value
    folded = base64.encodebytes(data).decode().replace("\n", " ")
    assert resolve_inputs(Studio(image=folded)).body["image"] == value
