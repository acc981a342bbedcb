# SPDX-License-Identifier: Apache-2.0
"""Media of requests and results as data; a result is rendered only when it is downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image.

    :param digest: its identity: the hash of its content, or of the text that it is made from.
    :param width: in pixels.
    :param height: in pixels.
    :param file: its path; ``None`` for one that is drawn.
    """

    digest: str
    width: int
    height: int
    file: Path | None = None

    @property
    def ratio(self) -> float:
        """Width by height."""
        return self.width / self.height


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """An audio.

    :param digest: as of an image.
    :param seconds: length.
    :param file: its path; ``None`` for one that is synthesized.
    :param kind: ``mp3``, ``wav``, ``m4a`` or ``aac``; ``mp4`` for the audio of a video.
    """

    digest: str
    seconds: float
    file: Path | None = None
    kind: str = "mp3"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video.

    :param image: its first frame, as large as the video.
    :param seconds: length.
    :param video_id: its id in the API, if the API made it.
    :param url: its URL, for a video that the API did not make.
    :param path: path of the result file, for a video that the API made.
    :param created_at: when it was created, in seconds since the epoch.
    :param fps: frames a second; the API makes 24.
    """

    image: ImageInfo
    seconds: float
    video_id: str = ""
    url: str = ""
    path: str = ""
    created_at: float = 0.0
    fps: float = 24.0


MediaInfo = ImageInfo | AudioInfo | VideoInfo


def content_hash(text: str) -> str:
    """Return the hash that identifies placeholder media made from a text.

    :param text: the text.
    :return: the hash.
    """
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """An MP4 that slowly zooms into an image.

    :param image: image of the frames.
    :param width: in pixels, even.
    :param height: in pixels, even.
    :param seconds: length.
    :param audio: its audio track, which may be shorter than the video.
    :param watermarked: whether it carries a visible watermark.
    """

    image: ImageInfo
    width: int
    height: int
    seconds: float
    audio: AudioInfo | None = None
    watermarked: bool = False

    content_type: ClassVar[str] = "video/mp4"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """A PNG made of an image.

    :param image: image of the frames.
    :param width: in pixels.
    :param height: in pixels.
    :param variant: different numbers give visibly different images.
    :param inset: a second image in a corner.
    :param margins: area that is added above, below, left and right, as parts of the image's size.
    :param mask: show only light areas, as black and white.
    :param watermarked: whether it carries a visible watermark.
    """

    image: ImageInfo
    width: int
    height: int
    variant: int = 0
    inset: ImageInfo | None = None
    margins: tuple[float, float, float, float] | None = None
    mask: bool = False
    watermarked: bool = False

    content_type: ClassVar[str] = "image/png"


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """An audio file.

    :param audio: the audio.
    :param kind: format of the file.
    """

    audio: AudioInfo
    kind: Literal["mp3", "wav"] = "mp3"

    @property
    def content_type(self) -> str:
        """Media type of the file."""
        return "audio/mpeg" if self.kind == "mp3" else "audio/wav"


@dataclass(frozen=True, slots=True)
class TextSpec:
    """A file of text, such as subtitles.

    :param text: its content.
    :param content_type: media type of the file.
    """

    text: str
    content_type: str


RenderSpec = VideoSpec | ImageSpec | AudioSpec | TextSpec
"""How to render one file. Specs are equal when the bytes of their files are."""


def fingerprint(spec: RenderSpec) -> str:
    """Return a name for the file of a spec: the same for the same content.

    :param spec: what to render.
    :return: the name.
    """
    return hashlib.sha256(repr(spec).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One result file: its name under the task and how it is rendered.

    :param name: name of the file under its task.
    :param spec: how it is rendered.
    """

    name: str
    spec: RenderSpec


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """One entry of a finished task's result.

    :param array: name of its array, such as ``videos``.
    :param values: its fields; a :class:`OutputFile`, at any depth, stands for the file's URL.
    """

    array: str
    values: Mapping[str, Any]

    def files(self) -> Iterator[OutputFile]:
        """Return all files of the entry.

        :return: the files.
        """
        return _files(self.values)


def _files(value: Any) -> Iterator[OutputFile]:
    if isinstance(value, OutputFile):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _files(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _files(entry)


def replace_files_with_urls(value: Any, url_of: Callable[[OutputFile], str]) -> Any:
    """Replace each file in a value by its URL, at any depth.

    :param value: a JSON value with files.
    :param url_of: returns the URL of a file.
    :return: the JSON value.
    """
    if isinstance(value, OutputFile):
        return url_of(value)
    if isinstance(value, Mapping):
        return {name: replace_files_with_urls(entry, url_of) for name, entry in value.items()}
    if isinstance(value, list):
        return [replace_files_with_urls(entry, url_of) for entry in value]
    return value
