# SPDX-License-Identifier: Apache-2.0
"""Media of requests: read, measured and checked against limits."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import logging
import urllib.error
from dataclasses import dataclass, replace
from math import inf, isclose
from pathlib import Path
from urllib.parse import urlsplit

import av
from PIL import Image, UnidentifiedImageError

from ..errors import ApiErrorResponse, invalid_value
from ..loopback import is_loopback_url, loopback_opener
from .specs import AudioInfo, ImageInfo, VideoInfo

# The client gets the error of its file; FFmpeg need not print it, too.
av.logging.set_level(av.logging.PANIC)
logging.getLogger("PIL").setLevel(logging.WARNING)

_AUDIO_KINDS = {"mp3": "mp3", "wav": "wav", "aac": "aac", "mov,mp4,m4a,3gp,3g2,mj2": "m4a"}

_COVER_CODECS = ("mjpeg", "png")

# Some cameras write JPEG files with several images, which Pillow calls MPO.
_IMAGE_KINDS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp"}


class UnreadableMedia(Exception):
    """The content has no format that the API accepts."""


def probe_image(data: bytes) -> tuple[str, int, int]:
    """Return the format and size of a JPEG, PNG or WebP that can be decoded to its end.

    :param data: content of the file.
    :return: ``jpeg``, ``png`` or ``webp``, width and height in pixels.
    :raises UnreadableMedia: it is no such image.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            image.load()
            return _IMAGE_KINDS[str(image.format)], *image.size
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
            kind = _AUDIO_KINDS.get(container.format.name)
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
    return any(stream.codec_context.name not in _COVER_CODECS for stream in container.streams.video)


def probe_video(data: bytes) -> tuple[int, int, float, float, bytes]:
    """Return the facts of an MP4 or MOV.

    :param data: content of the file.
    :return: width, height, frames a second, seconds and the first frame as PNG.
    :raises UnreadableMedia: it is no such video.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if _AUDIO_KINDS.get(container.format.name) != "m4a" or not container.streams.video:
                raise UnreadableMedia
            frame = next(container.decode(video=0))
            seconds = (container.duration or 0) / 1_000_000
            fps = float(container.streams.video[0].average_rate or 0)
    except (av.FFmpegError, ValueError, StopIteration) as error:
        raise UnreadableMedia from error
    stream = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(stream, "PNG")
    return frame.width, frame.height, fps, seconds, stream.getvalue()


MEGABYTE = 1024 * 1024
AUDIO_FORMATS = ("mp3", "wav", "m4a", "aac")
RESULTS = "/results"
"""Path of the emulator's own files."""

