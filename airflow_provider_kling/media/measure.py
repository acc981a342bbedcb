# SPDX-License-Identifier: Apache-2.0
"""Decode a media file and measure it: duration, size, frame rate, codec, black and frozen frames, audio."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from . import check_media_extra
from .frames import quarter_turns
from .loudness import SAMPLE_RATE, LoudnessMeter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WIDTH, _HEIGHT = 160, 90
# Video range black is 16; a pixel counts as black below a tenth above it.
_BLACK_PIXEL = 40
_BLACK_SHARE = 0.98
# Largest mean difference of a block of 10 x 10 pixels, in levels of 255, that counts as no motion: a frozen
# frame differs by up to 1.2 where the encoder writes a key frame, a slow zoom by more within a second.
_STILL = 1.5
_BLOCK = 10
_FREEZE_SECONDS = 1.5
_MAX_PIXELS = 40_000_000
_SHORT_OF_HEADER = 0.5
_MONO = 1


class UnreadableMediaError(Exception):
    """The file cannot be decoded; the text names the cause."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured in a media file.

    :param kind: ``video``, ``audio`` or ``image``.
    :param duration: seconds that could be decoded; ``None`` for an image.
    :param width: pixels, as a player shows the video; ``None`` for audio.
    :param height: pixels, as a player shows the video; ``None`` for audio.
    :param fps: frames per second; video only.
    :param codec: name of the video, image or audio codec, such as ``h264``.
    :param audio: whether there is an audio stream.
    :param silence: share of silent audio, 0 to 1; ``None`` without an audio stream.
    :param loudness: integrated loudness in LUFS; ``None`` without audio or for silence.
    :param black: share of black frames, 0 to 1; ``None`` for audio.
    :param frozen: share of the duration in which nothing moves for at least 1.5 s, 0 to 1; video only.
    :param complete: whether the streams are as long as their header says.
    """

    kind: str
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    codec: str | None = None
    audio: bool = False
    silence: float | None = None
    loudness: float | None = None
    black: float | None = None
    frozen: float | None = None
    complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the measurements as JSON.

        :return: the fields that are known.
        """
        return {name: value for name, value in asdict(self).items() if value is not None}


def measure(path: str, *, image: bool = False) -> Measurements:
    """Decode a local media file and measure it.

    :param path: local path of the file.
    :param image: whether the file is an image.
    :return: the measurements.
    :raises MediaExtraMissing: PyAV or numpy is not installed.
    :raises UnreadableMediaError: the file cannot be decoded.
    """
    check_media_extra()
    import av

    try:
        with av.open(path) as container:
            return _measure(container, image=image)
    except UnreadableMediaError:
        raise
    except (av.error.FFmpegError, ValueError, OSError, IndexError, EOFError) as error:
        raise UnreadableMediaError(f"it cannot be decoded ({type(error).__name__})") from None


def _measure(container: Any, *, image: bool) -> Measurements:
    videos, audios = container.streams.video, container.streams.audio
    if not videos and not audios:
        raise UnreadableMediaError("it holds no video and no audio")
    frame_facts = _FrameFacts(videos[0]) if videos else None
    audio = _Audio() if audios else None
    streams = [*(videos[:1] if videos else ()), *(audios[:1] if audios else ())]
    damaged = _decode(container, streams, frame_facts, audio)
    loudness, silence = audio.meter.finish() if audio else (None, None)
    if frame_facts is None:
        seconds = audio.seconds if audio else 0.0
        return Measurements(
            kind="audio",
            duration=round(seconds, 3),
            codec=audios[0].codec_context.name,
            audio=True,
            silence=None if silence is None else round(silence, 3),
            loudness=loudness,
            complete=not damaged and _is_complete(audios[0], container, seconds),
        )
    if not frame_facts.frames:
        raise UnreadableMediaError("none of its frames can be decoded")
    seconds = frame_facts.seconds
    return Measurements(
        kind="image" if image else "video",
        duration=None if image else round(seconds, 3),
        width=frame_facts.width,
        height=frame_facts.height,
        fps=None if image or not seconds else round(frame_facts.frames / seconds, 2),
        codec=videos[0].codec_context.name,
        audio=bool(audios),
        silence=None if silence is None else round(silence, 3),
        loudness=loudness,
        black=round(frame_facts.black / frame_facts.frames, 3),
        frozen=None if image or not seconds else round(min(1.0, frame_facts.frozen / seconds), 3),
        complete=not damaged and (image or _is_complete(videos[0], container, seconds)),
    )


