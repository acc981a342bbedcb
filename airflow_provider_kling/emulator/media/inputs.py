# SPDX-License-Identifier: Apache-2.0
"""How large and how long media are, by their content."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import logging
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import av
from PIL import Image, UnidentifiedImageError

from ..errors import ApiErrorResponse, invalid_value
from ..loopback import is_loopback_url, loopback_opener
from .specs import AudioInfo, ImageInfo, VideoInfo

# What is wrong with a client's file is told to the client; FFmpeg need not print it too.
av.logging.set_level(av.logging.PANIC)
logging.getLogger("PIL").setLevel(logging.WARNING)

_KINDS = {"mp3": "mp3", "wav": "wav", "aac": "aac", "mov,mp4,m4a,3gp,3g2,mj2": "m4a"}

_COVERS = ("mjpeg", "png")


class UnreadableMedia(Exception):
    """The content is none of the formats that the API takes."""


def probe_image(data: bytes, *, webp: bool = False) -> tuple[int, int]:
    """Return the size of a JPEG or PNG (or WebP) that can be decoded to its end.

    :param data: content of the file.
    :param webp: allow WebP.
    :return: width and height in pixels.
    :raises UnreadableMedia: it is no such image.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", *(["WEBP"] if webp else []))) as image:
            image.load()
            return image.size
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableMedia from error


def probe_audio(data: bytes) -> tuple[str, float]:
    """Return the format and length of an audio file, or of the audio track of a video.

    :param data: content of the file.
    :return: format and seconds.
    :raises UnreadableMedia: it has no readable audio.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            kind = _KINDS.get(container.format.name)
            if kind is None or not container.streams.audio:
                raise UnreadableMedia
            if kind == "m4a" and _has_video_stream(container):
                kind = "mp4"
            stream = container.streams.audio[0]
            ticks = sum(int(packet.duration or 0) for packet in container.demux(stream))
            seconds = float(ticks * stream.time_base) if stream.time_base else 0.0
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMedia from error
    if seconds <= 0:
        raise UnreadableMedia
    return kind, seconds


def _has_video_stream(container: av.container.InputContainer) -> bool:
    # The cover of a record is a stream of one image.
    return any(stream.codec_context.name not in _COVERS for stream in container.streams.video)


def probe_video(data: bytes) -> tuple[int, int, float, bytes]:
    """Return the facts of an MP4 or MOV.

    :param data: content of the file.
    :return: width, height, seconds and the first frame as PNG.
    :raises UnreadableMedia: it is no such video.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if _KINDS.get(container.format.name) != "m4a" or not container.streams.video:
                raise UnreadableMedia
            frame = next(container.decode(video=0))
            seconds = (container.duration or 0) / 1_000_000
    except (av.FFmpegError, ValueError, StopIteration) as error:
        raise UnreadableMedia from error
    stream = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(stream, "PNG")
    return frame.width, frame.height, seconds, stream.getvalue()


MEGABYTE = 1024 * 1024
AUDIO_FORMATS = ("mp3", "wav", "m4a", "aac")
IMAGE_MEGABYTES = 10
RESULTS = "/results"
"""Where the emulator's own files are."""

