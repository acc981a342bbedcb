# SPDX-License-Identifier: Apache-2.0
"""The type of a file, detected by its bytes."""

from __future__ import annotations

import struct
import zlib
from hashlib import sha256
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from airflow_provider_kling.api.requests.field_types import IMAGE, MediaConstraints, audio
from airflow_provider_kling.inputs.audio_duration import CorruptAudioError, audio_duration
from airflow_provider_kling.inputs.media_inspection import InvalidMediaError, check_type, inspect_media
from airflow_provider_kling.utils.media_types import detect_media_type
from tests.unit.inputs.samples import AUDIO_KINDS, audio_of, image_file, noisy_image, video

VOICE = audio(2, 300)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def moving(kind: str) -> bytes:
    return encoded(
        Image.new("RGB", (400, 400)), kind, save_all=True, append_images=[Image.new("RGB", (400, 400), 9)]
    )


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG of one bit a pixel; ``pixels`` are packed."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


TURNED = Image.Exif()
TURNED[0x112] = 6


@pytest.mark.parametrize(
    ("data", "size"),
    [
        pytest.param(encoded(Image.new("CMYK", (640, 480)), "JPEG"), (640, 480), id="CMYK"),
        pytest.param(encoded(Image.new("I;16", (640, 480)), "PNG"), (640, 480), id="16 bits"),
        pytest.param(encoded(Image.new("1", (640, 480)), "PNG"), (640, 480), id="1 bit"),
        pytest.param(moving("PNG"), (400, 400), id="animated png"),
        pytest.param(
            encoded(Image.new("RGB", (640, 480)), "JPEG", exif=TURNED), (480, 640), id="rotated by exif"
        ),
        pytest.param(
            png(20_000, 20_000, zlib.compress(bytes(20_000 * 2501), 9)), (20_000, 20_000), id="bomb"
        ),
    ],
)
def test_every_kind_of_jpeg_and_png_is_accepted_without_unpacking_it(data, size):
    content = inspect_media(data, IMAGE)
    assert (content.width, content.height) == size


@pytest.mark.parametrize("side", [65_535, 2**31 - 1])
def test_a_png_that_cannot_hold_its_pixels_is_refused(side):
    with pytest.raises(
        InvalidMediaError, match="is a damaged image/png: it holds fewer pixels than its header"
    ):
        inspect_media(png(side, side, zlib.compress(bytes(9))), IMAGE)


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_image_is_measured_and_hashed(kind, mime):
    data = image_file(640, 480, kind)
    content = inspect_media(data, IMAGE)
    assert (content.mime, content.width, content.height) == (mime, 640, 480)
    assert (content.size, content.sha256) == (len(data), sha256(data).hexdigest())


@pytest.mark.parametrize(("width", "height"), [(300, 300), (300, 750), (750, 300)])
def test_image_at_the_limit_passes(width, height):
    assert inspect_media(image_file(width, height), IMAGE).width == width


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (image_file(200, 200), "is 200 x 200 pixels; each side must measure at least 300"),
        (image_file(299, 400, "PNG"), "is 299 x 400 pixels; each side must measure at least 300"),
        (image_file(900, 300), "is 900 x 300 pixels; its ratio must be between 1:2.5 and 2.5:1"),
        (image_file(300, 751), "is 300 x 751 pixels; its ratio must be between 1:2.5 and 2.5:1"),
        (image_file(400, 400, "GIF"), "its content is image/gif; convert it to jpg or png"),
        (moving("GIF"), "its content is image/gif; convert it to jpg or png"),
        (image_file(400, 400, "WEBP"), "its content is image/webp; convert it to jpg or png"),
        (moving("WEBP"), "its content is image/webp; convert it to jpg or png"),
        (image_file(400, 400, "BMP"), "its content is image/bmp; convert it to jpg or png"),
        (b"\0\0\0\x18ftypheic" + bytes(300), "its content is image/heic; convert it to jpg or png"),
        (b"a note, not a picture", "its content is text/plain; give an image: jpg or png"),
        (b"<!DOCTYPE html><title>404</title>", "its content is text/html"),
        (b"\x00\x01\x02\x03" * 20, "its content is of an unknown type"),
        (b"%PDF-1.7 ...", "its content is application/pdf"),
        (b"\xff\xd8\xff\xe0 cut off", "is a damaged image/jpeg: its width and height cannot be read"),
        (b"\x89PNG\r\n\x1a\n", "is a damaged image/png"),
    ],
)
def test_other_image_is_refused(data, expected):
    with pytest.raises(InvalidMediaError) as caught:
        inspect_media(data, IMAGE)
    assert expected in str(caught.value)


