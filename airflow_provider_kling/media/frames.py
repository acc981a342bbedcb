# SPDX-License-Identifier: Apache-2.0
"""Extract posters and last frames of videos as image files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingError, KlingRequestInvalid
from ..utils.atomic_file import AtomicFile
from ..utils.redaction import redact_text
from ..utils.storage import (
    StoragePath,
    StoragePermanentError,
    StorageTransientError,
    open_to_read,
    resolve_path,
    translate_storage_errors,
)
from . import MediaExtraMissing, check_media_extra

if TYPE_CHECKING:
    from ..version_compat import ObjectStoragePath

POSTER_SIDE = 640
"""Maximum width and height of a poster in pixels."""

_POSTER_SECONDS = 3.0
_DARK = 40
_VIDEOS = (".mp4", ".mov", ".webm")
_PNG = ".png"
_JPEG_QUALITY = 3
_MAX_PIXELS = 40_000_000


def last_frame(
    source: Mapping[str, Any] | str | os.PathLike[str] | ObjectStoragePath,
    output_path: str | os.PathLike[str] | ObjectStoragePath,
) -> str:
    """Store the last frame of a video as an image, for a next shot that continues it.

    Call it in a ``@task`` between two jobs. The whole video is decoded, which takes a worker a few seconds.

    :param source: result of a task with ``output_path``, whose first stored video is used; or the path of a
        video in any storage that Airflow supports.
    :param output_path: file to write, absolute, in any storage; ``.png`` for PNG, any other name for JPEG.
    :return: URI of the image, which an operator's ``image`` takes.
    :raises KlingRequestInvalid: the result holds no stored video, the file cannot be read or written, or the
        extra ``media`` is not installed.
    :raises KlingError: a storage does not respond; a retry can help.
    """
    try:
        check_media_extra()
        video = resolve_path(_video_of(source))
        target = resolve_path(output_path)
        with translate_storage_errors(), open_to_read(video) as file:
            data = encode_frame(_last(file), png=target.path.lower().endswith(_PNG))
        with AtomicFile(target) as sink:
            sink.write(data)
    except (StoragePermanentError, MediaExtraMissing) as error:
        raise KlingRequestInvalid(
            f"Cannot extract the last frame: {error}. Source {_describe(source)}.", job=JobState.NOT_CREATED
        ) from None
    except StorageTransientError as error:
        raise KlingError(f"Cannot extract the last frame now: {error}. Source {_describe(source)}.") from None
    return target.uri


def write_poster(video: StoragePath, target: StoragePath) -> int:
    """Store a small JPEG of a video: its first frame that is not dark within three seconds.

    :param video: the video.
    :param target: file to write.
    :return: bytes of the JPEG.
    :raises MediaExtraMissing: PyAV or numpy is not installed.
    :raises StoragePermanentError: the video cannot be read or decoded, or the poster cannot be written.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    check_media_extra()
    with translate_storage_errors(), open_to_read(video) as file:
        frame = upright(_first_bright(file))
        scale = min(1.0, POSTER_SIDE / max(frame.width, frame.height))
        data = encode_frame(frame, size=(_even(frame.width * scale), _even(frame.height * scale)))
    with AtomicFile(target) as sink:
        sink.write(data)
    return len(data)


def quarter_turns(frame: Any) -> int:
    """Return by how many quarters a player turns a frame, as phones ask for.

    :param frame: a frame of PyAV.
    :return: quarters counter-clockwise, 0 to 3.
    """
    # PyAV before 13.1 does not read it.
    return round((getattr(frame, "rotation", 0) or 0) / 90) % 4


def upright(frame: Any) -> Any:
    """Return a frame as a player shows it.

    :param frame: a frame of PyAV.
    :return: the frame, turned if its video asks for it.
    """
    turns = quarter_turns(frame)
    if not turns:
        return frame
    import av
    import numpy as np

    turned = np.rot90(frame.to_ndarray(format="rgb24"), turns)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(turned), format="rgb24")


def encode_frame(frame: Any, *, png: bool = False, size: tuple[int, int] | None = None) -> bytes:
    """Encode a frame of PyAV as an image.

    :param frame: the frame.
    :param png: whether to write PNG; JPEG otherwise.
    :param size: width and height in pixels, as a player shows it; those of the frame by default.
    :return: content of the image file.
    """
    import av

    frame = upright(frame)
    width, height = size or (frame.width, frame.height)
    codec: Any = av.CodecContext.create("png" if png else "mjpeg", "w")
    codec.width, codec.height = width, height
    codec.pix_fmt = "rgb24" if png else "yuvj420p"
    codec.time_base = Fraction(1, 24)
    if not png:
        codec.qmin = codec.qmax = _JPEG_QUALITY
    image = frame.reformat(width=width, height=height, format=codec.pix_fmt)
    image.pts = 0
    image.time_base = codec.time_base
    packets = [*codec.encode(image), *codec.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def _video_of(source: Any) -> Any:
    """Return the path of the first stored video of a result, or the path itself."""
    if not isinstance(source, Mapping):
        return source
    for items in source.values():
        for item in items if isinstance(items, list) else ():
            path = item.get("path") if isinstance(item, Mapping) else None
            if isinstance(path, str) and path.lower().endswith(_VIDEOS):
                return path
    raise StoragePermanentError("the result holds no stored video; give the task that made it an output_path")


def _describe(source: Any) -> str:
    if isinstance(source, Mapping):
        return f"job {redact_text(str(source.get('task_id')))}"
    return redact_text(str(source))


def _last(file: Any) -> Any:
    last = None
    for last in _frames(file):  # noqa: B007
        pass
    if last is None:
        raise StoragePermanentError("no frame of the video can be decoded")
    return last


def _first_bright(file: Any) -> Any:
    first = None
    for frame in _frames(file):
        first = first or frame
        if frame.time is not None and frame.time > _POSTER_SECONDS:
            break
        if frame.reformat(width=64, height=36, format="gray").to_ndarray().mean() > _DARK:
            return frame
    if first is None:
        raise StoragePermanentError("no frame of the video can be decoded")
    return first


def _frames(file: Any) -> Iterator[Any]:
    """Yield the frames of a video up to the first that cannot be decoded."""
    import av

    try:
        with av.open(file) as container:
            if not container.streams.video:
                raise StoragePermanentError("the file holds no video")
            stream = container.streams.video[0]
            if stream.codec_context.width * stream.codec_context.height > _MAX_PIXELS:
                raise StoragePermanentError("the frames of the video are too large")
            yield from container.decode(stream)
    except av.error.FFmpegError as error:
        # A frame before a damaged end may still be of use.
        if isinstance(error, av.error.InvalidDataError):
            return
        raise StoragePermanentError(f"the video cannot be decoded ({type(error).__name__})") from None


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
