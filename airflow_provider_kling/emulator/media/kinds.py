# SPDX-License-Identifier: Apache-2.0
"""The three kinds of media, as facts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image.

    :param digest: what names it: the hash of its content, or of what it is made up from.
    :param width: in pixels.
    :param height: in pixels.
    :param file: where it is kept; ``None`` for one that has to be drawn.
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
    """A sound.

    :param digest: as of an image.
    :param seconds: length.
    :param file: where it is kept; ``None`` for one that has to be made up.
    :param kind: ``mp3``, ``wav``, ``m4a`` or ``aac``; ``mp4`` for the sound of a video.
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
    :param video_id: the id by which the API knows it, if it made it.
    :param url: where it was found, for one that somebody else made.
    :param path: path of the result file, for one that the API made.
    :param made_at: when it was made, in seconds since the epoch.
    """

    image: ImageInfo
    seconds: float
    video_id: str = ""
    url: str = ""
    path: str = ""
    made_at: float = 0.0


MediaInfo = ImageInfo | AudioInfo | VideoInfo
