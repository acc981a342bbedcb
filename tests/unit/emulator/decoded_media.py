# SPDX-License-Identifier: Apache-2.0
"""What is in a media file, as a player sees it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import numpy as np


@dataclass(frozen=True)
class DecodedMedia:
    """A decoded file."""

    video: str | None
    audio: str | None
    seconds: float
    fps: float | None
    size: tuple[int, int] | None
    frames: int
    first: np.ndarray | None
    last: np.ndarray | None
    peak: float
    pitch: float


def decode(data: bytes) -> DecodedMedia:
    """Decode a file to its end."""
    with av.open(io.BytesIO(data)) as container:
        video = next(iter(container.streams.video), None)
        audio = next(iter(container.streams.audio), None)
        images: list[np.ndarray] = []
        blocks: list[np.ndarray] = []
        count, rate = 0, 1
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                count += 1
                images[1:] = [frame.to_ndarray(format="rgb24")]
            else:
                scale = 32768.0 if frame.format.name.startswith("s16") else 1.0
                blocks.append(frame.to_ndarray().astype(float)[0] / scale)
                rate = frame.sample_rate
        samples = np.concatenate(blocks) if blocks else np.zeros(2)
        return DecodedMedia(
            video=video.codec_context.name if video else None,
            audio=audio.codec_context.name if audio else None,
            seconds=(container.duration or 0) / 1_000_000,
            fps=float(video.average_rate) if video and video.average_rate else None,
            size=(video.width, video.height) if video else None,
            frames=count,
            first=images[0] if images else None,
            last=images[-1] if images else None,
            peak=float(np.abs(samples).max()),
            pitch=float(np.abs(np.fft.rfft(samples))[1:].argmax() + 1) * rate / len(samples),
        )