_SECONDS_TOLERANCE = 0.1
_FPS_TOLERANCE = 0.1
_RATIO_TOLERANCE = 0.01
_PLACEHOLDER_SECONDS = 5.0
_FETCH_SECONDS = 20
_FETCH_BYTES = 200 * MEGABYTE


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Requirements of an image, audio or video.

    :param formats: names of file formats.
    :param seconds: least and most seconds.
    :param sides: least and most pixels a side.
    :param megabytes: most.
    :param ratio: least and most width by height.
    :param ratios: the only values of width by height, where the vendor names them.
    :param pixels: most width times height.
    :param fps: least and most frames a second.
    :param rates: the only numbers of frames a second, where the vendor names them.
    """

    formats: tuple[str, ...]
    seconds: tuple[float, float] = (0, inf)
    sides: tuple[float, float] = (1, inf)
    megabytes: int = 100
    ratio: tuple[float, float] | None = None
    ratios: tuple[float, ...] = ()
    pixels: int | None = None
    fps: tuple[float, float] | None = None
    rates: tuple[float, ...] = ()

    def check_size(self, field: str, kind: str, size: int) -> None:
        """Check the size of a file.

        :param field: name of the field, for the error text.
        :param kind: ``image``, ``audio`` or ``video``, for the error text.
        :param size: number of bytes.
        :raises ApiErrorResponse: too large.
        """
        if size > self.megabytes * MEGABYTE:
            raise invalid_value(f"{field}: {kind} size cannot exceed {self.megabytes}MB")

    def check_seconds(self, field: str, seconds: float) -> None:
        """Check a length; encoders pad, so a small excess is allowed.

        :param field: name of the field, for the error text.
        :param seconds: the length.
        :raises ApiErrorResponse: too short or too long.
        """
        low, high = self.seconds
        if not low - _SECONDS_TOLERANCE <= seconds <= high + _SECONDS_TOLERANCE:
            raise invalid_value(f"{field}: duration must be in [{low:g}s, {high:g}s], got {seconds:.1f}s")

    def check_frame(self, field: str, kind: str, width: float, height: float) -> None:
        """Check the width and height of an image or a video.

        :param field: name of the field, for the error text.
        :param kind: ``image`` or ``video``, for the error text.
        :param width: in pixels.
        :param height: in pixels.
        :raises ApiErrorResponse: a side, the area or the ratio is outside the limits.
        """
        low, high = self.sides
        got = f"got {width:g}x{height:g}"
        if min(width, height) < low or max(width, height) > high:
            allowed = f"at least {low}px" if high == inf else f"in [{low}px, {high}px]"
            raise invalid_value(f"{field}: {kind} width and height must be {allowed}, {got}")
        if self.pixels and width * height > self.pixels:
            raise invalid_value(f"{field}: {kind} width by height cannot exceed {self.pixels}, {got}")
        ratio = width / height
        if self.ratio and not self.ratio[0] <= ratio <= self.ratio[1]:
            low, high = self.ratio
            raise invalid_value(
                f"{field}: {kind} aspect ratio must be between 1:{1 / low:g} and {high:g}:1, {got}"
            )
        if self.ratios and not any(isclose(ratio, known, rel_tol=_RATIO_TOLERANCE) for known in self.ratios):
            raise invalid_value(f"{field}: {kind} aspect ratio must be 16:9 or 9:16, {got}")

    def check_fps(self, field: str, fps: float) -> None:
        """Check the frame rate of a video; 23.976 counts as 24.

        :param field: name of the field, for the error text.
        :param fps: frames a second.
        :raises ApiErrorResponse: the vendor does not accept the rate.
        """
        if self.fps and not self.fps[0] - _FPS_TOLERANCE <= fps <= self.fps[1] + _FPS_TOLERANCE:
            low, high = self.fps
            raise invalid_value(f"{field}: video fps must be in [{low:g}, {high:g}], got {fps:g}")
        if self.rates and not any(isclose(fps, rate, abs_tol=_FPS_TOLERANCE) for rate in self.rates):
            allowed = ", ".join(f"{rate:g}" for rate in self.rates)
            raise invalid_value(f"{field}: video fps must be one of {allowed}, got {fps:g}")


IMAGE = MediaLimits(("jpg", "jpeg", "png"), sides=(300, inf), megabytes=10, ratio=(0.4, 2.5))
"""Limits of images in general, by the vendor's pages."""