def test_image_above_10_mb_is_refused():
    with pytest.raises(InvalidMediaError, match="is larger than 10 MB, the most that Kling accepts here"):
        inspect_media(noisy_image(2000, 1900), IMAGE)


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_audio_is_measured(kind):
    content = inspect_media(audio_of(kind, 3.0), VOICE)
    assert content.seconds == pytest.approx(3.0, abs=0.15)


def test_mp4_without_video_is_audio():
    assert inspect_media(audio_of("m4a", 3.0).replace(b"M4A ", b"isom"), VOICE).mime == "audio/mp4"


def test_raw_aac_behind_a_tag_is_measured():
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 40, 0]) + bytes(40 << 7)
    content = inspect_media(tag + audio_of("aac", 3.0), VOICE)
    assert content.mime == "audio/aac"
    assert content.seconds == pytest.approx(3.0, abs=0.15)


def test_mp3_after_a_long_tag_is_detected():
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 40, 0]) + bytes(40 << 7)
    assert inspect_media(tag + audio_of("mp3", 3.0), VOICE).mime == "audio/mpeg"


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_m4a_and_aac_are_accepted_with_advice(kind):
    advice = " ".join(inspect_media(audio_of(kind, 3.0), VOICE).warnings)
    assert ("1201" in advice) is (kind in ("m4a", "aac"))


@pytest.mark.parametrize("kind", AUDIO_KINDS)
@pytest.mark.parametrize("seconds", [1, 301])
def test_audio_of_wrong_length_is_refused(kind, seconds):
    rules = audio(2, 300)
    data = audio_of(kind, seconds) if kind != "wav" or seconds == 1 else _thin_wav(seconds)
    with pytest.raises(InvalidMediaError, match=rf"is {seconds}\.\d s long; it must be 2 to 300 s long"):
        inspect_media(data, rules)


def _thin_wav(seconds: int) -> bytes:
    # 301 s at the usual rate would be refused for its size.
    import wave
    from io import BytesIO

    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000 * seconds))
    return out.getvalue()


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_audio_of_exactly_the_most_seconds_passes(kind):
    data = _thin_wav(300) if kind == "wav" else audio_of(kind, 300)
    assert inspect_media(data, VOICE).seconds == pytest.approx(300, abs=0.1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (video(), "its content is video/mp4; give an audio file: mp3, wav, m4a or aac"),
        (b"OggS" + bytes(60), "its content is audio/ogg"),
        (image_file(), "its content is image/jpeg"),
        (b"RIFF\x24\x00\x00\x00WAVE", "its duration cannot be read"),
        (b"\xff\xf1\x7c\x80\x00\x1f\xfc" * 3, "is a damaged audio/aac: its frame at byte 0 is broken"),
        (bytes(6 << 20), "is larger than 5 MB"),
    ],
)
def test_other_audio_is_refused_or_warned(data, expected):
    try:
        text = " ".join(inspect_media(data, VOICE).warnings)
    except InvalidMediaError as error:
        text = str(error)
    assert expected in text


@pytest.mark.parametrize("rules", [IMAGE, VOICE])
@pytest.mark.parametrize(
    "magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\xff\xf1", b"\xff\xfb", b"ID3", b"RIFF1234WAVE"]
)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_either_refused_or_described(magic, rules, data):
    """No content makes the checks fail otherwise, whatever a user uploads."""
    try:
        size = inspect_media(magic + data, rules).size
    except InvalidMediaError:
        size = len(magic + data)
    assert size == len(magic + data)


@given(st.binary(max_size=64))
def test_sniffing_never_fails(data):
    assert detect_media_type(data) is None or "/" in detect_media_type(data)


def test_recording_may_be_a_video_where_kling_reports_it():
    rules = MediaConstraints("audio", inline=False, formats=("mp3", "wav", "mp4", "mov"))
    assert check_type(video(), rules) == "video/mp4"


