# SPDX-License-Identifier: Apache-2.0
"""Images and audio of any size, created once."""

from __future__ import annotations

import os
from functools import cache
from io import BytesIO


@cache
def image_file(width: int = 640, height: int = 480, kind: str = "JPEG") -> bytes:
    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 90)).save(out, kind)
    return out.getvalue()


def noisy_image(width: int, height: int) -> bytes:
    """A PNG that cannot be compressed."""
    from PIL import Image

    out = BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(out, "PNG", compress_level=0)
    return out.getvalue()


@cache
def audio_file(
    seconds: float = 3.0, container: str = "mp3", codec: str = "libmp3lame", rate: int = 16000
) -> bytes:
    """Silence, in any container that ffmpeg writes."""
    import av
    import numpy as np

    out = BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.codec_context.layout = "mono"
        samples = int(seconds * rate)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=rate, frame_size=1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return out.getvalue()


AUDIO_KINDS = {
    "mp3": ("mp3", "libmp3lame"),
    "wav": ("wav", "pcm_s16le"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
}


def audio_of(kind: str, seconds: float) -> bytes:
    return audio_file(seconds, *AUDIO_KINDS[kind])


@cache
def video(seconds: float = 0.5) -> bytes:
    import av
    import numpy as np

    out = BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(int(seconds * 24)):
            frame = av.VideoFrame.from_ndarray(np.zeros((240, 320, 3), np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()