class MediaStore:
    """The media of all requests, by content.

    :param folder: directory to store them in.
    :param scale: size of the emulator's own videos relative to the real ones.
    """

    def __init__(self, folder: Path, scale: float = 1.0) -> None:
        self._folder = folder
        self._scale = scale
        self._images: dict[str, tuple[str, ImageInfo]] = {}
        self._audios: dict[str, AudioInfo] = {}
        self._videos: dict[str, VideoInfo] = {}

    def image(self, value: str, field: str, limits: MediaLimits = IMAGE) -> ImageInfo:
        """Return the image that a field of a request holds.

        :param value: an http(s) URL, or the content as base64.
        :param field: name of the field, for error texts.
        :param limits: limits of the field.
        :return: the image; a placeholder for a URL of another machine.
        :raises ApiErrorResponse: the vendor would refuse it.
        """
        data = _decode_content(value, field)
        if data is None:
            return ImageInfo(_digest(value.encode()), 1280, 720)
        limits.check_size(field, "image", len(data))
        digest = _digest(data)
        if digest not in self._images:
            try:
                kind, width, height = probe_image(data)
            except UnreadableMedia:
                raise _format_error(field, limits) from None
            self._images[digest] = (kind, ImageInfo(digest, width, height, self._store_file(data, digest)))
        # Checked for each field: another field may accept this format.
        kind, found = self._images[digest]
        if kind not in limits.formats:
            raise _format_error(field, limits)
        limits.check_frame(field, "image", found.width, found.height)
        return found

    def audio(self, value: str, field: str, limits: MediaLimits) -> AudioInfo:
        """Return the audio file that a field of a request holds.

        :param value: an http(s) URL, or the content as base64.
        :param field: name of the field, for error texts.
        :param limits: limits of the field.
        :return: the audio file; a placeholder for a URL of another machine.
        :raises ApiErrorResponse: the vendor would refuse it.
        """
        data = _decode_content(value, field)
        if data is None:
            return AudioInfo(_digest(value.encode()), _PLACEHOLDER_SECONDS)
        limits.check_size(field, "audio", len(data))
        digest = _digest(data)
        if digest not in self._audios:
            try:
                kind, seconds = probe_audio(data)
            except UnreadableMedia:
                raise invalid_value("Audio format is invalid") from None
            self._audios[digest] = AudioInfo(digest, seconds, self._store_file(data, digest), kind)
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
        data = _decode_content(value, field)
        if data is None:
            image = ImageInfo(_digest(value.encode()), 1280, 720)
            return VideoInfo(image, _PLACEHOLDER_SECONDS, url=value)
        limits.check_size(field, "video", len(data))
        digest = _digest(data)
        if digest not in self._videos:
            self._videos[digest] = self._probe_video_file(data, field, digest)
        found = self._videos[digest]
        limits.check_seconds(field, found.seconds)
        # The emulator's own videos are smaller than those of the vendor.
        scale = self._scale if urlsplit(value).path.startswith(f"{RESULTS}/") else 1.0
        limits.check_frame(field, "video", found.image.width / scale, found.image.height / scale)
        limits.check_fps(field, found.fps)
        return replace(found, url=value)

    def _probe_video_file(self, data: bytes, field: str, digest: str) -> VideoInfo:
        try:
            width, height, fps, seconds, frame = probe_video(data)
        except UnreadableMedia:
            raise invalid_value(f"{field}: video format is invalid, only mp4 and mov are supported") from None
        return VideoInfo(ImageInfo(digest, width, height, self._store_file(frame, digest)), seconds, fps=fps)

    def _store_file(self, data: bytes, digest: str) -> Path:
        path = self._folder / digest
        path.write_bytes(data)
        return path


def _format_error(field: str, limits: MediaLimits) -> ApiErrorResponse:
    *kinds, last = limits.formats
    return invalid_value(
        f"{field}: image format is invalid, only {', '.join(kinds)} and {last} are supported"
    )


def _decode_content(value: str, field: str) -> bytes | None:
    """Return the bytes that a field stands for, or ``None`` for a URL outside this machine."""
    if value.startswith("data:"):
        raise invalid_value(f"{field}: base64 must be sent without the data: prefix")
    if value.startswith(("http://", "https://")):
        return _fetch(value, field) if is_loopback_url(value) else None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_value(f"{field} is neither a url nor valid base64") from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fetch(url: str, field: str) -> bytes:
    try:
        with loopback_opener.open(url, timeout=_FETCH_SECONDS) as response:
            data: bytes = response.read(_FETCH_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise _download_error(field, str(error)) from None
    return data


def _download_error(field: str, reason: str) -> ApiErrorResponse:
    return invalid_value(f"{field}: failed to download the file from its url: {reason}")
