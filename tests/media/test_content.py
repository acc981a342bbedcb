# SPDX-License-Identifier: Apache-2.0
"""What a file is, told by its bytes."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.fields import IMAGE, Media, sound
from airflow_provider_kling.api.sniff import sniff
from airflow_provider_kling.media.content import ContentRefused, check_type, inspect
from tests.media.samples import SOUND_KINDS, noisy_picture, picture, sound_of, video

VOICE = sound(2, 300)


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_picture_is_measured_and_hashed(kind, mime):
    data = picture(640, 480, kind)
    content = inspect(data, IMAGE)
    assert (content.mime, content.width, content.height) == (mime, 640, 480)
    assert (content.size, content.sha256) == (len(data), sha256(data).hexdigest())


@pytest.mark.parametrize(("width", "height"), [(300, 300), (300, 750), (750, 300)])
def test_picture_at_the_limit_passes(width, height):
    assert inspect(picture(width, height), IMAGE).width == width


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (picture(200, 200), "is 200 x 200 pixels; each side must measure at least 300"),
        (picture(299, 400, "PNG"), "is 299 x 400 pixels; each side must measure at least 300"),
        (picture(900, 300), "is 900 x 300 pixels; its ratio must be between 1:2.5 and 2.5:1"),
        (picture(300, 751), "is 300 x 751 pixels; its ratio must be between 1:2.5 and 2.5:1"),
        (
            picture(400, 400, "GIF"),
            "is not a picture that Kling takes (jpg, jpeg, png): its content is image/gif",
        ),
        (picture(400, 400, "WEBP"), "its content is image/webp"),
        (picture(400, 400, "BMP"), "its content is image/bmp"),
        (b"a note, not a picture", "its content is text/plain"),
        (b"<!DOCTYPE html><title>404</title>", "its content is text/html"),
        (b"\x00\x01\x02\x03" * 20, "its content is of no known type"),
        (b"%PDF-1.7 ...", "its content is application/pdf"),
        (b"\xff\xd8\xff\xe0 cut off", "is a damaged image/jpeg: its width and height cannot be read"),
        (b"\x89PNG\r\n\x1a\n", "is a damaged image/png"),
    ],
)
def test_other_picture_is_refused(data, says):
    with pytest.raises(ContentRefused) as caught:
        inspect(data, IMAGE)
    assert says in str(caught.value)


def test_picture_above_10_mb_is_refused():
    with pytest.raises(ContentRefused, match="is larger than 10 MB, the most that Kling takes here"):
        inspect(noisy_picture(2000, 1900), IMAGE)


@pytest.mark.parametrize("kind", SOUND_KINDS)
def test_sound_is_measured(kind):
    content = inspect(sound_of(kind, 3.0), VOICE)
    assert content.seconds == pytest.approx(3.0, abs=0.15)


def test_mp4_without_pictures_is_a_sound():
    assert inspect(sound_of("m4a", 3.0).replace(b"M4A ", b"isom"), VOICE).mime == "audio/mp4"


def test_raw_aac_behind_a_tag_is_measured():
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 40, 0]) + bytes(40 << 7)
    content = inspect(tag + sound_of("aac", 3.0), VOICE)
    assert content.mime == "audio/aac"
    assert content.seconds == pytest.approx(3.0, abs=0.15)


def test_mp3_behind_a_long_tag_is_told():
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 40, 0]) + bytes(40 << 7)
    assert inspect(tag + sound_of("mp3", 3.0), VOICE).mime == "audio/mpeg"


@pytest.mark.parametrize("kind", SOUND_KINDS)
def test_m4a_and_aac_are_taken_with_advice(kind):
    advice = " ".join(inspect(sound_of(kind, 3.0), VOICE).advice)
    assert ("1201" in advice) is (kind in ("m4a", "aac"))


@pytest.mark.parametrize("kind", SOUND_KINDS)
@pytest.mark.parametrize("seconds", [1, 301])
def test_sound_of_wrong_length_is_refused(kind, seconds):
    rules = sound(2, 300)
    data = sound_of(kind, seconds) if kind != "wav" or seconds == 1 else _thin_wav(seconds)
    with pytest.raises(ContentRefused, match=rf"is {seconds}\.\d s long; it must be 2 to 300 s long"):
        inspect(data, rules)


def _thin_wav(seconds: int) -> bytes:
    # 301 s at the usual rate would be refused for its size.
    import wave
    from io import BytesIO

    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000 * seconds))
    return out.getvalue()


@pytest.mark.parametrize("kind", SOUND_KINDS)
def test_sound_of_exactly_the_most_seconds_passes(kind):
    data = _thin_wav(300) if kind == "wav" else sound_of(kind, 300)
    assert inspect(data, VOICE).seconds == pytest.approx(300, abs=0.1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (video(), "is not a sound that Kling takes (mp3, wav, m4a, aac): its content is video/mp4"),
        (b"OggS" + bytes(60), "its content is audio/ogg"),
        (picture(), "its content is image/jpeg"),
        (b"RIFF\x24\x00\x00\x00WAVE", "its length cannot be read"),
        (b"\xff\xf1\x7c\x80\x00\x1f\xfc" * 3, "is a damaged audio/aac: its frame at byte 0 is broken"),
        (bytes(6 << 20), "is larger than 5 MB"),
    ],
)
def test_other_sound_is_refused_or_warned(data, says):
    try:
        text = " ".join(inspect(data, VOICE).advice)
    except ContentRefused as error:
        text = str(error)
    assert says in text


@pytest.mark.parametrize("rules", [IMAGE, VOICE])
@pytest.mark.parametrize(
    "magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\xff\xf1", b"\xff\xfb", b"ID3", b"RIFF1234WAVE"]
)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_either_refused_or_described(magic, rules, data):
    """No content makes the checks fail otherwise, whatever a user uploads."""
    try:
        size = inspect(magic + data, rules).size
    except ContentRefused:
        size = len(magic + data)
    assert size == len(magic + data)


@given(st.binary(max_size=64))
def test_sniffing_never_fails(data):
    assert sniff(data) is None or "/" in sniff(data)


def test_recording_may_be_a_video_where_kling_says_so():
    rules = Media("audio", inline=False, formats=("mp3", "wav", "mp4", "mov"))
    assert check_type(video(), rules) == "video/mp4"
