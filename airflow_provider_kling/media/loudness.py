# SPDX-License-Identifier: Apache-2.0
"""Measure loudness and silence of audio samples.

The loudness follows ITU-R BS.1770: blocks of 400 ms with 75 % overlap, K-weighting, an absolute gate at
-70 LUFS and a relative gate 10 LU below the average. The K-weighting is applied to the spectrum of each block
instead of the signal, which differs from a reference meter by a few tenths of a LU.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 48_000
"""Samples per second that :class:`LoudnessMeter` expects."""

_STEP = SAMPLE_RATE // 10
_STEPS_PER_BLOCK = 4
_BATCH_STEPS = 50
_OFFSET = -0.691
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_SILENCE = 10 ** (-60 / 20)
# High-shelf and high-pass filter of BS.1770 at 48 kHz: numerator and denominator.
_FILTERS = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)


class LoudnessMeter:
    """Measure audio that is fed in pieces.

    :ivar samples: number of samples per channel that were fed.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._pending: NDArray[np.float32] | None = None
        self._powers: list[float] = []
        self._steps = 0
        self._silent_steps = 0
        self._weights: NDArray[np.float64] | None = None

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Measure further samples.

        :param samples: array of shape (channels, samples) at 48 kHz, full scale 1.0; the number of channels
            stays the same.
        """
        import numpy as np

        self.samples += samples.shape[1]
        self._pending = samples if self._pending is None else np.concatenate((self._pending, samples), axis=1)
        if self._pending.shape[1] >= _BATCH_STEPS * _STEP:
            self._measure()

    def finish(self) -> tuple[float | None, float]:
        """Return the measurements of all samples.

        :return: integrated loudness in LUFS, ``None`` if all audio is below the gate; share of silence
            (100 ms windows with an RMS below -60 dBFS), 1.0 without samples.
        """
        if self._pending is not None:
            self._measure()
        # A shorter rest than one window counts only if it is all there is.
        if not self._steps and self._pending is not None and self._pending.shape[1]:
            self._count_silence(self._pending[:, None, :])
        silence = self._silent_steps / self._steps if self._steps else 1.0
        return self._integrated(), silence

    def _measure(self) -> None:
        import numpy as np

        samples = self._pending
        if samples is None:
            return
        overlap = (_STEPS_PER_BLOCK - 1) * _STEP
        steps = samples.shape[1] // _STEP
        # The first three steps were counted with the piece before.
        counted = 0 if not self._steps else _STEPS_PER_BLOCK - 1
        whole = samples[:, : steps * _STEP].reshape(samples.shape[0], steps, _STEP)
        if steps > counted:
            self._count_silence(whole[:, counted:])
        if steps < _STEPS_PER_BLOCK:
            # Too short for a block: counted above, so it is dropped.
            return
        weights = self._block_weights()
        for start in range(steps - _STEPS_PER_BLOCK + 1):
            block = samples[:, start * _STEP : (start + _STEPS_PER_BLOCK) * _STEP]
            spectrum = np.abs(np.fft.rfft(block, axis=1)) ** 2
            self._powers.append(float((spectrum * weights).sum()))
        self._pending = samples[:, steps * _STEP - overlap :]

    def _count_silence(self, steps: NDArray[np.float32]) -> None:
        import numpy as np

        rms = np.sqrt(np.mean(np.square(steps, dtype=np.float64), axis=(0, 2)))
        self._steps += rms.size
        self._silent_steps += int((rms < _SILENCE).sum())

    def _block_weights(self) -> NDArray[np.float64]:
        """Return the factors that turn the power spectrum of a block into its K-weighted mean square."""
        import numpy as np

        if self._weights is None:
            size = _STEPS_PER_BLOCK * _STEP
            z = np.exp(-2j * math.pi * np.arange(size // 2 + 1) / size)
            gain = np.ones(z.size)
            for upper, lower in _FILTERS:
                response = np.polyval(upper[::-1], z) / np.polyval(lower[::-1], z)
                gain = gain * np.abs(response) ** 2
            # Every frequency but the first and the last stands for two.
            gain[1:-1] *= 2
            self._weights = gain / size**2
        return self._weights

    def _integrated(self) -> float | None:
        loud = [power for power in self._powers if _lufs(power) > _ABSOLUTE_GATE]
        if not loud:
            return None
        gate = _lufs(sum(loud) / len(loud)) + _RELATIVE_GATE
        loud = [power for power in loud if _lufs(power) > gate]
        return round(_lufs(sum(loud) / len(loud)), 1)


def _lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(power) if power > 0 else -math.inf
