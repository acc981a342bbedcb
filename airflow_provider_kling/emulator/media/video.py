# SPDX-License-Identifier: Apache-2.0
"""Renders videos as MP4: H.264 with 24 frames a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from .audio import SAMPLE_RATE, add_track, decode_samples, pad_track
from .image import crop_to_fill, draw_watermark, emulated_label
from .specs import VideoSpec

FPS = 24
_ZOOM = 0.12
_CYCLE_SECONDS = 10
_MUXER = {"movflags": "+faststart", "fflags": "+bitexact"}
_RESOLUTION = {"std": 720, "pro": 1080, "4k": 2160}


def frame_size(mode: str, ratio: float, scale: float) -> tuple[int, int]:
    """Return the size of a video.

    :param mode: ``std`` (720p), ``pro`` (1080p) or ``4k`` (2160p).
    :param ratio: width by height.
    :param scale: factor on the real size.
    :return: width and height in pixels.
    """
    short = _RESOLUTION.get(mode, 720) * scale
    width, height = (short * ratio, short) if ratio >= 1 else (short, short / ratio)
    return _even(width), _even(height)


def render(spec: VideoSpec, target: Path) -> None:
    """Write a video file; the same spec always gives the same bytes.

    :param spec: what to write.
    :param target: path of the file.
    """
    with av.open(str(target), "w", format="mp4", options=_MUXER) as container:
        # One thread: with several, the encoder's output depends on their timing.
        options = {"preset": "ultrafast", "crf": "28", "threads": "1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        track = add_track(container, "aac") if spec.audio else None
        for image in _frames(spec):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")))
        container.mux(stream.encode(None))
        if track and spec.audio:
            pad_track(container, track, decode_samples(spec.audio)[: round(spec.seconds * SAMPLE_RATE)])


def _frames(spec: VideoSpec) -> Iterator[Image.Image]:
    """Zoom in over the whole video; in a long one, in and out again so that few images are computed."""
    total = max(1, round(spec.seconds * FPS))
    cycle = min(total, _CYCLE_SECONDS * FPS)
    size = (spec.width, spec.height)
    source = crop_to_fill(spec.image, round(spec.width * (1 + _ZOOM)), round(spec.height * (1 + _ZOOM)))
    if spec.watermarked:
        source = draw_watermark(source)
    label = emulated_label(spec.height)
    for number in range(total):
        position = number % (2 * cycle)
        inset = _ZOOM / 2 * min(position, 2 * cycle - position) / cycle
        box = (
            spec.width * inset,
            spec.height * inset,
            source.width - spec.width * inset,
            source.height - spec.height * inset,
        )
        frame = source.resize(size, Image.Resampling.BILINEAR, box)
        frame.paste(label, (0, spec.height - label.height), label)
        yield frame


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
