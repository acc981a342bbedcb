# SPDX-License-Identifier: Apache-2.0
"""Decodes and renders audio: synthetic speech, and audio of requests."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer

from .specs import AudioInfo, AudioSpec

SAMPLE_RATE = 44_100
_BLOCK = 1152
_SYLLABLES_A_SECOND = 4.0
_HARMONICS = 5

Samples = np.ndarray[Any, np.dtype[np.float32]]


def decode_samples(audio: AudioInfo) -> Samples:
    """Decode an audio file to mono samples from -1 to 1, :data:`SAMPLE_RATE` a second.

    :param audio: the file.
    :return: the samples.
    """
    return _placeholder_speech(audio) if audio.file is None else _decoded(audio.file)


def render(spec: AudioSpec, target: Path) -> None:
    """Write an audio file; the same spec always gives the same bytes.

    :param spec: what to write.
    :param target: path of the file.
    """
    data = decode_samples(spec.audio)
    if spec.kind == "wav":
        with wave.open(str(target), "wb") as stream:
            stream.setnchannels(1)
            stream.setsampwidth(2)
            stream.setframerate(SAMPLE_RATE)
            stream.writeframes((data * 32767).astype("<i2").tobytes())
        return
    options = {"fflags": "+bitexact", "write_xing": "1"}
    with av.open(str(target), "w", format="mp3", options=options) as container:
        pad_track(container, add_track(container, "libmp3lame"), data)


def add_track(container: OutputContainer, codec: str) -> Any:
    """Add an empty audio track to a file.

    :param container: the file.
    :param codec: name of the codec.
    :return: the track.
    """
    return container.add_stream(codec, rate=SAMPLE_RATE, layout="mono", format="fltp")


def pad_track(container: OutputContainer, stream: Any, data: Samples) -> None:
    """Write all samples to a track.

    :param container: the file.
    :param stream: the track.
    :param data: the samples.
    """
    for frame in _frames(data):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _frames(data: Samples) -> Iterator[av.AudioFrame]:
    for start in range(0, len(data), _BLOCK):
        block = np.ascontiguousarray(data[None, start : start + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = start
        yield frame


def _decoded(file: Path) -> Samples:
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(file), "r") as container:
        blocks = [
            block.to_ndarray()[0]
            for frame in [*container.decode(audio=0), None]
            for block in resampler.resample(frame)
        ]
    joined: Samples = np.clip(np.concatenate(blocks), -1, 1).astype(np.float32)
    return joined


def _placeholder_speech(audio: AudioInfo) -> Samples:
    """A voice-like tone in syllables; pitch and rhythm depend on the digest alone."""
    seed = bytes.fromhex(audio.digest[:16])
    time = np.arange(round(audio.seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 100 + seed[0] / 2
    melody = pitch * (1 + 0.05 * np.sin(2 * np.pi * 0.7 * time + seed[1]))
    phase = 2 * np.pi * np.cumsum(melody) / SAMPLE_RATE
    tone = sum(np.sin(phase * number) / number for number in range(1, _HARMONICS + 1))
    syllables = np.abs(np.sin(np.pi * _SYLLABLES_A_SECOND * time + seed[2])) ** 0.5
    return (0.25 * tone * syllables).astype(np.float32)