_IMAGE_SIDE = 300
_IMAGE_RATIO = 2.5
_SECONDS_TOLERANCE = 0.1
_MADE_UP_SECONDS = 5.0
_FETCH_SECONDS = 20
_FETCH_BYTES = 200 * MEGABYTE


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What a sound or a video must be.

    :param formats: names of file formats.
    :param seconds: least and most.
    :param sides: least and most pixels a side.
    :param megabytes: most.
    """

    formats: tuple[str, ...]
    seconds: tuple[float, float]
    sides: tuple[int, int] = (1, 100_000)
    megabytes: int = 100

    def check_seconds(self, field: str, seconds: float) -> None:
        """Check a length; encoders pad, so a small excess is allowed.

        :param field: name of the field, for the error text.
        :param seconds: the length.
        :raises ApiErrorResponse: too short or too long.
        """
        low, high = self.seconds
        if not low - _SECONDS_TOLERANCE <= seconds <= high + _SECONDS_TOLERANCE:
            raise invalid_value(f"{field}: duration must be in [{low:g}s, {high:g}s], got {seconds:.1f}s")


class MediaStore:
    """The media of all requests, by content.

    :param folder: directory to keep them in.
    :param scale: size of the emulator's own videos relative to the real ones, for which they are taken.
    """

    def __init__(self, folder: Path, scale: float = 1.0) -> None:
        self._folder = folder
        self._scale = scale
        self._images: dict[str, ImageInfo] = {}
        self._audios: dict[str, AudioInfo] = {}
        self._videos: dict[str, VideoInfo] = {}

    def image(
        self,
        value: str,
        field: str,
        megabytes: int = IMAGE_MEGABYTES,
        *,
        any_ratio: bool = False,
        webp: bool = False,
    ) -> ImageInfo:
        """Return the image that a field of a request holds.

        :param value: an http(s) URL, or the content as base64.
        :param field: name of the field, for error texts.
        :param megabytes: largest size.
        :param any_ratio: allow any ratio of width to height.
        :param webp: allow WebP.
        :return: the image; a placeholder for a URL of another machine.
        :raises ApiErrorResponse: the vendor would refuse it.
        """
        data = _content(value, field)
        if data is None:
            return ImageInfo(_digest(value.encode()), 1280, 720)
        if len(data) > megabytes * MEGABYTE:
            raise invalid_value(f"{field}: image size cannot exceed {megabytes}MB")
        digest = _digest(data)
        if digest not in self._images:
            width, height = _measured_image(data, field, webp=webp)
            self._images[digest] = ImageInfo(digest, width, height, self._stored(data, digest))
        found = self._images[digest]
        # Not when it is measured: another field may take what this one does not.
        if not any_ratio and not 1 / _IMAGE_RATIO <= found.ratio <= _IMAGE_RATIO:
            size = f"{found.width}:{found.height}"
            raise invalid_value(f"{field}: image aspect ratio must be between 1:2.5 and 2.5:1, got {size}")
        return found

    def audio(self, value: str, field: str, limits: MediaLimits) -> AudioInfo:
        """Return the audio file that a field of a request holds.

        :param value: an http(s) URL, or the content as base64.
        :param field: name of the field, for error texts.
        :param limits: limits of the field.
        :return: the audio file; a placeholder for a URL of another machine.
        :raises ApiErrorResponse: the vendor would refuse it.
        """
        data = _content(value, field)
        if data is None:
            return AudioInfo(_digest(value.encode()), _MADE_UP_SECONDS)
        if len(data) > limits.megabytes * MEGABYTE:
            raise invalid_value(f"{field}: audio size cannot exceed {limits.megabytes}MB")
        digest = _digest(data)
        if digest not in self._audios:
            try:
                kind, seconds = probe_audio(data)
            except UnreadableMedia:
                raise invalid_value("Audio format is invalid") from None
            self._audios[digest] = AudioInfo(digest, seconds, self._stored(data, digest), kind)
        found = self._audios[digest]
        if found.kind not in limits.formats:
            raise invalid_value("Audio format is invalid")
        limits.check_seconds(field, found.seconds)
        return found

    def video(self, value: str, field: str, limits: MediaLimits) -> VideoInfo:
        """Return the video that a URL in a request leads to.

        :param value: an http(s) URL.
        :param field: name of the field, for error texts.
        :param limits: limits of the field.
        :return: the video; a placeholder for a URL of another machine.
        :raises ApiErrorResponse: the vendor would refuse it.
        """
        data = _content(value, field)
        if data is None:
            image = ImageInfo(_digest(value.encode()), 1280, 720)
            return VideoInfo(image, _MADE_UP_SECONDS, url=value)
        if len(data) > limits.megabytes * MEGABYTE:
            raise invalid_value(f"{field}: video size cannot exceed {limits.megabytes}MB")
        digest = _digest(data)
        if digest not in self._videos:
            self._videos[digest] = self._measured_video(data, field, digest)
        found = self._videos[digest]
        limits.check_seconds(field, found.seconds)
        low, high = limits.sides
        shrunk = self._scale if urlsplit(value).path.startswith(f"{RESULTS}/") else 1.0
        for side in (found.image.width, found.image.height):
            if not low <= side / shrunk <= high:
                raise invalid_value(
                    f"{field}: video width and height must be in [{low}px, {high}px], got {side}px"
                )
        return VideoInfo(found.image, found.seconds, url=value)

    def _measured_video(self, data: bytes, field: str, digest: str) -> VideoInfo:
        try:
            width, height, seconds, frame = probe_video(data)
        except UnreadableMedia:
            raise invalid_value(f"{field}: video format is invalid, only mp4 and mov are supported") from None
        return VideoInfo(ImageInfo(digest, width, height, self._stored(frame, digest)), seconds)

    def _stored(self, data: bytes, digest: str) -> Path:
        path = self._folder / digest
        path.write_bytes(data)
        return path


def _measured_image(data: bytes, field: str, *, webp: bool) -> tuple[int, int]:
    try:
        width, height = probe_image(data, webp=webp)
    except UnreadableMedia:
        kinds = "jpg, jpeg, png and webp" if webp else "jpg, jpeg and png"
        raise invalid_value(f"{field}: image format is invalid, only {kinds} are supported") from None
    if min(width, height) < _IMAGE_SIDE:
        raise invalid_value(f"{field}: image width and height must be at least 300px, got {width}x{height}")
    return width, height


def _content(value: str, field: str) -> bytes | None:
    """Return the bytes that a field stands for, or ``None`` for a URL outside this machine."""
    if value.startswith("data:"):
        raise invalid_value(f"{field}: base64 must be sent without the data: prefix")
    if value.startswith(("http://", "https://")):
        return _fetched(value, field) if is_loopback_url(value) else None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_value(f"{field} is neither a url nor valid base64") from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fetched(url: str, field: str) -> bytes:
    try:
        with loopback_opener.open(url, timeout=_FETCH_SECONDS) as answer:
            data: bytes = answer.read(_FETCH_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise _placeholder(field, str(error)) from None
    return data


def _placeholder(field: str, why: str) -> ApiErrorResponse:
    return invalid_value(f"{field}: failed to download the file from its url: {why}")