def riff(
    payload: bytes, riff_size: int | None = None, data_size: int | None = None, fmt: bytes = b""
) -> bytes:
    size = len(payload) if data_size is None else data_size
    head = fmt or struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    total = 36 + len(payload) if riff_size is None else riff_size
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + payload
    return b"RIFF" + struct.pack("<I", total) + b"WAVE" + chunks


EIGHT = bytes(8 * 8000)
STREAMED = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        pytest.param(riff(EIGHT), 8, id="plain"),
        pytest.param(riff(EIGHT, STREAMED, STREAMED), 8, id="streamed"),
        pytest.param(riff(EIGHT, 0, 0), 8, id="sizes of zero"),
        pytest.param(riff(EIGHT, 0x7FFFFFFF, 0x7FFFFFDB), 8, id="largest signed size"),
        pytest.param(riff(EIGHT[: 4 * 8000], data_size=len(EIGHT)), 4, id="cut off"),
        pytest.param(riff(EIGHT) + b"LIST" + struct.pack("<I", 4) + b"INFO", 8, id="list behind"),
        pytest.param(
            riff(EIGHT, fmt=struct.pack("<HHIIHH", 1, 1, 8000, 80, 1, 8)), None, id="byte rate that lies"
        ),
        pytest.param(riff(EIGHT, fmt=struct.pack("<HHIIHH", 1, 0, 0, 0, 0, 0)), None, id="no rate"),
    ],
)
def test_wav_is_as_long_as_its_bytes(data, seconds):
    assert audio_duration(data, "audio/wav") == seconds


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        pytest.param(audio_of("mp3", 15) * 10, 150, id="ten joined"),
        pytest.param(audio_of("mp3", 1.2) + audio_of("mp3", 15), 16.2, id="short one first"),
        pytest.param(audio_of("mp3", 3) + b"TAG" + bytes(125), 3, id="ID3v1 at the end"),
        pytest.param(audio_of("mp3", 3) + b"TAG" + bytes(125) + audio_of("mp3", 3), 6, id="tag between"),
        pytest.param(audio_of("mp3", 3) + bytes(50_000), None, id="mostly no audio"),
    ],
)
def test_mp3_is_as_long_as_its_frames(data, seconds):
    found = audio_duration(data, "audio/mpeg")
    assert found is None if seconds is None else found == pytest.approx(seconds, rel=0.08)


def test_mp3_without_a_frame_is_damaged():
    with pytest.raises(CorruptAudioError, match="it holds no audio frames"):
        audio_duration(b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(5000), "audio/mpeg")


def test_half_an_m4a_has_no_known_length():
    data = audio_of("m4a", 3)
    assert audio_duration(data[: len(data) // 2], "audio/mp4") is None


def test_joined_aac_with_tags():
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x14" + bytes(20)
    assert audio_duration((tag + audio_of("aac", 3)) * 2, "audio/aac") == pytest.approx(6, abs=0.3)


def jpeg_with_preview() -> bytes:
    small = image_file(160, 120)
    data = image_file(640, 480)
    return data[:2] + b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big") + small + data[2:]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(image_file(), id="jpeg"),
        pytest.param(image_file(kind="PNG"), id="png"),
        pytest.param(noisy_image(400, 400), id="large png"),
        pytest.param(jpeg_with_preview(), id="jpeg with a preview"),
    ],
)
def test_image_is_checked_to_its_end(data):
    assert inspect_media(data, IMAGE).size == len(data)
    assert inspect_media(data + bytes(10), IMAGE).width
    for length in (len(data) - 1, len(data) * 2 // 3, len(data) // 2):
        with pytest.raises(InvalidMediaError, match="is a damaged image/"):
            inspect_media(data[:length], IMAGE)


def test_progressive_jpeg_passes():
    out = BytesIO()
    Image.frombytes("RGB", (400, 400), bytes(range(256)) * 1875).save(out, "JPEG", progressive=True)
    assert inspect_media(out.getvalue(), IMAGE).width == 400


def test_png_with_changed_pixels_is_refused():
    data = bytearray(noisy_image(400, 400))
    data[len(data) // 2] ^= 1
    with pytest.raises(InvalidMediaError, match="has a wrong checksum"):
        inspect_media(bytes(data), IMAGE)


@pytest.mark.parametrize("brand", ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "mif2", "msf1"])
def test_heic_by_every_brand(brand):
    assert detect_media_type(b"\0\0\0\x18ftyp" + brand.encode() + bytes(12)) == "image/heic"