def _decode(
    container: Any, streams: list[Any], frame_facts: _FrameFacts | None, audio: _Audio | None
) -> bool:
    """Decode all frames; return whether some could not be decoded."""
    import av

    damaged = False
    try:
        for packet in container.demux(*streams):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged = True
                continue
            for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    if frame_facts:
                        frame_facts.add(frame)
                elif audio:
                    audio.add(frame)
    except av.error.FFmpegError:
        # What was decoded so far is measured; the file counts as incomplete.
        damaged = True
    if audio:
        audio.flush()
    if frame_facts:
        frame_facts.end()
    return damaged


def _is_complete(stream: Any, container: Any, seconds: float) -> bool:
    import av

    declared = 0.0
    if stream.duration and stream.time_base:
        declared = float(stream.duration * stream.time_base)
    elif container.duration:
        declared = container.duration / av.time_base
    return seconds >= declared - max(_SHORT_OF_HEADER, declared * 0.02)


class _FrameFacts:
    """Measure the frames of a video stream."""

    def __init__(self, stream: Any) -> None:
        self.width, self.height = stream.codec_context.width, stream.codec_context.height
        if self.width * self.height > _MAX_PIXELS:
            raise UnreadableMediaError(f"its frames of {self.width} x {self.height} pixels are too large")
        self._rate = float(stream.average_rate or stream.guessed_rate or 0) or 24.0
        self.frames = 0
        self.black = 0
        self.frozen = 0.0
        self._first = self._last = 0.0
        self._reference: NDArray[np.int16] | None = None
        self._since = 0.0

    def add(self, frame: Any) -> None:
        """Measure a frame."""
        import numpy as np

        if not self.frames:
            self.width, self.height = frame.width, frame.height
            if quarter_turns(frame) % 2:
                self.width, self.height = self.height, self.width
        at = frame.time if frame.time is not None else self.frames / self._rate
        if not self.frames:
            self._first = at
        self._last = max(self._last, at)
        self.frames += 1
        gray = frame.reformat(width=_WIDTH, height=_HEIGHT, format="gray").to_ndarray().astype(np.int16)
        self.black += bool((gray < _BLACK_PIXEL).mean() >= _BLACK_SHARE)
        # Compared with the frame at which the motion stopped, so that slow motion is no freeze.
        if self._reference is not None and _moved(gray, self._reference) <= _STILL:
            return
        self._end_freeze(at)
        self._reference, self._since = gray, at

    def end(self) -> None:
        """Count a freeze that lasts to the end."""
        if self.frames:
            self._end_freeze(self._first + self.seconds)

    def _end_freeze(self, at: float) -> None:
        if self._reference is not None and at - self._since >= _FREEZE_SECONDS:
            self.frozen += at - self._since

    @property
    def seconds(self) -> float:
        """Return the duration of the decoded frames."""
        return self._last - self._first + 1 / self._rate if self.frames else 0.0


def _moved(gray: NDArray[np.int16], reference: NDArray[np.int16]) -> float:
    """Return the largest mean difference of a block."""
    import numpy as np

    blocks = np.abs(gray - reference).reshape(_HEIGHT // _BLOCK, _BLOCK, _WIDTH // _BLOCK, _BLOCK)
    return float(blocks.mean(axis=(1, 3)).max())


class _Audio:
    """Measure the frames of an audio stream."""

    def __init__(self) -> None:
        self.meter = LoudnessMeter()
        self._resampler: Any = None

    def add(self, frame: Any) -> None:
        """Measure a frame."""
        import av

        if self._resampler is None:
            layout = "mono" if len(frame.layout.channels) == _MONO else "stereo"
            self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
        for part in self._resampler.resample(frame):
            self.meter.feed(part.to_ndarray())

    def flush(self) -> None:
        """Measure what the resampler holds back."""
        if self._resampler is not None:
            for part in self._resampler.resample(None):
                self.meter.feed(part.to_ndarray())

    @property
    def seconds(self) -> float:
        """Return the duration of the decoded audio."""
        return self.meter.samples / SAMPLE_RATE
